"""Prices under any sequence of events: exact to the last digit, free once, and a void gives back what was charged."""

from datetime import date
from fractions import Fraction
from math import floor
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from ledger.kit.money import MICRO
from ledger.rates.card import Terms, make_card
from ledger.rates.line import explain, read
from ledger.rates.numbers import FRACTION
from ledger.rates.prices import Graduated, Meter, Model, Package, PerUnit, Price, Tier, Volume
from ledger.rates.rules import Charge, Counters, amend, price, unprice
from ledger.rates.tally import Place, Tally
from tests.rates.cards import LATER, START, Judge

RATES = {"USD": 10, "EUR": "10.9", "VND": "0.000382409"}
MONTHS = [date(2026, month, 1) for month in (9, 10, 11)]

AMOUNTS = st.integers(0, 10**13) | st.sampled_from([0, 1, 333_333_333_333, 10**10, 10**12])
QUANTITIES = st.integers(1, 60) | st.integers(1, 10**10)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    """One to four tiers, some with a flat amount."""
    ends = sorted(draw(st.sets(st.integers(1, 100) | st.integers(1, 10**11), max_size=3)))
    return tuple(Tier(end, draw(AMOUNTS), draw(st.just(0) | AMOUNTS)) for end in [*ends, None])


MODELS: st.SearchStrategy[Model] = (
    st.builds(PerUnit, AMOUNTS)
    | st.builds(Package, AMOUNTS, st.integers(1, 50) | st.integers(1, 10**10))
    | st.builds(Graduated, tiers())
    | st.builds(Volume, tiers())
)


@st.composite
def two_terms(draw: st.DrawFn, models: st.SearchStrategy[Model] = MODELS) -> list[Terms]:
    """A meter with two selectors, which share its free tier, each with a price in any asset."""
    free = draw(st.none() | st.integers(1, 100) | st.integers(1, 10**10))
    meter = Meter(
        service="job",
        meter="minutes",
        unit="minute",
        decimals=draw(st.integers(0, 9)),
        dimensions={"size": ("small", "large")},
        free_monthly=free,
    )
    prices = [
        Price(
            service="job",
            meter="minutes",
            version=1,
            valid_from=START,
            asset=draw(st.sampled_from(["CREDIT", *RATES])),
            dimensions={"size": size},
            model=draw(models),
        )
        for size in ("small", "large")
    ]
    card = make_card([meter], prices, RATES)
    return [card.terms(meter, {"size": size}, LATER) for size in ("small", "large")]


class Event(NamedTuple):
    """Months and terms by their places."""

    month: int
    which: int
    quantity: int


EVENTS = st.lists(st.builds(Event, st.integers(0, 2), st.integers(0, 1), QUANTITIES), min_size=1, max_size=25)


def charge_all(terms: list[Terms], events: list[Event], tally: Tally) -> list[Charge]:
    return [tally.charge(terms[event.which], MONTHS[event.month], event.quantity) for event in events]


def place_of(terms: Terms, month: int) -> Place:
    return Place("job", "minutes", MONTHS[month], terms.selector)


@given(two_terms(), EVENTS)
def test_all_charges_are_the_whole_part_of_all_costs(terms: list[Terms], events: list[Event]) -> None:
    """Whatever the models, currencies, months and order; and what is left is the carry, to its last digit."""
    judge, tally = Judge(terms), Tally()
    exact = sum((judge.cost(*event) for event in events), Fraction(0))

    charged = sum(charge.micro for charge in charge_all(terms, events, tally))

    assert floor(exact) == charged
    assert exact - charged == Fraction(tally.carry["job", "minutes"], FRACTION)


@given(two_terms(), EVENTS)
def test_the_free_tier_is_free_once_a_month(terms: list[Terms], events: list[Event]) -> None:
    """Over both prices of the meter together, and not a smallest unit more or less."""
    charges = charge_all(terms, events, Tally())

    for month in range(3):
        used = sum(event.quantity for event in events if event.month == month)
        free = sum(charge.free for charge, event in zip(charges, events, strict=True) if event.month == month)
        assert min(used, terms[0].meter.free_monthly or 0) == free


@given(two_terms(), EVENTS)
def test_months_do_not_know_each_other(terms: list[Terms], events: list[Event]) -> None:
    """Late events, in whatever order among the months, leave the same counters and the same total."""
    tally, by_month = Tally(), Tally()

    charged = charge_all(terms, events, tally)
    again = charge_all(terms, sorted(events, key=lambda event: event.month), by_month)

    assert by_month.__dict__ == tally.__dict__
    assert sum(charge.micro for charge in again) == sum(charge.micro for charge in charged)


@given(two_terms(st.builds(Graduated, tiers()) | st.builds(PerUnit, AMOUNTS)), st.lists(QUANTITIES, min_size=1))
def test_an_event_costs_the_same_in_pieces(terms: list[Terms], pieces: list[int]) -> None:
    """However a month's quantity is split into events, per unit and graduated come to the same total."""
    whole = price(terms[0], sum(pieces), Counters())

    counters, charged = Counters(), 0
    for piece in pieces:
        charge = price(terms[0], piece, counters)
        counters, charged = charge.after, charged + charge.micro

    assert (whole.micro, whole.after) == (charged, counters)


@given(two_terms(), EVENTS)
def test_a_line_can_be_worked_out_again(terms: list[Terms], events: list[Event]) -> None:
    """Each number of it follows from those before, in fractions of what the strings say."""
    for charge in charge_all(terms, events, Tally()):
        line = read(explain(charge))
        parts = [Fraction(part.quantity) * Fraction(part.amount) + Fraction(part.flat or 0) for part in line.tiers]
        credits = Fraction(line.cost) * Fraction(line.credits_per_unit)
        assert Fraction(line.quantity) == Fraction(line.free) + Fraction(line.billable)
        assert Fraction(line.cost) == sum(parts)
        assert Fraction(line.cost_credits) == credits
        assert Fraction(line.carry_before) + credits == Fraction(line.charged) + Fraction(line.carry_after)
        assert 0 <= Fraction(line.carry_after) < Fraction(1, MICRO)
        if line.model in ("per_unit", "graduated", "volume"):
            assert Fraction(line.billable) == sum(Fraction(part.quantity) for part in line.tiers)


@given(two_terms(), EVENTS, st.data())
def test_voids_give_back_what_was_charged(terms: list[Terms], events: list[Event], data: st.DataObject) -> None:
    """Events and voids in any order: the counters are those of the events that stand; in the end, of none."""
    tally = Tally()
    live: list[tuple[Place, Charge]] = []
    for event in events:
        charge = tally.charge(terms[event.which], MONTHS[event.month], event.quantity)
        live.append((place_of(terms[event.which], event.month), charge))
        if data.draw(st.booleans(), label="void one"):
            place, charge = live.pop(data.draw(st.integers(0, len(live) - 1), label="which"))
            tally.void(place, charge.taken)
    for place in tally.used:
        stands = [charge for where, charge in live if where == place]
        shared = [charge for where, charge in live if where[:3] == place[:3]]
        assert tally.used[place].billed == sum(charge.billed for charge in stands)
        assert tally.free[place[:3]] == sum(charge.free for charge in shared) <= terms[0].free
    for place, charge in data.draw(st.permutations(live), label="order of the other voids"):
        tally.void(place, charge.taken)

    assert {(0, 0, 0)} == set(tally.used.values())
    assert {0} == set(tally.free.values())
    assert 0 <= tally.carry["job", "minutes"] < FRACTION


@given(two_terms(), EVENTS, QUANTITIES)
def test_a_void_makes_an_event_undone(terms: list[Terms], events: list[Event], quantity: int) -> None:
    """All but the carry is as it was, and the same event at once again costs the same, to within a micro-credit."""
    tally = Tally()
    charge_all(terms, events, tally)
    before = tally.counters(place_of(terms[0], 0))
    charge = price(terms[0], quantity, before)

    after = unprice(charge.taken, charge.after)
    again = amend(terms[0], charge.taken, quantity, charge.after)

    assert Counters(charge.after.carry, before.free, before.billed, before.covered, before.flats) == after
    assert abs(again.micro - charge.micro) <= 1
    assert charge.cost == again.cost


@given(two_terms(), EVENTS, st.data())
def test_a_void_is_off_by_less_than_a_micro_credit(
    terms: list[Terms], events: list[Event], data: st.DataObject
) -> None:
    """What stays charged, less what the standing events cost exactly when they came, drifts by that much a void."""
    tally, live, voids = Tally(), list[Charge](), 0
    for event in events:
        charge = tally.charge(terms[event.which], MONTHS[event.month], event.quantity)
        if data.draw(st.booleans(), label="void it"):
            tally.void(place_of(terms[event.which], event.month), charge.taken)
            voids += 1
        else:
            live.append(charge)
    exact = sum(Fraction(charge.cost * charge.terms.factor, FRACTION) for charge in live)

    assert abs(exact - sum(charge.micro for charge in live)) < 1 + voids
