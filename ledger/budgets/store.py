"""The SQL of budgets: reading them, the riders that make, change and end one, and the recount from the journal.

A budget that is made in the middle of a period counts what was spent in it. That may be millions of postings, which
nobody should read under a wallet's lock; but what a book has it keeps. So all up to some number is counted before,
piece by piece, and the rider counts, under the lock, only what came after.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.budgets.part import Kept, Place, Spent
from ledger.budgets.participant import BUDGETS, kept_of, spent_of
from ledger.budgets.periods import Turn, Window, moved
from ledger.kit.arrays import numbers, texts, times

Row = tuple[Any, ...]

PIECE: Final = 50_000
"""Transactions that one statement counts."""

TURNS_MAX: Final = 10
"""Moves to another time zone that a budget remembers. What lies before them does not concern it any more."""

BUDGETS_MAX: Final = 50
"""Budgets of a wallet: each of its uses asks all of them."""

_READ: Final = BUDGETS.replace("b.since,", "b.since, b.created_at, ledger_now(),")

USER: Final = "CASE WHEN json_typeof({0}) IN ('string', 'number') THEN nullif({0} #>> '{{}}', '') END"

# Who used, as `member_of` has it: named by the use itself, or by the hold that was captured.
_MEMBER: Final = f"""
(SELECT coalesce({USER.format("own.body::json #> '{metadata,user_id}'")},
    {USER.format("placed.body::json #> '{metadata,user_id}'")})
FROM (SELECT) AS one
LEFT JOIN notes own ON own.wallet_id = t.wallet_id AND own.number = coalesce(t.reverses, t.number)
LEFT JOIN notes placed ON placed.wallet_id = t.wallet_id AND placed.number = (
    SELECT h.hold FROM postings h WHERE h.wallet_id = t.wallet_id AND h.number = coalesce(t.reverses, t.number)
        AND h.hold IS NOT NULL LIMIT 1))"""

USED: Final = f"""
SELECT t.number, coalesce(o.effective_at, t.effective_at) AS at,
    CASE WHEN starts_with(p.credit, 'used:') THEN p.amount ELSE -p.amount END AS amount,
    substr(CASE WHEN starts_with(p.credit, 'used:') THEN p.credit ELSE p.debit END, 6) AS service,
    {_MEMBER} AS member
FROM transactions t
JOIN postings p ON p.wallet_id = t.wallet_id AND p.number = t.number
    AND (starts_with(p.credit, 'used:') OR starts_with(p.debit, 'used:'))
LEFT JOIN transactions o ON o.wallet_id = t.wallet_id AND o.number = t.reverses
WHERE t.wallet_id = %(wallet)s AND t.number > %(after)s AND t.number <= %(upto)s"""
"""What was used and given back by the transactions after a number, up to another: each when it counts."""

_COUNT: Final = f"""
SELECT coalesce(sum(u.amount), 0)::bigint, coalesce(max(u.number), 0),
    coalesce((SELECT recorded_at FROM transactions WHERE wallet_id = %(wallet)s AND number = %(after)s) >= %(start)s,
        false)
FROM ({USED}) AS u
WHERE u.at >= %(start)s AND u.at < %(end)s
    AND CASE %(scope)s WHEN 'wallet' THEN true WHEN 'service' THEN u.service = %(of)s ELSE u.member = %(of)s END"""

_MAKE: Final = f"""
INSERT INTO budgets (wallet_id, budget, scope, of, period, limit_micro, hard, alerts, time_zone, since)
SELECT %(wallet)s, %(budget)s, %(scope)s, %(of)s, %(period)s, %(limit)s, %(hard)s, %(alerts)s::smallint[], %(zone)s,
    %(since)s
WHERE (SELECT count(*) FROM budgets WHERE wallet_id = %(wallet)s) < {BUDGETS_MAX}
    AND EXISTS (SELECT FROM wallet_settings WHERE wallet_id = %(wallet)s AND time_zone = %(zone)s)
ON CONFLICT DO NOTHING"""

_RECOUNT: Final = f"""
WITH u AS ({USED})
INSERT INTO budget_spent (wallet_id, budget, start, spent_micro, told, number)
SELECT %(wallet)s, %(budget)s, w.start, w.spent + coalesce(sum(u.amount), 0), '{{}}',
    greatest(w.number, coalesce(max(u.number), 0))
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[], %(spent)s::bigint[], %(numbers)s::bigint[])
    AS w(start, "end", spent, number)
LEFT JOIN u ON u.at >= w.start AND u.at < w."end"
    AND CASE %(scope)s WHEN 'wallet' THEN true WHEN 'service' THEN u.service = %(of)s ELSE u.member = %(of)s END
GROUP BY w.start, w.spent, w.number"""

_CHANGE: Final = """
UPDATE budgets SET limit_micro = %(limit)s, hard = %(hard)s, alerts = %(alerts)s::smallint[]
WHERE wallet_id = %(wallet)s AND budget = %(budget)s
    AND limit_micro = %(old_limit)s AND hard = %(old_hard)s AND alerts = %(old_alerts)s::smallint[]"""

_MOVE: Final = """
WITH m AS (SELECT * FROM unnest(%(budgets)s::bigint[], %(turns)s::text[], %(since)s::timestamptz[])
    AS m(budget, turns, since)),
gone AS (
    DELETE FROM budget_spent s USING m WHERE s.wallet_id = %(wallet)s AND s.budget = m.budget AND s.start < m.since)
UPDATE budgets b SET turns = m.turns, since = m.since FROM m WHERE b.wallet_id = %(wallet)s AND b.budget = m.budget
    AND (SELECT count(*) FROM budgets WHERE wallet_id = %(wallet)s) = %(count)s"""

_NONE: Final = "SELECT FROM budgets WHERE wallet_id = %(wallet)s"

_END: Final = """
WITH spent AS (DELETE FROM budget_spent WHERE wallet_id = %(wallet)s AND budget = %(budget)s)
DELETE FROM budgets WHERE wallet_id = %(wallet)s AND budget = %(budget)s"""

_LAST: Final = 2**63 - 1

_turns: Final = msgspec.json.Encoder().encode


class Seen(NamedTuple):
    """A budget with its periods of late, as it was at ``now``."""

    kept: Kept
    wallet_id: int
    created_at: datetime
    now: datetime
    spent: dict[Place, Spent]


class Before(NamedTuple):
    """What the transactions up to ``upto`` spent of a period; ``number`` is the last of them that counted."""

    micro: int
    number: int
    upto: int


async def budgets_of(connection: AsyncConnection, wallet_id: int) -> list[Seen]:
    """A wallet's budgets, in no order."""
    rows = await _rows(connection, _READ, {"wallets": numbers([wallet_id]), "earliest": "{NULL}"})
    shown = [row[1:] for row in rows]
    spent = dict(spent_of(shown, 13))
    seen: dict[int, Seen] = {}
    for row in shown:
        seen.setdefault(row[1], Seen(kept_of(row), wallet_id, row[11], row[12], spent))
    return list(seen.values())


async def count(connection: AsyncConnection, wallet_id: int, scope: str, of: str | None, window: Window) -> Before:
    """What the wallet's journal so far says was spent in a period, read backwards in pieces."""
    ((upto,),) = await _rows(
        connection, "SELECT number FROM wallets WHERE wallet_id = %(wallet)s", {"wallet": wallet_id}
    )
    params = {"wallet": wallet_id, "scope": scope, "of": of, "start": window.start, "end": window.end}
    micro = last = 0
    high, more = upto, True
    # Nothing counts before it happened, so that the period begins no earlier than what was recorded in it.
    while high and more:
        low = max(0, high - PIECE)
        ((part, number, more),) = await _rows(connection, _COUNT, params | {"after": low, "upto": high})
        micro += part
        last = max(last, number)
        high = low
    return Before(micro, last, upto)


def make_riders(wallet_id: int, kept: Kept, window: Window, next_window: Window, before: Before) -> tuple[Rider, Rider]:
    """Make a budget, and count what was spent in this period and in the next, which may begin before it is written."""
    rule = kept.rule
    same = {"wallet": wallet_id, "budget": kept.number, "scope": rule.scope, "of": rule.of}
    make = {
        "period": rule.period,
        "limit": rule.limit_micro,
        "hard": rule.hard,
        "alerts": list(rule.alerts),
        "zone": kept.calendar.first.key,
        "since": kept.since,
    }
    recount = {
        "after": before.upto,
        "upto": _LAST,
        "starts": times([window.start, next_window.start]),
        "ends": times([window.end, next_window.end]),
        "spent": numbers([before.micro, 0]),
        "numbers": numbers([before.number, 0]),
    }
    return Rider(sql=_MAKE, params=same | make), Rider(sql=_RECOUNT, params=same | recount, expect=2)


def change_rider(wallet_id: int, old: Kept, limit_micro: int, hard: bool, alerts: Sequence[int]) -> Rider:
    """Change a budget, as long as it is what it was."""
    params = {
        "wallet": wallet_id,
        "budget": old.number,
        "limit": limit_micro,
        "hard": hard,
        "alerts": list(alerts),
        "old_limit": old.rule.limit_micro,
        "old_hard": old.rule.hard,
        "old_alerts": list(old.rule.alerts),
    }
    return Rider(sql=_CHANGE, params=params)


def move_rider(wallet_id: int, seen: Sequence[Seen], zone: ZoneInfo) -> Rider:
    """Take the wallet's budgets (all that it has) along to another zone."""
    if not seen:
        return Rider(sql=_NONE, params={"wallet": wallet_id}, expect=0)
    turns: list[list[Turn]] = []
    since: list[datetime] = []
    for each in seen:
        kept = each.kept
        moves = moved(kept.calendar, each.now, kept.rule.period, zone).turns[-TURNS_MAX:]
        turns.append(list(moves))
        since.append(max(kept.since, moves[0].at) if len(moves) == TURNS_MAX else kept.since)
    params = {
        "wallet": wallet_id,
        "budgets": numbers([each.kept.number for each in seen]),
        "turns": texts([_turns([(turn.at, turn.zone.key) for turn in moves]).decode() for moves in turns]),
        "since": times(since),
        "count": len(seen),
    }
    return Rider(sql=_MOVE, params=params, expect=len(seen))


def end_rider(wallet_id: int, number: int) -> Rider:
    """End a budget, and forget what was spent of it."""
    return Rider(sql=_END, params={"wallet": wallet_id, "budget": number})


async def _rows(connection: AsyncConnection, text: str, params: dict[str, Any]) -> list[Row]:
    return [tuple(row) for row in (await connection.exec_driver_sql(text, params)).fetchall()]
