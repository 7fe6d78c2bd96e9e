"""The rows of deliveries, as the courier works on them.

    due        to be sent at ``due_at``
    sending    claimed: somebody sends it, until its lease ends at ``due_at``
    delivered  the receiver answered 2xx
    exhausted  given up, and why

The number of an attempt is what it is claimed by: who comes late with an outcome finds another number, or another
state, and writes nothing. Whoever claims or writes down locks the endpoints first, in their order.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.arrays import each, numbers, texts, times, words
from ledger.webhooks.deliveries.rules import Health

WHY_ENDED: Final = {"deleted": "deleted", "gone": "gone", "failing": "failing"}


def first_of_each(after: str) -> str:
    """A query for the delivery that is due first of each endpoint behind ``after``, an expression of SQL: one look at
    the index for each endpoint that has something to send, however much that is."""
    return f"""
WITH RECURSIVE d AS (
    (SELECT endpoint, due_at FROM webhook_deliveries WHERE state = 'due' AND endpoint > {after}
        ORDER BY endpoint, due_at LIMIT 1)
    UNION ALL
    SELECT n.endpoint, n.due_at FROM d CROSS JOIN LATERAL (
        SELECT endpoint, due_at FROM webhook_deliveries WHERE state = 'due' AND endpoint > d.endpoint
        ORDER BY endpoint, due_at LIMIT 1) n)
SELECT endpoint, due_at FROM d"""


_WAITING: Final = f"""
SELECT d.endpoint, d.due_at <= t.now AND CASE e.state
    WHEN 'enabled' THEN coalesce(e.paused_until <= t.now, true)
    WHEN 'disabled' THEN e.disabled_for <> 'request' ELSE true END
FROM ({first_of_each("%(after)s")} LIMIT %(limit)s) d JOIN webhook_endpoints e USING (endpoint)
CROSS JOIN (SELECT ledger_now() AS now) t ORDER BY endpoint"""

_LOCK: Final = """
SELECT endpoint, owner_id, url, state, disabled_for, ledger_now() AS now,
    failures, failing_since, warned_at, paused_until, slots
FROM webhook_endpoints WHERE endpoint = ANY(%(endpoints)s::bigint[]) ORDER BY endpoint FOR NO KEY UPDATE"""

_CLAIM: Final = f"""
WITH r AS ({each(endpoints="bigint", owners="bigint", slots="int")}),
s AS (
    SELECT endpoints, owners, slots, many, sum(many) OVER (PARTITION BY owners) AS busy FROM r CROSS JOIN LATERAL (
        SELECT count(*) AS many FROM webhook_deliveries WHERE endpoint = r.endpoints AND state = 'sending') c)
UPDATE webhook_deliveries d
SET state = 'sending', attempts = d.attempts + 1, due_at = %(now)s + make_interval(secs => %(lease)s)
FROM (
    SELECT p.delivery, p.attempts, p.wallet_id, p.event,
        s.busy + row_number() OVER (PARTITION BY s.owners ORDER BY s.many + p.place, p.due_at) AS turn
    FROM s CROSS JOIN LATERAL (
        SELECT delivery, attempts, wallet_id, event, due_at, row_number() OVER (ORDER BY due_at) AS place FROM (
            SELECT * FROM webhook_deliveries WHERE endpoint = s.endpoints AND state = 'due' AND due_at <= %(now)s
            ORDER BY due_at LIMIT greatest(s.slots - s.many, 0)) d) p
    ORDER BY turn, random() LIMIT %(limit)s) p
JOIN outbox o USING (wallet_id, event)
WHERE d.delivery = p.delivery AND d.attempts = p.attempts AND d.finished_at IS NULL
RETURNING d.delivery, d.attempts, d.endpoint, d.wallet_id, d.event, o.recorded_at, o.payload"""
"""The first of each owner, then the second of each, and so on, with those on their way counted, and among the endpoints
of an owner in the same manner: who has many waits behind who has few, and who takes long behind who does not. Lots are
drawn among those whose turn is the same: otherwise whoever is behind the most would always be the first.

That a delivery is still due is said without its state: a planner whose statistics are of a quiet time takes the index
of what is due for empty, and would go through all of it for each delivery.
"""

_LOST: Final = """
SELECT delivery, attempts, endpoint FROM webhook_deliveries
WHERE state = 'sending' AND due_at < (SELECT ledger_now()) LIMIT %(limit)s"""

_HELD: Final = """
SELECT delivery, attempts, round FROM webhook_deliveries
WHERE delivery = ANY(%(deliveries)s::bigint[]) AND state = 'sending' ORDER BY delivery FOR NO KEY UPDATE"""

_WRITE: Final = f"""
UPDATE webhook_deliveries d SET state = w.states, round = w.rounds, due_at = coalesce(w.due, d.due_at),
    exhausted_for = w.whys, finished_at = CASE WHEN w.states IN ('delivered', 'exhausted') THEN %(now)s END
FROM ({each(deliveries="bigint", states="text", rounds="int", due="timestamptz", whys="text")}) w
WHERE d.delivery = w.deliveries"""

_LOG_OF = each(
    deliveries="bigint",
    attempts="int",
    at="timestamptz",
    urls="text",
    outcomes="text",
    took_ms="int",
    statuses="int",
    replies="text",
)
_LOG: Final = f"""
INSERT INTO webhook_attempts (delivery, attempt, at, url, outcome, duration_ms, status, reply)
{_LOG_OF} ON CONFLICT DO NOTHING"""

_SAME: Final = f"""
DELETE FROM webhook_attempts a USING ({each(deliveries="bigint", attempts="int", outcomes="text")}) w
WHERE a.delivery = w.deliveries AND a.attempt = w.attempts - 1 AND a.outcome = w.outcomes"""

_KNOWN: Final = f"""
UPDATE webhook_endpoints e SET failures = k.failures, failing_since = k.since, warned_at = k.warned,
    paused_until = k.paused, slots = k.slots,
    state = CASE WHEN k.ends IS NULL THEN e.state ELSE 'disabled' END,
    disabled_for = coalesce(k.ends, e.disabled_for),
    disabled_at = CASE WHEN k.ends IS NULL THEN e.disabled_at ELSE %(now)s END,
    told_at = CASE WHEN k.ends IS NULL THEN e.told_at END
FROM ({
    each(
        endpoints="bigint",
        failures="int",
        since="timestamptz",
        warned="timestamptz",
        paused="timestamptz",
        slots="int",
        ends="text",
    )
}) k
WHERE e.endpoint = k.endpoints"""


class Receiver(NamedTuple):
    """An endpoint as it is, locked. ``ended``: why nothing will be delivered to it any more, where that is so."""

    endpoint: int
    owner_id: str | None
    url: str
    enabled: bool
    ended: str | None
    now: datetime
    health: Health


class Claimed(NamedTuple):
    """An attempt that this process makes. ``payload``: what is sent, as text."""

    delivery: int
    attempt: int
    endpoint: int
    wallet_id: int
    event: int
    recorded_at: datetime
    payload: str


class Tried(NamedTuple):
    """An attempt for the log."""

    delivery: int
    attempt: int
    at: datetime
    url: str
    outcome: str
    duration_ms: int
    status: int | None
    reply: str | None


class Written(NamedTuple):
    """What becomes of a delivery. ``due_at`` None leaves it."""

    delivery: int
    state: str
    round: int
    due_at: datetime | None
    exhausted_for: str | None


async def waiting(connection: AsyncConnection, after: int, limit: int) -> tuple[list[int], int]:
    """Endpoints behind ``after`` for which something is to be done, of the next ``limit`` that have something to send;
    and behind which of them to go on, 0 where these were all."""
    found: Any = (await connection.exec_driver_sql(_WAITING, {"after": after, "limit": limit})).all()
    return [endpoint for endpoint, due in found if due], found[-1][0] if len(found) == limit else 0


async def lock(connection: AsyncConnection, endpoints: Iterable[int]) -> dict[int, Receiver]:
    """These endpoints, which nobody else changes until the end of the transaction."""
    found = await connection.exec_driver_sql(_LOCK, {"endpoints": numbers(sorted(endpoints))})
    return {row.endpoint: _receiver(row) for row in found}


def _receiver(row: Any) -> Receiver:
    ended = WHY_ENDED.get("deleted" if row.state == "deleted" else row.disabled_for)
    health = Health(row.failures, row.failing_since, row.warned_at, row.paused_until, row.slots)
    return Receiver(row.endpoint, row.owner_id, row.url, row.state == "enabled", ended, row.now, health)


async def claim(
    connection: AsyncConnection,
    slots: Mapping[int, int],
    owners: Sequence[str | None],
    now: datetime,
    *,
    lease_s: float,
    limit: int,
) -> list[Claimed]:
    """Take deliveries that are due: of each endpoint so many, less those that are on their way already, and ``limit``
    in all. ``owners``: theirs; one of the platform is as one of an owner of its own. The endpoints are locked, by a
    statement before this."""
    groups: dict[str | None, int] = {}
    of = [
        endpoint if owner is None else groups.setdefault(owner, -1 - len(groups))
        for endpoint, owner in zip(slots, owners, strict=True)
    ]
    places = {"endpoints": numbers(slots), "owners": numbers(of), "slots": numbers(slots.values())}
    params = places | {"now": now, "lease": lease_s, "limit": limit}
    found: Any = await connection.exec_driver_sql(_CLAIM, params)
    return [Claimed(*row) for row in found]


async def lost(connection: AsyncConnection, limit: int) -> list[tuple[int, int, int]]:
    """Attempts whose lease ended, as (delivery, attempt, endpoint): whoever made them is not heard of."""
    found: Any = await connection.exec_driver_sql(_LOST, {"limit": limit})
    return [tuple(row) for row in found]


async def held(connection: AsyncConnection, deliveries: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Those that are still claimed, locked: the number of their attempt, and their round."""
    found: Any = await connection.exec_driver_sql(_HELD, {"deliveries": numbers(deliveries)})
    return {delivery: (attempts, round_) for delivery, attempts, round_ in found}


async def write(connection: AsyncConnection, now: datetime, written: Sequence[Written], log: Sequence[Tried]) -> None:
    """What became of attempts, and the attempts. The deliveries are locked."""
    if not written:
        return
    params = {
        "now": now,
        "deliveries": numbers([one.delivery for one in written]),
        "states": words([one.state for one in written]),
        "rounds": numbers([one.round for one in written]),
        "due": times([one.due_at for one in written]),
        "whys": words([one.exhausted_for for one in written]),
    }
    await connection.exec_driver_sql(_WRITE, params)
    params = {
        "deliveries": numbers([one.delivery for one in log]),
        "attempts": numbers([one.attempt for one in log]),
        "at": times([one.at for one in log]),
        "urls": texts([one.url for one in log]),
        "outcomes": words([one.outcome for one in log]),
        "took_ms": numbers([one.duration_ms for one in log]),
        "statuses": numbers([one.status for one in log]),
        "replies": texts([one.reply for one in log]),
    }
    await connection.exec_driver_sql(_LOG, params)


async def only_last(connection: AsyncConnection, repeated: Sequence[Tried]) -> None:
    """Of attempts that ended as the one before did, keep these: they go on until somebody mends something."""
    if repeated:
        params = {
            "deliveries": numbers([one.delivery for one in repeated]),
            "attempts": numbers([one.attempt for one in repeated]),
            "outcomes": words([one.outcome for one in repeated]),
        }
        await connection.exec_driver_sql(_SAME, params)


async def know(
    connection: AsyncConnection, now: datetime, known: Mapping[int, Health], ends: Mapping[int, str]
) -> None:
    """What is known of endpoints now, and why some of them end. They are locked."""
    if not known:
        return
    params = {
        "now": now,
        "endpoints": numbers(known),
        "failures": numbers([one.failures for one in known.values()]),
        "since": times([one.failing_since for one in known.values()]),
        "warned": times([one.warned_at for one in known.values()]),
        "paused": times([one.paused_until for one in known.values()]),
        "slots": numbers([one.slots for one in known.values()]),
        "ends": words([ends.get(endpoint) for endpoint in known]),
    }
    await connection.exec_driver_sql(_KNOWN, params)
