"""What auto-refill would have done: a wallet's history once more, under other terms. Pure.

The history is what moved the wallet without automatic refills. ``decide`` is asked as it is in life: after each unit of
work, and whenever something that stood in the way has passed. Each charge succeeds at once, and the cooldown follows.
Nobody knows what else would have been used had there been more credits, so what was refused then is not in it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from ledger.budgets.periods import Window, period_of
from ledger.refill.rules.decide import Blocked, Cause, Fire, Quiet, Reason, Standing, Terms, decide
from ledger.refill.rules.hours import closing


class Position(NamedTuple):
    """How a wallet stands, in micro-credits. ``free_micro``: what is free to use less what is owed, one of which is
    always zero. ``held_micro``: what is behind holds."""

    free_micro: int
    held_micro: int = 0


class Entry(NamedTuple):
    """By how much the wallet moved. Entries of one instant are of one unit of work."""

    at: datetime
    free_micro: int
    held_micro: int = 0


class Charge(NamedTuple):
    """A refill that would have been: money in the smallest unit."""

    at: datetime
    amount: int
    credits_micro: int
    cause: Cause


class Span(NamedTuple):
    """From ``start`` up to, and without, ``end``."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Hindrance(NamedTuple):
    """A time in which a refill was needed and did not begin, for one reason."""

    reason: Reason
    span: Span


class Course(NamedTuple):
    """How a balance ran: the ``lowest_micro`` that was free to use less what was owed, how it ended, and the outages in
    which there was nothing."""

    lowest_micro: int
    last_micro: int
    outages: tuple[Span, ...]

    @property
    def out(self) -> timedelta:
        """How long there was nothing, in all."""
        return sum((span.length for span in self.outages), timedelta())


class Replay(NamedTuple):
    """What came of it, ``without`` refills and ``refilled``."""

    window: Window
    charges: tuple[Charge, ...]
    hindrances: tuple[Hindrance, ...]
    without: Course
    refilled: Course

    @property
    def cost(self) -> int:
        return sum(charge.amount for charge in self.charges)

    @property
    def avoided(self) -> tuple[Span, ...]:
        """Outages of which nothing remained."""
        # Refills only add, so what remains is within what there was.
        begun = [span.start for span in self.refilled.outages]
        return tuple(
            span for span in self.without.outages if bisect_left(begun, span.start) == bisect_left(begun, span.end)
        )


def replay(
    terms: Terms, start: Position, entries: Iterable[Entry], window: Window, burn_micro: int | None = None
) -> Replay:
    """The window under these terms. ``entries`` in the order of the book, none before the window; what lies at its end
    or later is left out. ``burn_micro``: what is usually used a day, for smart refills."""
    run = _Run(terms, start, window.start, burn_micro)
    for at, moves in _instants(entries, window):
        run.wait(at)
        run.move(at, moves)
    run.wait(window.end)
    return run.ended(window)


def _instants(entries: Iterable[Entry], window: Window) -> Iterator[tuple[datetime, list[Entry]]]:
    """Units of work, the beginning of the window among them: then auto-refill is switched on."""
    begun = False
    for at, group in groupby(entries, lambda entry: entry.at):
        if at >= window.end:
            break
        if not begun and at > window.start:
            yield window.start, []
        begun = True
        yield at, list(group)
    if not begun and window.start < window.end:
        yield window.start, []


class _Run:
    """A replay under way, at the instant ``now``."""

    def __init__(self, terms: Terms, start: Position, now: datetime, burn_micro: int | None) -> None:
        self.terms = terms
        self.now = now
        self.burn_micro = burn_micro
        self.held_micro = start.held_micro
        self.without = _Level(start.free_micro, now)
        self.refilled = _Level(start.free_micro, now)
        self.month = period_of(now, "month", terms.hours.zone)
        self.made = self.spent = 0
        self.rests_until: datetime | None = None
        self.charges: list[Charge] = []
        self.hindrances: list[Hindrance] = []
        self.blocked: tuple[Reason, datetime] | None = None
        self.look_at: datetime | None = None

    def wait(self, until: datetime) -> None:
        """Up to this instant, and without it, nothing moves; it is decided when something has passed."""
        while self.look_at is not None and self.look_at < until:
            self.now = self.look_at
            self._decide()

    def move(self, at: datetime, moves: list[Entry]) -> None:
        """A unit of work."""
        self.now = at
        free_micro = sum(entry.free_micro for entry in moves)
        self.held_micro += sum(entry.held_micro for entry in moves)
        self.without.move(at, free_micro)
        self.refilled.move(at, free_micro)
        self._decide()

    def ended(self, window: Window) -> Replay:
        self._hindered(None, window.end)
        courses = self.without.ended(window.end), self.refilled.ended(window.end)
        return Replay(window, tuple(self.charges), tuple(self.hindrances), *courses)

    def _decide(self) -> None:
        while isinstance(decided := decide(self.terms, self._standing(), self.now), Fire):
            self.made += 1
            self.spent += decided.amount
            self.rests_until = self.now + self.terms.cooldown
            self.refilled.move(self.now, decided.credits_micro)
            self.charges.append(Charge(self.now, decided.amount, decided.credits_micro, decided.cause))
        self._hindered(decided.reason if isinstance(decided, Blocked) else None, self.now)
        self.look_at = decided.look_at if isinstance(decided, Quiet) else self._until(decided)

    def _until(self, blocked: Blocked) -> datetime | None:
        """When to look again: what a forecast makes necessary before it closes no longer is when it has closed."""
        needed = self._standing().position_micro < self.terms.threshold_micro
        ends = (blocked.until, None if needed else closing(self.terms.hours, self.now))
        return min((end for end in ends if end is not None), default=None)

    def _standing(self) -> Standing:
        if self.now >= self.month.end:
            self.month = period_of(self.now, "month", self.terms.hours.zone)
            self.made = self.spent = 0
        free_micro = self.refilled.micro
        return Standing(
            on=True,
            position_micro=max(free_micro, 0) + self.held_micro,
            owed_micro=max(-free_micro, 0),
            made=self.made,
            spent=self.spent,
            month_end=self.month.end,
            rests_until=self.rests_until,
            burn_micro=self.burn_micro,
        )

    def _hindered(self, reason: Reason | None, now: datetime) -> None:
        """From now on for this reason, or for none."""
        if self.blocked is not None:
            if reason == self.blocked[0]:
                return
            if self.blocked[1] < now:
                self.hindrances.append(Hindrance(self.blocked[0], Span(self.blocked[1], now)))
        self.blocked = None if reason is None else (reason, now)


class _Level:
    """A balance that runs, its lowest after any move, and the spans in which it was at zero or below."""

    def __init__(self, micro: int, at: datetime) -> None:
        self.micro = micro
        self.lowest_micro: int | None = None
        self.out_since = at if micro <= 0 else None
        self.outages: list[Span] = []

    def move(self, at: datetime, micro: int) -> None:
        self.micro += micro
        self.lowest_micro = self.micro if self.lowest_micro is None else min(self.lowest_micro, self.micro)
        if self.micro > 0:
            self._back(at)
        elif self.out_since is None:
            self.out_since = at

    def ended(self, at: datetime) -> Course:
        self._back(at)
        lowest_micro = self.micro if self.lowest_micro is None else self.lowest_micro
        return Course(lowest_micro, self.micro, tuple(self.outages))

    def _back(self, at: datetime) -> None:
        if self.out_since is not None and self.out_since < at:
            self.outages.append(Span(self.out_since, at))
        self.out_since = None
