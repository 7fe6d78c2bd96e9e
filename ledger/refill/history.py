"""What moved a wallet in the last days, without automatic refills: the history that a what-if replays.

A refill is left out with all that undid it later: its refund, its dispute. Each transaction is an entry of its own, of
``EXACT_MAX`` at most. A wallet that moved more often is looked at each hour: the book knows the balance after every
transaction, so that the last one of each hour is found by halving, and the millions between are not read.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, NamedTuple, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.read import NUMBER_AT
from ledger.budgets.periods import Window
from ledger.refill.rules.simulate import Entry, Position

EXACT_MAX: Final = 10_000
"""Transactions that are read one by one."""

DAYS_MAX: Final = 90

_STANDS: Final = "t.wallet_after - t.owed_after, t.held_after"

_HEAD: Final = """
SELECT w.number, ledger_now(),
    (SELECT t.recorded_at FROM transactions t WHERE t.wallet_id = w.wallet_id AND t.number = 1),
    (SELECT greatest(((f.body::json ->> 'expected_micro')::numeric / 30)::bigint, 0) FROM forecasts f
     WHERE f.wallet_id = w.wallet_id)
FROM wallets w WHERE w.wallet_id = %(wallet)s"""

_AT: Final = f"SELECT {_STANDS} FROM transactions t WHERE wallet_id = %(wallet)s AND number = %(first)s"

_EACH: Final = f"""
SELECT t.number, t.recorded_at, {_STANDS} FROM transactions t
WHERE wallet_id = %(wallet)s AND number > %(first)s AND number <= %(last)s ORDER BY number"""

# Every look-up is by key and lateral, so that a plan that was made while the table was small stays right.
_HOURLY: Final = f"""
SELECT t.number, t.recorded_at, {_STANDS}
FROM (
    SELECT DISTINCT n.low FROM generate_series(date_trunc('hour', %(start)s::timestamptz) + interval '1 hour',
        %(end)s::timestamptz + interval '1 hour', interval '1 hour') AS h(at)
    CROSS JOIN LATERAL (
        WITH RECURSIVE halving(low, high) AS (
            SELECT %(first)s::bigint, %(last)s::bigint
            UNION ALL
            SELECT CASE WHEN m.recorded_at <= h.at THEN m.number ELSE low END,
                   CASE WHEN m.recorded_at <= h.at THEN high ELSE m.number - 1 END
            FROM halving CROSS JOIN LATERAL (
                SELECT number, recorded_at FROM transactions
                WHERE wallet_id = %(wallet)s AND number = (low + high + 1) / 2 LIMIT 1) AS m
            WHERE low < high)
        SELECT low FROM halving WHERE low >= high) AS n
    WHERE n.low > %(first)s) AS n
CROSS JOIN LATERAL (SELECT * FROM transactions WHERE wallet_id = %(wallet)s AND number = n.low LIMIT 1) AS t
ORDER BY t.number"""

_REFILLS: Final = """
WITH RECURSIVE bought AS MATERIALIZED (
    SELECT payment, number FROM payments
    WHERE wallet_id = %(wallet)s AND refill IS NOT NULL AND number > %(first)s AND number <= %(last)s),
refill(number, purchase) AS (
    (SELECT number, true FROM bought
    UNION ALL
    SELECT u.number, false FROM bought b JOIN payment_refunds u ON u.wallet_id = %(wallet)s AND u.payment = b.payment
    UNION ALL
    SELECT d.number, false FROM bought b JOIN payment_disputes d ON d.wallet_id = %(wallet)s AND d.payment = b.payment
        AND d.number IS NOT NULL)
    UNION
    SELECT t.number, false FROM refill r JOIN transactions t
        ON t.wallet_id = %(wallet)s AND t.reverses = r.number AND t.reverses IS NOT NULL)
SELECT r.number, r.purchase, t.wallet_after - t.owed_after - coalesce(b.wallet_after - b.owed_after, 0),
    t.held_after - coalesce(b.held_after, 0)
FROM refill r JOIN transactions t ON t.wallet_id = %(wallet)s AND t.number = r.number
LEFT JOIN transactions b ON b.wallet_id = %(wallet)s AND b.number = r.number - 1
WHERE r.number <= %(last)s ORDER BY r.number"""


class History(NamedTuple):
    """``exact``: whether each transaction is an entry, else each hour. ``refills``: how many were left out.
    ``burn_micro``: what is usually used a day, by the wallet's forecast, where it has one."""

    window: Window
    start: Position
    entries: Sequence[Entry]
    exact: bool
    transactions: int
    refills: int
    burn_micro: int | None


class _Sample(NamedTuple):
    """How the wallet stood after a transaction."""

    number: int
    at: datetime
    free_micro: int
    held_micro: int


class _Refill(NamedTuple):
    """By how much a refill, or what undid one, moved the wallet."""

    number: int
    purchase: bool
    free_micro: int
    held_micro: int


async def history(connection: AsyncConnection, wallet_id: int, days: int, exact_max: int) -> History | None:
    """The last days of a wallet, from its first transaction on where that is later; None where there is no wallet.

    All of it is one snapshot, if the transaction is one.
    """
    head = await _rows(connection, _HEAD, {"wallet": wallet_id})
    if not head:
        return None
    last, now, begun_at, burn_micro = head[0]
    since = now - timedelta(days=days)
    [(first,)] = await _rows(connection, NUMBER_AT, {"wallet": wallet_id, "at": since})
    if first == 0 and begun_at is not None:
        since = begun_at
    params = {"wallet": wallet_id, "first": first, "last": last, "start": since, "end": now}
    start = Position(*next(iter(await _rows(connection, _AT, params)), (0, 0)))
    exact = last - first <= exact_max
    samples = [_Sample(*row) for row in await _rows(connection, _EACH if exact else _HOURLY, params)]
    refills = [_Refill(*row) for row in await _rows(connection, _REFILLS, params)]
    return History(
        window=Window(since, now),
        start=start,
        entries=_entries(_Sample(first, since, *start), samples, refills),
        exact=exact,
        transactions=last - first,
        refills=sum(refill.purchase for refill in refills),
        burn_micro=burn_micro,
    )


def _entries(before: _Sample, samples: Sequence[_Sample], refills: Sequence[_Refill]) -> list[Entry]:
    """What moved the wallet from one sample to the next, less what refills did of it."""
    entries = []
    waiting = chain(refills, [None])
    refill = next(waiting)
    for sample in samples:
        free_micro, held_micro = sample.free_micro - before.free_micro, sample.held_micro - before.held_micro
        while refill is not None and refill.number <= sample.number:
            free_micro -= refill.free_micro
            held_micro -= refill.held_micro
            refill = next(waiting)
        # A clock that was set back does not turn the order of the book around.
        before = sample._replace(at=max(before.at, sample.at))
        if free_micro or held_micro:
            entries.append(Entry(before.at, free_micro, held_micro))
    return entries


async def _rows(connection: AsyncConnection, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    result = await connection.exec_driver_sql(sql, params)
    return cast("list[tuple[Any, ...]]", result.fetchall())
