"""What budgets do inside a unit of work: refuse what a hard one has no room for, count what is used, tell levels. Pure.

A use counts when it is booked, a capture when it captures, both in the period of the transaction's ``effective_at``.
What comes back (a refund, a reversal, a void) leaves the period in which the use counted. A hold counts nothing, since
nobody knows what will be captured of it; but a hold beyond what a hard budget has left is refused, and so is a capture.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from ledger.book.commands import Capture, Command, Metadata, PlaceHold, Reverse, Transaction, Use
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.rules.move import Move
from ledger.budgets.periods import Calendar, Period, Window, window_of
from ledger.budgets.rules import Budget, check, crossings, refusal
from ledger.events.payloads import BudgetThreshold, UsageSpike
from ledger.kit.arrays import each, numbers, texts, times
from ledger.kit.money import format_amount

MEMBER: Final = "user_id"
"""The metadata key of a use, or of the hold that is captured, that names the member who used."""

WRITE: Final = (
    "INSERT INTO budget_spent (wallet_id, budget, start, spent_micro, told, number) "
    "SELECT wallets, budgets, starts, spent, told::smallint[], numbers FROM ("
    + each(wallets="bigint", budgets="bigint", starts="timestamptz", spent="bigint", told="text", numbers="bigint")
    + """) AS u
ON CONFLICT (wallet_id, budget, start)
    DO UPDATE SET spent_micro = excluded.spent_micro, told = excluded.told, number = excluded.number"""
)


class Kept(NamedTuple):
    """A budget as it is stored. What counts before ``since`` does not concern it."""

    number: int
    rule: Budget
    calendar: Calendar
    since: datetime


class Spent(NamedTuple):
    """What was spent in a period, the levels told in it, and the last transaction that counted."""

    micro: int = 0
    told: frozenset[int] = frozenset()
    number: int = 0


class Held(NamedTuple):
    """Of a hold: the service it was placed for, and the member."""

    service: str
    member: str | None


class Counted(NamedTuple):
    """Of a use that may be undone: when it counted, and the member."""

    at: datetime
    member: str | None


class Told(NamedTuple):
    """A spike to tell, found by the background task; ``number`` is the wallet's last transaction."""

    wallet_id: int
    number: int
    data: UsageSpike


Place = tuple[int, int, datetime]
"""(wallet, budget, start of the period)."""


class Found(NamedTuple):
    """What was loaded. ``settling``: wallets without a posting in the unit whose levels are to be told all the same."""

    budgets: Mapping[int, Sequence[Kept]]
    spent: Mapping[Place, Spent]
    holds: Mapping[tuple[int, int], Held]
    undone: Mapping[tuple[int, int], Counted]
    settling: frozenset[int] = frozenset()
    spikes: Sequence[Told] = ()


def member_of(metadata: Metadata) -> str | None:
    """Who used: the text or number under ``user_id``."""
    named = metadata.get(MEMBER)
    return (str(named) or None) if isinstance(named, str | int) and not isinstance(named, bool) else None


class Budgets(Part):
    """The budgets of a unit's wallets. See the module."""

    def __init__(self, found: Found, now: datetime) -> None:
        self.counts = bool(found.budgets)
        self.gates = any(kept.rule.hard for of_wallet in found.budgets.values() for kept in of_wallet)
        self._found = found
        self._now = now
        self._spent = dict(found.spent)
        self._holds = dict(found.holds)
        self._events: list[Event] = []
        self._windows: dict[tuple[Period, Calendar], Window] = {}

    def allow(self, command: Command, amount: int, at: datetime) -> None:
        """Raises CreditLimitExceeded."""
        service, member = self._who(command)
        for kept in self._found.budgets.get(command.wallet_id, ()):
            rule = kept.rule
            if not rule.hard or at < kept.since or not _covers(rule, service, member):
                continue
            spent = self._spent_at((command.wallet_id, kept.number, self._window(kept, at).start)).micro
            if not check(rule, spent, amount).allowed:
                raise refusal(rule, spent, amount)

    def posted(self, transaction: Transaction, command: Command) -> None:
        budgets = self._found.budgets.get(transaction.wallet_id)
        if not budgets:
            return
        at = transaction.effective_at
        match command:
            case PlaceHold():
                held = Held(command.service, member_of(command.metadata))
                self._holds[transaction.wallet_id, transaction.number] = held
                return
            case Use() | Capture():
                member = self._who(command)[1]
            case Reverse():
                original = self._found.undone.get((command.wallet_id, command.number))
                if original is None:
                    return
                at, member = original
            case _:
                return
        for service, amount in _used(transaction).items():
            for kept in budgets:
                if at >= kept.since and _covers(kept.rule, service, member):
                    self._count(transaction.wallet_id, kept, at, amount, transaction.number)

    def save(self) -> tuple[dict[Place, Spent], int]:
        return dict(self._spent), len(self._events)

    def restore(self, saved: tuple[dict[Place, Spent], int]) -> None:
        self._spent = dict(saved[0])
        del self._events[saved[1] :]

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        """What was passed before a budget was made or changed is told here."""
        for wallet_id in {move.transaction.wallet_id for move in moves} | self._found.settling:
            for kept in self._found.budgets.get(wallet_id, ()):
                window = self._window(kept, self._now)
                place = (wallet_id, kept.number, window.start)
                if place in self._spent:
                    self._tell(place, kept, window, 0, self._spent[place])
        events = [*self._events, *(Event(s.wallet_id, "usage.spike", s.data, s.number) for s in self._found.spikes)]
        changed = {place: spent for place, spent in self._spent.items() if spent != self._found.spent.get(place)}
        return events, partial(_rows, changed) if changed else None

    def _who(self, command: Command) -> tuple[str, str | None]:
        """The service and the member of what is to be used."""
        match command:
            case Use() | PlaceHold():
                return command.service, member_of(command.metadata)
            case Capture():
                held = self._holds.get((command.wallet_id, command.hold), Held("", None))
                return command.service or held.service, member_of(command.metadata) or held.member
        raise AssertionError(f"nobody uses anything by {type(command).__name__}")

    def _count(self, wallet_id: int, kept: Kept, at: datetime, amount: int, number: int) -> None:
        window = self._window(kept, at)
        place = (wallet_id, kept.number, window.start)
        before = self._spent_at(place)
        after = before._replace(micro=before.micro + amount, number=number)
        self._tell(place, kept, window, before.micro, after)

    def _tell(self, place: Place, kept: Kept, window: Window, before_micro: int, after: Spent) -> None:
        """Keep what is spent now, and tell the levels that a change from ``before_micro`` crossed."""
        crossed = crossings(kept.rule, before_micro, after.micro, after.told)
        self._spent[place] = after._replace(told=crossed.told)
        wallet_id = place[0]
        for level in crossed.reached:
            data = _data(kept.rule, window, level, after.micro)
            self._events.append(Event(wallet_id, "budget.threshold_reached", data, after.number))

    def _spent_at(self, place: Place) -> Spent:
        return self._spent.get(place, _NOTHING)

    def _window(self, kept: Kept, at: datetime) -> Window:
        """The period; what is posted together is mostly of the same one."""
        kind = (kept.rule.period, kept.calendar)
        window = self._windows.get(kind)
        if window is None or not window.start <= at < window.end:
            window = self._windows[kind] = window_of(at, kept.rule.period, kept.calendar)
        return window


_NOTHING: Final = Spent()


def _covers(rule: Budget, service: str, member: str | None) -> bool:
    """Whether a use by this service and member concerns the budget."""
    return rule.scope == "wallet" or rule.of == (service if rule.scope == "service" else member)


def _used(transaction: Transaction) -> dict[str, int]:
    """What a transaction used by service; below zero where it gives back."""
    used: dict[str, int] = {}
    for line in transaction.postings:
        for account, amount in ((line.credit, line.amount), (line.debit, -line.amount)):
            if account.startswith("used:"):
                service = account[5:]
                used[service] = used.get(service, 0) + amount
    return used


def _data(rule: Budget, window: Window, level: int, spent_micro: int) -> BudgetThreshold:
    return BudgetThreshold(
        budget_id=rule.id,
        service=rule.of if rule.scope == "service" else None,
        user_id=rule.of if rule.scope == "member" else None,
        period=rule.period,
        period_start=window.start,
        period_end=window.end,
        level=level,
        limit=format_amount(rule.limit_micro),
        spent=format_amount(spent_micro),
        left=format_amount(check(rule, spent_micro, 0).left_micro),
        hard=rule.hard,
    )


def _rows(changed: Mapping[Place, Spent]) -> list[Statement]:
    write = Statement(
        WRITE,
        {
            "wallets": numbers([wallet_id for wallet_id, _, _ in changed]),
            "budgets": numbers([budget for _, budget, _ in changed]),
            "starts": times([start for _, _, start in changed]),
            "spent": numbers([spent.micro for spent in changed.values()]),
            "told": texts([numbers(sorted(spent.told)) for spent in changed.values()]),
            "numbers": numbers([spent.number for spent in changed.values()]),
        },
    )
    return [write]
