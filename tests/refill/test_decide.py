"""Whether a refill begins: the boundary, each guard in its order, and what must never be, whatever is asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.refill.rules.decide import LAST_CALL, Blocked, Fire, Quiet, Standing, Terms, decide, price
from ledger.refill.rules.hours import Hours, allowed, closing, opening
from tests.refill.terms import ALWAYS, DAY, INSTANTS, LOW, MICRO, NOON, OFFICE, TERMS, standings, terms

FIRE = Fire(500 * MICRO, 5_000, "threshold")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("position", "expected"),
    [(0, FIRE), (100 * MICRO - 1, FIRE), (100 * MICRO, Quiet()), (100 * MICRO + 1, Quiet())],
)
def test_it_fires_strictly_below_the_threshold(position: int, expected: Fire | Quiet) -> None:
    assert expected == decide(TERMS, LOW._replace(position_micro=position), NOON)


EVENING = datetime(2026, 7, 8, 18, tzinfo=UTC)
"""When ``OFFICE`` closes."""
MORNING = datetime(2026, 7, 9, 9, tzinfo=UTC)

GUARDS: list[tuple[str, dict[str, Any], datetime | None]] = [
    # In their order: the reason, what stands in the way, until when.
    ("stopped", {"stopped": True}, None),
    ("wallet_frozen", {"active": False}, None),
    ("maximum_per_month", {"made": 10}, LOW.month_end),
    ("monthly_spend_cap", {"spent": 45_001}, LOW.month_end),
    ("cooldown", {"rests_until": EVENING + MINUTE}, EVENING + MINUTE),
    ("outside_hours", {}, MORNING),
]


@pytest.mark.parametrize("place", range(len(GUARDS)), ids=[reason for reason, _, _ in GUARDS])
def test_the_first_guard_is_told(place: int) -> None:
    """Each stands in the way alone, and before all that come after it."""
    in_office = TERMS._replace(hours=OFFICE)
    reason, fields, until = GUARDS[place]
    all_after = {name: value for _, given, _ in GUARDS[place:] for name, value in given.items()}
    for standing in (LOW._replace(**fields), LOW._replace(**all_after)):
        assert Blocked(reason, until, 5_000) == decide(in_office, standing, EVENING)  # type: ignore[arg-type]


def test_each_guard_has_an_edge() -> None:
    """What just fits: the last of the month, the last of the cap, the end of the cooldown, the first minute."""
    last = LOW._replace(made=9, spent=45_000, rests_until=EVENING - MINUTE)
    assert FIRE == decide(TERMS._replace(hours=OFFICE), last, EVENING - MINUTE)
    assert FIRE == decide(TERMS._replace(hours=OFFICE), LOW, MORNING)


@pytest.mark.parametrize("fields", [{"on": False}, {"under_way": True}, {"on": False, "stopped": True}])
def test_nothing_is_told_where_nothing_would_begin(fields: dict[str, bool]) -> None:
    assert Quiet() == decide(TERMS, LOW._replace(**fields), NOON)  # type: ignore[arg-type]


UP_TO = TERMS._replace(up_to=True, least=50)

PRICES = [
    # terms, balance, credits, amount: 500 credits are 50.00, a cent is a tenth of a credit
    (TERMS, 0, 500 * MICRO, 5_000),
    (UP_TO, 0, 500 * MICRO, 5_000),
    (UP_TO, 99 * MICRO, 401 * MICRO, 4_010),
    (UP_TO, 99 * MICRO + 1, 401 * MICRO, 4_010),  # part of a cent is a cent, and buys what it buys
    (UP_TO, 99 * MICRO - 1, 401_100_000, 4_011),
    (UP_TO, -300 * MICRO, 500 * MICRO, 5_000),  # a debt is bought, too, up to what was agreed to
    (UP_TO, 499 * MICRO, 5 * MICRO, 50),  # no payment is smaller
    (UP_TO._replace(step=10), 99 * MICRO - 1, 402 * MICRO, 4_020),
    (UP_TO._replace(amount=3, least=1), 300 * MICRO, 333_333_334, 2),  # two thirds, and not less
    (UP_TO._replace(amount=30, least=50), 499 * MICRO, 500 * MICRO, 30),
]


@pytest.mark.parametrize(("agreed", "balance", "credits", "amount"), PRICES)
def test_prices(agreed: Terms, balance: int, credits: int, amount: int) -> None:
    assert (credits, amount) == price(agreed, balance)


def test_what_is_held_counts_and_what_is_owed_is_bought_too() -> None:
    """60 credits behind holds and a debt of 20 are 460 short of 500."""
    standing = LOW._replace(position_micro=60 * MICRO, owed_micro=20 * MICRO)
    assert Fire(460 * MICRO, 4_600, "threshold") == decide(UP_TO, standing, NOON)
    assert FIRE == decide(UP_TO, standing._replace(owed_micro=60 * MICRO), NOON)


SMART = TERMS._replace(hours=OFFICE, smart=True)
FULL = LOW._replace(position_micro=150 * MICRO, burn_micro=240 * MICRO)
"""Dry in 15 hours."""
FORECAST = Fire(500 * MICRO, 5_000, "forecast")

CALLS = [
    # standing, now, expected
    (FULL, datetime(2026, 7, 8, 8, tzinfo=UTC), Quiet(datetime(2026, 7, 8, 9, tzinfo=UTC))),
    (FULL, NOON, Quiet(EVENING - LAST_CALL)),
    (FULL, EVENING - LAST_CALL - MINUTE, Quiet(EVENING - LAST_CALL)),
    # At 17:00 it is dry at 08:00, an hour before it opens; at 18:00, when it opens.
    (FULL, EVENING - LAST_CALL, FORECAST),
    (FULL, EVENING - MINUTE, FORECAST),
    (FULL, EVENING, Quiet(MORNING)),
    (FULL._replace(position_micro=160 * MICRO), EVENING - LAST_CALL, Quiet(MORNING)),
    (FULL._replace(burn_micro=None), EVENING - LAST_CALL, Quiet()),
    (FULL._replace(burn_micro=0), EVENING - LAST_CALL, Quiet()),
    (FULL._replace(burn_micro=-240 * MICRO), EVENING - LAST_CALL, Quiet()),  # more came back than was used
    (FULL._replace(position_micro=10**18, burn_micro=1), EVENING - LAST_CALL, Quiet(MORNING)),
    # What is low does not wait for the last call, and is told when it may not begin.
    (LOW._replace(burn_micro=1), NOON, FIRE),
    (FULL._replace(made=10), EVENING - LAST_CALL, Blocked("maximum_per_month", LOW.month_end, 5_000)),
]


@pytest.mark.parametrize(("standing", "now", "expected"), CALLS)
def test_smart_refills_at_the_last_call(standing: Standing, now: datetime, expected: object) -> None:
    assert expected == decide(SMART, standing, now)


def test_smart_has_nothing_to_do_where_it_is_always_open_or_full() -> None:
    """A level that is reached is agreed to, and no charge above it."""
    assert Quiet() == decide(SMART._replace(hours=ALWAYS), FULL, EVENING - LAST_CALL)
    up_to = SMART._replace(up_to=True, credits_micro=120 * MICRO)
    assert Quiet() == decide(up_to, FULL, EVENING - LAST_CALL)
    missing = decide(up_to._replace(credits_micro=151 * MICRO), FULL, EVENING - LAST_CALL)
    assert isinstance(missing, Fire)
    assert "forecast" == missing.cause


def test_smart_fires_where_it_never_opens_again() -> None:
    closed = frozenset(NOON.date() + DAY * day for day in range(1, 500))
    hours = Hours(OFFICE.zone, OFFICE.opens_min, OFFICE.closes_min, holidays=closed)
    assert FORECAST == decide(SMART._replace(hours=hours), FULL, EVENING - LAST_CALL)


@given(terms(), standings(), INSTANTS)
def test_what_must_never_be(agreed: Terms, standing: Standing, now: datetime) -> None:
    decided = decide(agreed, standing, now)
    if isinstance(decided, Quiet):
        assert decided.look_at is None or decided.look_at > now
        assert not (standing.on and not standing.under_way and standing.position_micro < agreed.threshold_micro)
        return
    assert standing.on
    assert not standing.under_way
    assert 0 < decided.amount <= agreed.amount
    if isinstance(decided, Blocked):
        assert decided.until is None or decided.until > now
        return
    assert not standing.stopped
    assert standing.active
    assert standing.made + 1 <= agreed.maximum_per_month
    assert standing.spent + decided.amount <= agreed.monthly_spend_cap
    assert standing.rests_until is None or standing.rests_until <= now
    assert allowed(agreed.hours, now)
    assert 0 < decided.credits_micro <= agreed.credits_micro
    if decided.cause == "threshold":
        assert standing.position_micro < agreed.threshold_micro
        return
    assert agreed.smart
    assert standing.position_micro >= agreed.threshold_micro
    assert standing.burn_micro is not None
    assert standing.burn_micro > 0
    closes = closing(agreed.hours, now)
    assert closes is not None
    assert closes - LAST_CALL <= now < closes
    opens = opening(agreed.hours, closes)
    dry = NOON.timestamp() + (now - NOON).total_seconds() + standing.position_micro / standing.burn_micro * 86_400
    assert opens is None or dry < opens.timestamp() + 1


@given(terms(), standings(), INSTANTS)
def test_what_stood_in_the_way_is_over_when_it_is_said_to_be(agreed: Terms, standing: Standing, now: datetime) -> None:
    """At that instant there is another reason or none; what the calendar of months says is up to who keeps it."""
    decided = decide(agreed, standing, now)
    if isinstance(decided, Blocked) and decided.until is not None and decided.reason in ("cooldown", "outside_hours"):
        later = decide(agreed, standing, decided.until)
        assert not (isinstance(later, Blocked) and later.reason == decided.reason)
        if standing.position_micro < agreed.threshold_micro:
            assert isinstance(decide(agreed, standing, decided.until - timedelta(microseconds=1)), Blocked)


@given(terms(), st.integers(-(10**9), 3 * 10**9))
def test_what_a_refill_is_of(agreed: Terms, balance: int) -> None:
    """Never more money than was agreed to; never less credits than that buys; up to the level where money allows."""
    credits, amount = price(agreed, balance)
    assert agreed.least <= amount <= agreed.amount
    assert 0 == amount % agreed.step
    assert amount * agreed.credits_micro <= credits * agreed.amount < amount * agreed.credits_micro + agreed.amount
    if not agreed.up_to:
        assert (agreed.credits_micro, agreed.amount) == (credits, amount)
        return
    missing = agreed.credits_micro - balance
    assert credits >= missing or amount == agreed.amount
    # One step less would not have done, unless it is the least that can be paid.
    less = amount - agreed.step
    assert amount == agreed.least or less * agreed.credits_micro < missing * agreed.amount
