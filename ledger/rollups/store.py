"""The SQL of rollups: what a transaction adds to the sums, and adding it, whatever the number of wallets.

Every look-up is by key and lateral, so that a plan that was made while the tables were small stays right.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.arrays import numbers, texts
from ledger.rollups.days import ADD_DAYS, MORE, keep_recent
from ledger.rollups.tables import LABEL_MAX

ADDED: Final = f"""
    t.wallet_id, t.number, coalesce(l.service, u.service) AS service, coalesce(u.meter, '') AS meter,
    coalesce(u.occurred_at, (n.body #>> '{{facts,occurred_at}}')::timestamptz, o.effective_at, t.effective_at) AS at,
    coalesce(left(n.body #>> '{{metadata,user_id}}', {LABEL_MAX}), '') AS user_id,
    coalesce(left(n.body #>> '{{metadata,purpose}}', {LABEL_MAX}), '') AS purpose,
    n.body -> 'metadata' AS metadata, n.body #>> '{{facts,session}}' AS session,
    coalesce(l.charged, 0) AS charged, coalesce(l.refunded, 0) AS refunded, coalesce(l.earned, 0) AS earned,
    k.operations, k.operations * coalesce(u.quantity, 0) AS quantity"""
"""What transaction ``t`` adds. ``service`` is NULL where it used nothing and gave nothing back."""

OF: Final = """
CROSS JOIN LATERAL (
    SELECT sum(amount) FILTER (WHERE starts_with(credit, 'used:')) AS charged,
        sum(amount) FILTER (WHERE starts_with(debit, 'used:')) AS refunded,
        sum(CASE 'issued:earned' WHEN debit THEN amount WHEN credit THEN -amount END) AS earned,
        max(CASE WHEN starts_with(credit, 'used:') THEN substr(credit, 6)
                 WHEN starts_with(debit, 'used:') THEN substr(debit, 6) END) AS service
    FROM postings WHERE wallet_id = t.wallet_id AND number = t.number AND asset = 'CREDIT') AS l
LEFT JOIN LATERAL (
    SELECT service, meter, occurred_at, quantity FROM usage
    WHERE wallet_id = t.wallet_id AND number = coalesce(t.reverses, t.number) LIMIT 1) AS u ON true
LEFT JOIN LATERAL (
    SELECT body::jsonb AS body FROM notes
    WHERE wallet_id = t.wallet_id AND number = coalesce(t.reverses, t.number) LIMIT 1) AS n ON true
LEFT JOIN LATERAL (
    SELECT effective_at FROM transactions
    WHERE wallet_id = t.wallet_id AND number = t.reverses LIMIT 1) AS o ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.kind = 'void' THEN -1
                WHEN t.reverses IS NULL AND (l.charged > 0 OR u.service IS NOT NULL) THEN 1 ELSE 0 END
        AS operations) AS k"""
"""Where the columns of ADDED come from. What undoes another transaction has the notes, the time and the usage of that
one: it belongs where that was used. A void takes the operation and its quantity back; a refund is of a job that ran."""

_MARK: Final = """
INSERT INTO rollup_marks (wallet_id, zone)
SELECT wallet_id, time_zone FROM wallet_settings WHERE wallet_id = ANY(%(wallets)s::bigint[]) ORDER BY wallet_id
ON CONFLICT (wallet_id) DO NOTHING"""

_LOCK: Final = """
SELECT m.wallet_id, m.number, m.zone, s.time_zone FROM rollup_marks m JOIN wallet_settings s USING (wallet_id)
WHERE m.wallet_id = ANY(%(wallets)s::bigint[]) ORDER BY m.wallet_id FOR NO KEY UPDATE OF m"""

_LOCK_FREE_ONES: Final = _LOCK + " SKIP LOCKED"

_ADDING: Final = f"""
WITH added AS MATERIALIZED (
    SELECT {ADDED}, m.zone
    FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[], %(zones)s::text[]) AS m(wallet_id, number, zone)
    CROSS JOIN LATERAL (
        SELECT * FROM transactions WHERE wallet_id = m.wallet_id AND number > m.number AND number <= %(up_to)s
        ORDER BY number LIMIT %(limit)s::int) AS t
    {OF}),
begun AS (
    INSERT INTO rollup_sessions (wallet_id, session, number)
    SELECT DISTINCT ON (wallet_id, session) wallet_id, md5(session)::uuid, number FROM added
    WHERE operations > 0 AND session IS NOT NULL ORDER BY wallet_id, session, number
    ON CONFLICT (wallet_id, session) DO NOTHING RETURNING wallet_id, number),
slots AS MATERIALIZED (
    SELECT wallet_id, date_bin('15 minutes', at, 'epoch') AS slot, service, meter, user_id, purpose,
        sum(quantity) AS quantity, sum(charged) AS charged_micro, sum(refunded) AS refunded_micro,
        sum(operations) AS operations, count(b.number) AS sessions, zone
    FROM added LEFT JOIN begun b USING (wallet_id, number) WHERE service IS NOT NULL
    GROUP BY wallet_id, 2, service, meter, user_id, purpose, zone),
by_slot AS (
    INSERT INTO rollups AS r (wallet_id, slot, service, meter, user_id, purpose, quantity, charged_micro,
        refunded_micro, operations, sessions)
    SELECT wallet_id, slot, service, meter, user_id, purpose, quantity, charged_micro, refunded_micro, operations,
        sessions FROM slots
    ON CONFLICT (wallet_id, slot, service, meter, user_id, purpose) DO UPDATE SET {MORE.format(of="r")})"""

_MOVING: Final = """
UPDATE rollup_marks m
SET number = s.number, earned_micro = m.earned_micro + s.earned, charged_micro = m.charged_micro + s.charged,
    refunded_micro = m.refunded_micro + s.refunded, operations = m.operations + s.operations,
    sessions = m.sessions + s.sessions, first_day = least(m.first_day, s.first_day),
    last_day = greatest(m.last_day, s.last_day), rolled_at = ledger_now()
FROM (
    SELECT wallet_id, max(number) AS number, count(*) AS found, sum(earned) AS earned, sum(charged) AS charged,
        sum(refunded) AS refunded, sum(operations) AS operations,
        (SELECT count(*) FROM begun b WHERE b.wallet_id = added.wallet_id) AS sessions,
        min((at AT TIME ZONE zone)::date) FILTER (WHERE operations > 0) AS first_day,
        max((at AT TIME ZONE zone)::date) FILTER (WHERE operations > 0) AS last_day
    FROM added GROUP BY wallet_id) AS s
WHERE m.wallet_id = s.wallet_id
RETURNING m.wallet_id, s.found"""

_ROLL: Final = f"{_ADDING}, by_day AS ({ADD_DAYS.format(zone='zone', slots='slots')}) {_MOVING}"
_ROLL_SLOTS: Final = f"{_ADDING} {_MOVING}"

_FORGET: Final = """
WITH sums AS (DELETE FROM rollups WHERE wallet_id = %(wallet)s),
days AS (DELETE FROM rollup_days WHERE wallet_id = %(wallet)s),
sessions AS (DELETE FROM rollup_sessions WHERE wallet_id = %(wallet)s)
UPDATE rollup_marks SET number = 0, zone = %(zone)s, earned_micro = 0, charged_micro = 0, refunded_micro = 0,
    operations = 0, sessions = 0, first_day = NULL, last_day = NULL, recent = '[]' WHERE wallet_id = %(wallet)s"""

_CONTENT: Final = """
SELECT (SELECT md5(string_agg(r::text, '|' ORDER BY r::text)) FROM rollups r WHERE wallet_id = %(wallet)s),
    (SELECT md5(string_agg(d::text, '|' ORDER BY d::text)) FROM rollup_days d WHERE wallet_id = %(wallet)s),
    (SELECT (earned_micro, charged_micro, refunded_micro, operations, sessions, first_day, last_day, recent)::text
     FROM rollup_marks WHERE wallet_id = %(wallet)s)"""

# What the planner believes of ``unsealed`` and of tables that were small is wrong. Compiling a statement takes longer
# than running it, and no look-up of it is made twice. And no commit is waited for: what a crash takes away is sums and
# mark alike, and is added again.
_SET: Final = """
SELECT set_config(name, 'off', true)
FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_memoize', 'jit', 'synchronous_commit']) AS name"""

_IS_BEHIND: Final = """
SELECT w.number > coalesce(m.number, 0) OR m.zone <> s.time_zone
FROM wallets w JOIN wallet_settings s USING (wallet_id) LEFT JOIN rollup_marks m USING (wallet_id)
WHERE w.wallet_id = %(wallet)s"""

_BEHIND: Final = """
SELECT p.wallet_id, w.number > coalesce(m.number, 0)
FROM (SELECT wallet_id FROM {among} WHERE wallet_id > %(after)s ORDER BY wallet_id LIMIT %(limit)s) AS p
JOIN wallets w USING (wallet_id) LEFT JOIN rollup_marks m USING (wallet_id) ORDER BY p.wallet_id"""


LAST: Final = 2**63 - 1


class Mark(NamedTuple):
    """A locked mark: up to which ``number`` the sums go, the ``zone`` of its days, and the wallet's time zone now."""

    wallet_id: int
    number: int
    zone: str
    time_zone: str


async def lock(connection: AsyncConnection, wallet_ids: Iterable[int], *, wait: bool) -> list[Mark]:
    """Lock the marks of these wallets, made where there are none; without ``wait``, of those that nobody else has."""
    params = {"wallets": numbers(wallet_ids)}
    await connection.exec_driver_sql(_SET)
    await connection.exec_driver_sql(_MARK, params)
    rows: Any = await connection.exec_driver_sql(_LOCK if wait else _LOCK_FREE_ONES, params)
    return [Mark(*row) for row in rows]


async def add(
    connection: AsyncConnection, marks: Sequence[Mark], limit: int, *, up_to: int = LAST, days: bool = True
) -> dict[int, int]:
    """Add the next transactions of each of these locked wallets, ``limit`` at most and none above ``up_to``, and move
    its mark; gives how many there were of each that had any. Without ``days``, to their slots alone."""
    params = {
        "wallets": numbers(mark.wallet_id for mark in marks),
        "numbers": numbers(mark.number for mark in marks),
        "zones": texts([mark.time_zone for mark in marks]),
        "limit": limit,
        "up_to": up_to,
    }
    rows: Any = await connection.exec_driver_sql(_ROLL if days else _ROLL_SLOTS, params)
    added: dict[int, int] = dict(list(rows))
    if added and days:
        await keep_recent(connection, added)
    return added


async def forget(connection: AsyncConnection, mark: Mark) -> None:
    """Take everything back that was added of a locked wallet."""
    await connection.exec_driver_sql(_FORGET, {"wallet": mark.wallet_id, "zone": mark.time_zone})


async def content(connection: AsyncConnection, wallet_id: int) -> tuple[Any, ...]:
    """What is equal for equal sums."""
    return tuple((await connection.exec_driver_sql(_CONTENT, {"wallet": wallet_id})).one())


async def is_behind(connection: AsyncConnection, wallet_id: int) -> bool:
    """Whether something of a wallet is not rolled up, or not by the time zone that it has now."""
    found = await connection.exec_driver_sql(_IS_BEHIND, {"wallet": wallet_id})
    return bool(found.scalar_one_or_none())


async def behind(connection: AsyncConnection, among: str, after: int, limit: int) -> tuple[list[int], int | None]:
    """Those of the next ``limit`` wallets, above ``after``, of which something is not rolled up; and the last one that
    was looked at, None at the end. ``among``: the table that names the wallets."""
    await connection.exec_driver_sql(_SET)
    result = await connection.exec_driver_sql(_BEHIND.format(among=among), {"after": after, "limit": limit})
    rows = cast("list[tuple[int, bool]]", result.fetchall())
    return [wallet_id for wallet_id, is_behind in rows if is_behind], rows[-1][0] if len(rows) == limit else None
