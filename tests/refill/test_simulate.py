"""What auto-refill would have done: against a clerk who looks every minute, and what holds of every replay."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.budgets.periods import Window, period_of
from ledger.refill.rules.decide import Blocked, Fire, Standing, Terms, decide
from ledger.refill.rules.hours import allowed
from ledger.refill.rules.simulate import Charge, Course, Entry, Hindrance, Position, Span, replay
from tests.refill.terms import DAY, MICRO, NOON, OFFICE, TERMS, terms

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

WINDOW = Window(NOON, NOON + 30 * DAY)


def at(hours: float, credits: int) -> Entry:
    return Entry(NOON + HOUR * hours, credits * MICRO)


def charged(hours: float, amount: int = 5_000, credits: int = 500) -> Charge:
    return Charge(NOON + HOUR * hours, amount, credits * MICRO, "threshold")


def span(start: float, end: float) -> Span:
    return Span(NOON + HOUR * start, NOON + HOUR * end)


def test_a_month_of_a_wallet() -> None:
    """250 credits a day of 600: without refills they last for two days, and with them there is no outage."""
    used = [at(24 * day, -250) for day in range(1, 5)]
    found = replay(TERMS, Position(600 * MICRO), used, WINDOW)

    assert (charged(72),) == found.charges
    assert Course(-400 * MICRO, -400 * MICRO, (span(72, 720),)) == found.without
    assert Course(-150 * MICRO, 100 * MICRO, ()) == found.refilled
    assert (5_000, (span(72, 720),), ()) == (found.cost, found.avoided, found.hindrances)


def test_it_is_switched_on_at_the_beginning_of_the_window() -> None:
    """What is low then is charged at once, even if nothing ever moves."""
    assert (charged(0),) == replay(TERMS, Position(99 * MICRO), [], WINDOW).charges
    assert (charged(0),) == replay(TERMS, Position(99 * MICRO), [at(1, -5)], WINDOW).charges
    assert () == replay(TERMS, Position(99 * MICRO), [at(0, 1)], WINDOW).charges
    assert () == replay(TERMS, Position(0), [], Window(NOON, NOON)).charges


def test_a_small_refill_is_followed_by_others_after_the_cooldown() -> None:
    """A debt is paid first; the cap of the month holds until the month of the wallet's zone ends."""
    small = TERMS._replace(credits_micro=100 * MICRO, maximum_per_month=3, monthly_spend_cap=99_999)
    found = replay(small, Position(-350 * MICRO), [], WINDOW)

    month = (datetime(2026, 8, 1, tzinfo=NOON.tzinfo) - NOON) / HOUR
    later = [0, 1 / 6, 2 / 6, month, month + 1 / 6]
    assert later == pytest.approx([(charge.at - NOON) / HOUR for charge in found.charges])
    assert [100 * MICRO] * 5 == [charge.credits_micro for charge in found.charges]
    reasons = [(each.reason, each.span.length / MINUTE) for each in found.hindrances]
    assert [("cooldown", 20), ("maximum_per_month", month * 60 - 20), ("cooldown", 10)] == reasons
    assert (span(0, 720),) == found.without.outages
    assert (span(0, month),) == found.refilled.outages
    assert () == found.avoided


def test_it_waits_for_the_hours_and_says_so() -> None:
    """It is low at 22:00, and the office opens at 9:00."""
    found = replay(TERMS._replace(hours=OFFICE), Position(120 * MICRO), [at(10, -120)], WINDOW)
    assert (charged(21),) == found.charges
    assert (Hindrance("outside_hours", span(10, 21)),) == found.hindrances
    assert (span(10, 21),) == found.refilled.outages
    assert (span(10, 720),) == found.without.outages
    assert () == found.avoided


def test_a_smart_refill_comes_before_the_night() -> None:
    """120 credits at 100 a day would last until after nine, at 240 a day they would not. And 501 not for a weekend."""
    smart = TERMS._replace(hours=OFFICE, smart=True)
    used = [at(10, -119)]
    calm = replay(smart, Position(120 * MICRO), used, WINDOW, burn_micro=100 * MICRO)
    busy = replay(smart, Position(120 * MICRO), used, WINDOW, burn_micro=240 * MICRO)
    assert [charged(21)] == list(calm.charges)
    forecast = charged(5)._replace(cause="forecast")
    assert [forecast, forecast._replace(at=NOON + 53 * HOUR)] == list(busy.charges)


def test_what_a_forecast_makes_necessary_no_longer_is_when_it_has_closed() -> None:
    """590 credits at 2,000 a day are needed before 18:00; then it is too late, until the next evening."""
    smart = TERMS._replace(hours=OFFICE, smart=True, maximum_per_month=1)
    window = Window(NOON, NOON + 2 * DAY)
    found = replay(smart, Position(90 * MICRO), [], window, burn_micro=2_000 * MICRO)
    assert (charged(0),) == found.charges
    expected = [Hindrance("maximum_per_month", span(hour, hour + 1)) for hour in (5, 29)]
    assert expected == list(found.hindrances)


def test_what_is_held_counts_for_the_threshold_and_not_against_an_outage() -> None:
    """A hold of all there is: nothing is low, and nothing is free."""
    hold = Entry(NOON + HOUR, -150 * MICRO, 150 * MICRO)
    captured = Entry(NOON + 3 * HOUR, 0, -150 * MICRO)
    found = replay(TERMS, Position(150 * MICRO), [hold, captured], WINDOW)
    assert (charged(3),) == found.charges
    assert (span(1, 3),) == found.refilled.outages


def test_moves_of_one_instant_are_decided_together() -> None:
    """A unit of work that takes and gives is not below the threshold in between."""
    assert () == replay(TERMS, Position(120 * MICRO), [at(1, -100), at(1, 100)], WINDOW).charges


START = datetime(2026, 7, 30, 12, tzinfo=NOON.tzinfo)
"""A month ends in the windows that are looked through."""

MOVES = st.lists(
    st.tuples(st.integers(0, 4 * 1440), st.integers(-400 * MICRO, 300 * MICRO), st.integers(-20 * MICRO, 20 * MICRO)),
    max_size=30,
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Position, list[Entry]]:
    """In whole minutes; what is held is never below zero."""
    held = draw(st.integers(0, 50 * MICRO))
    start = Position(draw(st.integers(-200 * MICRO, 1_000 * MICRO)), held)
    entries = []
    for minute, free, more in sorted(draw(MOVES)):
        change = max(more, -held)
        held += change
        entries.append(Entry(START + MINUTE * minute, free, change))
    return start, entries


def in_minutes(agreed: Terms) -> Terms:
    return agreed._replace(cooldown=max(MINUTE, agreed.cooldown // MINUTE * MINUTE))


def looking_each_minute(
    agreed: Terms, start: Position, entries: list[Entry], window: Window, burn: int | None
) -> tuple[list[Charge], dict[str, int]]:
    """What a clerk charges who looks each minute, and how many minutes each reason was in the way."""
    free, held, rests_until = start.free_micro, start.held_micro, None
    counted: dict[datetime, list[int]] = defaultdict(list)
    charges: list[Charge] = []
    minutes: dict[str, int] = defaultdict(int)
    waiting = list(entries)
    now = window.start
    while now < window.end:
        while waiting and waiting[0].at == now:
            entry = waiting.pop(0)
            free, held = free + entry.free_micro, held + entry.held_micro
        month = period_of(now, "month", agreed.hours.zone)
        made = counted[month.start]
        standing = Standing(
            True,
            max(free, 0) + held,
            max(-free, 0),
            False,
            False,
            True,
            len(made),
            sum(made),
            month.end,
            rests_until,
            burn,
        )
        decided = decide(agreed, standing, now)
        if isinstance(decided, Fire):
            free += decided.credits_micro
            made.append(decided.amount)
            rests_until = now + agreed.cooldown
            charges.append(Charge(now, decided.amount, decided.credits_micro, decided.cause))
            continue  # looks again at once
        if isinstance(decided, Blocked):
            minutes[decided.reason] += 1
        now += MINUTE
    return charges, dict(minutes)


@given(terms().map(in_minutes), histories(), st.none() | st.integers(1, 500 * MICRO))
def test_nothing_is_missed_that_a_clerk_sees_who_looks_each_minute(
    agreed: Terms, history: tuple[Position, list[Entry]], burn: int | None
) -> None:
    start, entries = history
    window = Window(START, START + 4 * DAY)
    found = replay(agreed, start, entries, window, burn)
    charges, minutes = looking_each_minute(agreed, start, entries, window, burn)

    assert charges == list(found.charges)
    blocked: dict[str, timedelta] = defaultdict(timedelta)
    for hindrance in found.hindrances:
        blocked[hindrance.reason] += hindrance.span.length
    assert minutes == {reason: length // MINUTE for reason, length in blocked.items()}


@given(terms(), histories(), st.none() | st.integers(1, 500 * MICRO))
def test_what_holds_of_every_replay(agreed: Terms, history: tuple[Position, list[Entry]], burn: int | None) -> None:
    start, entries = history
    window = Window(START, START + 45 * DAY)
    found = replay(agreed, start, entries, window, burn)
    assert found == replay(agreed, start, iter(entries), window, burn)

    months = defaultdict(list)
    for charge in found.charges:
        assert window.start <= charge.at < window.end
        assert 0 < charge.amount <= agreed.amount
        assert allowed(agreed.hours, charge.at)
        months[period_of(charge.at, "month", agreed.hours.zone)].append(charge.amount)
    for amounts in months.values():
        assert len(amounts) <= agreed.maximum_per_month
        assert sum(amounts) <= agreed.monthly_spend_cap
    assert all(after.at - before.at >= agreed.cooldown for before, after in pairwise(found.charges))

    bought = sum(charge.credits_micro for charge in found.charges)
    assert found.without.last_micro + bought == found.refilled.last_micro
    assert found.without.lowest_micro <= found.refilled.lowest_micro <= found.refilled.last_micro
    for course in (found.without, found.refilled):
        assert all(before.end < after.start for before, after in pairwise(course.outages))
        assert all(window.start <= each.start < each.end <= window.end for each in course.outages)
    assert found.refilled.out <= found.without.out
    for each in found.refilled.outages:
        assert any(other.start <= each.start and each.end <= other.end for other in found.without.outages)
    for each in found.avoided:
        assert not any(other.start < each.end and each.start < other.end for other in found.refilled.outages)


@given(histories(), st.booleans())
def test_without_refills_it_is_the_plain_running_sum(history: tuple[Position, list[Entry]], smart: bool) -> None:
    """Where it is never open, nothing is charged, and both courses are that of the entries."""
    start, entries = history
    never = frozenset(START.date() + DAY * day for day in range(-2, 50))
    closed = TERMS._replace(hours=OFFICE._replace(holidays=never), smart=smart)
    found = replay(closed, start, entries, Window(START, START + 45 * DAY))

    assert () == found.charges
    assert found.without == found.refilled
    by_instant: dict[datetime, int] = defaultdict(int, {START: 0})
    for entry in entries:
        by_instant[entry.at] += entry.free_micro
    sums = list(accumulate(by_instant.values(), initial=start.free_micro))[1:]
    assert (min(sums), sums[-1]) == (found.without.lowest_micro, found.without.last_micro)
