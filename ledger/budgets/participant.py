"""Budgets in every unit of work: what is loaded for it under the wallets' locks.

A wallet without budgets costs one look into an index, and its unit has no part of ours. For one with budgets the
periods are loaded from that of the earliest use on. Only attempts that undo a use, capture a hold or are no posting at
all need another statement. Each row begins with what it is, since the statements differ from unit to unit.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from ledger.book.commands import Attempt, BookDue, Capture, Notes, Reverse
from ledger.book.participants import Statement
from ledger.budgets.part import Budgets, Counted, Found, Held, Kept, Place, Spent, Told, member_of
from ledger.budgets.periods import Calendar, Turn
from ledger.budgets.rules import Budget
from ledger.budgets.tables import NO_TURNS
from ledger.events.payloads import UsageSpike
from ledger.kit.arrays import numbers, texts, times
from ledger.kit.ids import row_public
from ledger.kit.wire import Row

DUE: Final = "due"
"""The namespace of the task that books what is due, many wallets in one request: it has nothing told, for one that is
locked may still be left alone with all of its request."""

SPIKE: Final = "usage.spike"
"""The fact of a ``BookDue`` that has a spike to tell: the event's data as JSON."""

# A period's row is found without the calendar: no day, week or month is longer, whatever the clock there does and
# wherever the wallet moves.
# (OFFSET 0 keeps the bound in the look-up; joined, it would filter all periods that the budget ever had.)
BUDGETS: Final = """
SELECT 'budget', b.wallet_id, b.budget, b.scope, b.of, b.period, b.limit_micro, b.hard, b.alerts, b.time_zone, b.turns,
    b.since, s.start, s.spent_micro, s.told, s.number
FROM unnest(%(wallets)s::bigint[], %(earliest)s::timestamptz[]) AS w(wallet_id, earliest)
JOIN budgets b USING (wallet_id)
LEFT JOIN LATERAL (
    SELECT start, spent_micro, told, number FROM budget_spent
    WHERE wallet_id = b.wallet_id AND budget = b.budget AND start > least(w.earliest, (SELECT ledger_now()))
        - CASE b.period WHEN 'day' THEN interval '2 days' WHEN 'week' THEN interval '9 days' ELSE interval '33 days' END
    OFFSET 0) AS s ON true"""

HELD: Final = """
SELECT 'held', h.wallet_id, h.hold, h.service, n.body
FROM unnest(%(wallets)s::bigint[], %(holds)s::bigint[]) AS r(wallet_id, hold)
JOIN holds h USING (wallet_id, hold)
LEFT JOIN notes n ON n.wallet_id = h.wallet_id AND n.number = h.hold
WHERE EXISTS (SELECT FROM budgets b WHERE b.wallet_id = r.wallet_id)"""

UNDONE: Final = """
SELECT 'undone', t.wallet_id, t.number, t.effective_at, n.body, h.body
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, number)
JOIN transactions t USING (wallet_id, number)
LEFT JOIN notes n USING (wallet_id, number)
LEFT JOIN notes h ON h.wallet_id = t.wallet_id AND h.number = (
    SELECT p.hold FROM postings p
    WHERE p.wallet_id = t.wallet_id AND p.number = t.number AND p.hold IS NOT NULL LIMIT 1)
WHERE EXISTS (SELECT FROM budgets b WHERE b.wallet_id = r.wallet_id)"""

PAST: Final = """
SELECT 'past', s.wallet_id, s.budget, s.start, s.spent_micro, s.told, s.number
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, number)
JOIN transactions t USING (wallet_id, number)
JOIN budgets b USING (wallet_id)
CROSS JOIN LATERAL (
    SELECT * FROM budget_spent WHERE wallet_id = b.wallet_id AND budget = b.budget AND start <= t.effective_at
    ORDER BY start DESC LIMIT 1) AS s"""

# Who only looks what is due writes no transaction that would show its wallet to be locked: the row itself says so.
LOCKED: Final = """
SELECT 'locked', w.wallet_id, w.number, u.spike
FROM unnest(%(wallets)s::bigint[], %(spikes)s::text[]) AS u(wallet_id, spike) JOIN wallets w USING (wallet_id)
WHERE w.xmax = pg_current_xact_id()::xid"""

_spike: Final = msgspec.json.Decoder(UsageSpike).decode
_notes: Final = msgspec.json.Decoder(Notes).decode
_turns: Final = msgspec.json.Decoder(list[tuple[datetime, str]]).decode


class BudgetGuard:
    """The participant: hard limits, ``budget.threshold_reached`` and ``usage.spike``."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[Attempt]) -> Sequence[Statement] | None:
        earliest: dict[int, datetime] = {}
        captured, undone, looking = [], [], []
        for attempt in attempts:
            command = attempt.command
            wallet_id, at = command.wallet_id, command.effective_at
            if at is not None:
                earliest[wallet_id] = min(at, earliest.get(wallet_id, at))
            match command:
                case Capture():
                    captured.append((wallet_id, command.hold))
                case Reverse():
                    undone.append((wallet_id, command.number))
                case BookDue() if attempt.namespace != DUE:
                    looking.append((wallet_id, command.facts.get(SPIKE)))
        since = tuple(earliest.get(wallet_id) for wallet_id in wallet_ids)
        statements = [Statement(BUDGETS, {"wallets": numbers(wallet_ids), "earliest": times(since)})]
        if captured:
            params = {"wallets": numbers(w for w, _ in captured), "holds": numbers(h for _, h in captured)}
            statements.append(Statement(HELD, params))
        if undone:
            params = {"wallets": numbers(w for w, _ in undone), "numbers": numbers(n for _, n in undone)}
            statements += [Statement(UNDONE, params), Statement(PAST, params)]
        if looking:
            spikes = [None if spike is None else str(spike) for _, spike in looking]
            statements.append(Statement(LOCKED, {"wallets": numbers(w for w, _ in looking), "spikes": texts(spikes)}))
        return statements

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Budgets | None:
        found: dict[str, list[Row]] = defaultdict(list)
        for kind, *row in chain.from_iterable(rows):
            found[kind].append(tuple(row))
        spikes = [Told(row[0], row[1], _spike(row[2])) for row in found["locked"] if row[2] is not None]
        if not found["budget"] and not spikes:
            return None
        return Budgets(
            Found(
                budgets=_budgets(found["budget"]),
                spent=dict(chain(spent_of(found["budget"], 11), spent_of(found["past"], 2))),
                holds={(row[0], row[1]): Held(row[2], _member(row[3])) for row in found["held"]},
                undone={
                    (row[0], row[1]): Counted(row[2], _member(row[3]) or _member(row[4])) for row in found["undone"]
                },
                settling=frozenset(row[0] for row in found["locked"]),
                spikes=spikes,
            ),
            now,
        )


def kept_of(row: Row) -> Kept:
    """A budget from (wallet, budget, scope, of, period, limit, hard, alerts, zone, turns, since, …)."""
    wallet_id, number, scope, of, period, limit_micro, hard, alerts, zone, turns, since = row[:11]
    rule = Budget(
        id=row_public("bud", wallet_id, number),
        scope=scope,
        of=of,
        period=period,
        limit_micro=limit_micro,
        hard=hard,
        alerts=tuple(alerts),
    )
    return Kept(number, rule, calendar_of(zone, turns), since)


def calendar_of(zone: str, turns: str) -> Calendar:
    """A calendar from its columns."""
    moves = () if turns == NO_TURNS else tuple([Turn(at, ZoneInfo(there)) for at, there in _turns(turns)])
    return Calendar(ZoneInfo(zone), moves)


def _budgets(rows: Sequence[Row]) -> dict[int, list[Kept]]:
    """By wallet; a budget with several periods has as many rows."""
    budgets: dict[int, list[Kept]] = defaultdict(list)
    seen = set()
    for row in rows:
        if row[:2] not in seen:
            seen.add(row[:2])
            budgets[row[0]].append(kept_of(row))
    return {wallet_id: sorted(of_wallet) for wallet_id, of_wallet in budgets.items()}


def spent_of(rows: Sequence[Row], first: int) -> Iterator[tuple[Place, Spent]]:
    """Of rows that begin with wallet and budget, and have the period's columns from ``first`` on."""
    for row in rows:
        start, micro, told, number = row[first : first + 4]
        if start is not None:
            yield (row[0], row[1], start), Spent(micro, frozenset(told), number)


def _member(body: str | None) -> str | None:
    return None if body is None else member_of(_notes(body).metadata)
