"""Cards: which price an event has, and what is no card."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import (
    AmbiguousPrice,
    InvalidAmount,
    InvalidQuantity,
    LedgerError,
    PriceNotFound,
    UnknownDimension,
    UnknownMeter,
)
from ledger.rates.card import make_card
from ledger.rates.numbers import (
    AMOUNT_PICO_MAX,
    QUANTITY_MAX,
    format_decimal,
    parse_amount_pico,
    parse_quantity,
    parse_rate_nano,
)
from ledger.rates.prices import Price
from tests.rates.cards import LATER, START, card_with, graduated, meter_with, package, per_unit, price_with

DAY = timedelta(days=1)
DIMENSIONS: dict[str, Any] = {"size": ("small", "large"), "region": ("eu", "us"), "tag": None}


def found(prices: list[Price], at: datetime = LATER, **dimensions: str) -> tuple[dict[str, str], int]:
    """Selector and version of an event's price."""
    card = card_with(*prices, dimensions=DIMENSIONS)
    terms = card.terms(card.meter("job", "minutes", dimensions), dimensions, at)
    return dict(terms.price.dimensions), terms.price.version


def test_the_most_specific_price_wins() -> None:
    """Both dimensions before one, one before the fallback."""
    both = {"size": "large", "region": "eu"}
    prices = [price_with(per_unit("1"), dimensions=each) for each in ({}, {"size": "large"}, both)]

    assert ({}, 1) == found(prices)
    assert ({}, 1) == found(prices, size="small", region="eu")
    assert ({"size": "large"}, 1) == found(prices, size="large", tag="x")
    assert (both, 1) == found(prices, size="large", region="eu", tag="x")
    prices[1:] = [
        price_with(per_unit("1"), dimensions=each) for each in ({"region": "eu"}, {"size": "large", "tag": "x"})
    ]
    assert ({"size": "large", "tag": "x"}, 1) == found(prices, size="large", region="eu", tag="x")


def test_a_price_is_valid_from_its_first_instant_until_before_its_last() -> None:
    """An open version ends where the next one begins."""
    prices = [
        price_with(per_unit("1")),
        price_with(per_unit("2"), version=2, valid_from=START + DAY, valid_to=START + 2 * DAY),
        price_with(per_unit("3"), version=3, valid_from=START + 3 * DAY),
    ]
    tick = timedelta(microseconds=1)

    assert [1, 1, 2, 2, 3, 3] == [
        found(prices, at)[1]
        for at in (START, START + DAY - tick, START + DAY, START + 2 * DAY - tick, START + 3 * DAY, LATER)
    ]
    for at in (START - tick, START + 2 * DAY, START + 3 * DAY - tick):
        with pytest.raises(PriceNotFound):
            found(prices, at)


def test_where_a_specific_price_has_ended_the_next_one_holds() -> None:
    """Until it is back."""
    prices = [
        price_with(per_unit("1")),
        price_with(per_unit("2"), dimensions={"size": "large"}, valid_to=START + DAY),
    ]
    assert ({"size": "large"}, 1) == found(prices, START, size="large")
    assert ({}, 1) == found(prices, START + DAY, size="large")


def test_an_event_without_a_price_is_refused() -> None:
    """With all that is known of it."""
    with pytest.raises(PriceNotFound) as caught:
        found([price_with(per_unit("1"), dimensions={"size": "large"})], size="small")
    assert {
        "service": "job",
        "meter": "minutes",
        "dimensions": {"size": "small"},
        "occurred_at": "2026-11-20T00:00:00Z",
    } == caught.value.facts


def test_a_meter_can_be_left_out_if_the_service_has_one() -> None:
    """Of two, one must be named."""
    one = make_card([meter_with()], [])
    two = make_card([meter_with(), meter_with(meter="tasks", unit="task")], [])

    assert "minutes" == one.meter("job").meter
    assert "tasks" == two.meter("job", "tasks").meter
    for card, service, meter, said in [
        (two, "job", None, "needs a meter to be named; it has 'minutes', 'tasks'"),
        (two, "job", "hours", "has no meter 'hours'; it has 'minutes', 'tasks'"),
        (one, "work", "minutes", "has no meter 'minutes'; it has none"),
    ]:
        with pytest.raises(UnknownMeter, match=said):
            card.meter(service, meter)


@pytest.mark.parametrize(
    ("dimensions", "said"),
    [
        ({"colour": "red"}, "has no dimension 'colour'; it has 'size', 'region', 'tag'"),
        ({"size": "huge"}, "cannot be 'huge'; it can be 'small', 'large'"),
        ({"size": ""}, "cannot be ''"),
    ],
)
def test_dimensions_that_the_meter_does_not_have_are_refused(dimensions: dict[str, str], said: str) -> None:
    """A misspelt one is never charged as something else."""
    with pytest.raises(UnknownDimension, match=said):
        card_with(dimensions=DIMENSIONS).meter("job", "minutes", dimensions)


BAD_METERS: dict[str, tuple[dict[str, Any], str]] = {
    "no service": ({"service": ""}, "INVALID_METER"),
    "a service in capitals": ({"service": "Job"}, "INVALID_METER"),
    "a meter with a line break": ({"meter": "minutes\n"}, "INVALID_METER"),
    "an empty unit": ({"unit": ""}, "INVALID_METER"),
    "a unit that cannot be printed": ({"unit": "min\0"}, "INVALID_METER"),
    "ten decimals": ({"decimals": 10}, "INVALID_METER"),
    "fewer than no decimals": ({"decimals": -1}, "INVALID_METER"),
    "a dimension with a space": ({"dimensions": {"a size": None}}, "INVALID_METER"),
    "a dimension without values": ({"dimensions": {"size": ()}}, "INVALID_METER"),
    "a value twice": ({"dimensions": {"size": ("s", "s")}}, "INVALID_METER"),
    "an empty value": ({"dimensions": {"size": ("",)}}, "INVALID_METER"),
    "21 dimensions": ({"dimensions": {f"d{number}": None for number in range(21)}}, "INVALID_METER"),
    "nothing is free": ({"free_monthly": 0}, "INVALID_METER"),
    "too much is free": ({"free_monthly": QUANTITY_MAX + 1}, "INVALID_METER"),
    "a free tier of each": ({"unit": None, "free_monthly": 1}, "FREE_TIER_WITHOUT_UNIT"),
}


@pytest.mark.parametrize("bad", BAD_METERS)
def test_a_bad_meter_is_refused(bad: str) -> None:
    """By its code, and by name."""
    fields, code = BAD_METERS[bad]
    with pytest.raises(LedgerError) as caught:
        make_card([meter_with(**fields)], [])
    assert code == caught.value.code
    assert {"service", "meter"} == set(caught.value.facts)


def test_a_meter_is_there_once() -> None:
    with pytest.raises(LedgerError, match="job/minutes is there twice"):
        make_card([meter_with(), meter_with(unit="hour")], [])


ONE = per_unit("1")
LARGE, EU = {"size": "large"}, {"region": "eu"}
BAD_PRICES: dict[str, tuple[list[Price], str]] = {
    "of no meter": ([price_with(ONE, meter="tasks")], "INVALID_PRICE"),
    "of an unknown dimension": ([price_with(ONE, dimensions={"colour": "red"})], "INVALID_PRICE"),
    "of an unknown value": ([price_with(ONE, dimensions={"size": "huge"})], "INVALID_PRICE"),
    "of an empty value": ([price_with(ONE, dimensions={"tag": ""})], "INVALID_PRICE"),
    "without a rate": ([price_with(ONE, asset="EUR")], "INVALID_PRICE"),
    "of a negative amount": ([price_with(per_unit("1").__class__(-1))], "INVALID_PRICE"),
    "of too large an amount": ([price_with(per_unit("1").__class__(AMOUNT_PICO_MAX + 1))], "INVALID_PRICE"),
    "of an empty package": ([price_with(package("1", 0))], "INVALID_PRICE"),
    "without tiers": ([price_with(graduated())], "INVALID_PRICE"),
    "with 51 tiers": (
        [price_with(graduated(*[(str(end), "1", "0") for end in range(1, 51)], (None, "1", "0")))],
        "INVALID_PRICE",
    ),
    "whose last tier ends": ([price_with(graduated(("10", "1", "0")))], "INVALID_PRICE"),
    "whose first tier has no end": ([price_with(graduated((None, "1", "0"), (None, "1", "0")))], "INVALID_PRICE"),
    "whose first tier is empty": ([price_with(graduated(("0", "1", "0"), (None, "1", "0")))], "INVALID_PRICE"),
    "whose tiers fall": (
        [price_with(graduated(("9", "1", "0"), ("9", "1", "0"), (None, "1", "0")))],
        "INVALID_PRICE",
    ),
    "of no time zone": ([price_with(ONE, valid_from=datetime(2026, 1, 1))], "INVALID_PRICE"),  # noqa: DTZ001
    "of another time zone": (
        [price_with(ONE, valid_from=datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))))],
        "INVALID_PRICE",
    ),
    "that ends when it begins": ([price_with(ONE, valid_to=START)], "INVALID_PRICE"),
    "whose first version is 2": ([price_with(ONE, version=2)], "INVALID_PRICE"),
    "whose version 2 is missing": (
        [price_with(ONE), price_with(ONE, version=3, valid_from=LATER)],
        "INVALID_PRICE",
    ),
    "twice": ([price_with(ONE), price_with(ONE)], "INVALID_PRICE"),
    "that begins with its successor": ([price_with(ONE), price_with(ONE, version=2)], "PRICE_OVERLAP"),
    "whose successor began before": (
        [price_with(ONE, valid_from=LATER), price_with(ONE, version=2)],
        "PRICE_OVERLAP",
    ),
    "whose successor begins before its end": (
        [price_with(ONE, valid_to=LATER), price_with(ONE, version=2, valid_from=LATER - DAY)],
        "PRICE_OVERLAP",
    ),
    "beside one as specific": ([price_with(ONE, dimensions=LARGE), price_with(ONE, dimensions=EU)], "AMBIGUOUS_PRICE"),
    "beside one as specific, for a while": (
        [
            price_with(ONE, dimensions=LARGE, valid_to=START + 2 * DAY),
            price_with(ONE, dimensions=EU, valid_from=START + DAY),
            price_with(ONE, dimensions=LARGE | EU, valid_to=START + DAY),
        ],
        "AMBIGUOUS_PRICE",
    ),
    "beside one as specific, before a third begins": (
        [
            price_with(ONE, dimensions=LARGE),
            price_with(ONE, dimensions=EU),
            price_with(ONE, dimensions=LARGE | EU, valid_from=START + DAY),
        ],
        "AMBIGUOUS_PRICE",
    ),
}


@pytest.mark.parametrize("bad", BAD_PRICES)
def test_a_bad_price_is_refused(bad: str) -> None:
    """By its code, and with the meter's name in the message."""
    prices, code = BAD_PRICES[bad]
    with pytest.raises(LedgerError) as caught:
        card_with(*prices, dimensions=DIMENSIONS)
    assert code == caught.value.code
    assert caught.value.detail.startswith("job/")
    assert {"service", "meter", "dimensions"} <= set(caught.value.facts)


GOOD_PRICES: dict[str, list[Price]] = {
    "none": [],
    "another value of the same dimension": [
        price_with(ONE, dimensions=LARGE),
        price_with(ONE, dimensions={"size": "small"}),
    ],
    "two that no event can match": [
        price_with(ONE, dimensions=LARGE | EU),
        price_with(ONE, dimensions={"size": "small", "tag": "x"}),
    ],
    "as specific, one after the other": [
        price_with(ONE, dimensions=LARGE, valid_to=LATER),
        price_with(ONE, dimensions=EU, valid_from=LATER),
    ],
    "as specific, when the next version of the other has ended": [
        price_with(ONE, dimensions=LARGE),
        price_with(ONE, dimensions=LARGE, version=2, valid_from=START + DAY, valid_to=LATER),
        price_with(ONE, dimensions=EU, valid_from=LATER),
    ],
    "as specific, with a third that always wins": [
        price_with(ONE, dimensions=LARGE),
        price_with(ONE, dimensions=EU),
        price_with(ONE, dimensions=LARGE | EU, valid_to=LATER),
        price_with(ONE, dimensions=LARGE | EU, valid_from=LATER, version=2),
    ],
    "a gap between versions": [
        price_with(ONE, valid_to=START + DAY),
        price_with(ONE, version=2, valid_from=START + 2 * DAY),
    ],
}


@pytest.mark.parametrize("good", GOOD_PRICES)
def test_a_good_card_is_taken_in_any_order(good: str) -> None:
    prices = GOOD_PRICES[good]
    forwards, backwards = (card_with(*each, dimensions=DIMENSIONS) for each in (prices, prices[::-1]))
    assert forwards.prices == backwards.prices
    assert len(prices) == len(forwards.prices)


@st.composite
def selectors(draw: st.DrawFn) -> list[Price]:
    """One version each of some selectors, valid for some days of five."""
    names = {"size": ["small", "large"], "region": ["eu", "us"], "tag": ["x", "y"]}
    given_ = draw(
        st.lists(
            st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in names.items()}),
            max_size=6,
            unique_by=lambda each: tuple(sorted(each.items())),
        )
    )
    days = st.tuples(st.integers(0, 4), st.integers(1, 5)).filter(lambda pair: pair[0] < pair[1])
    prices = []
    for dimensions in given_:
        since, until = draw(days)
        prices.append(
            price_with(ONE, dimensions=dimensions, valid_from=START + since * DAY, valid_to=START + until * DAY)
        )
    return prices


@given(selectors())
def test_a_card_has_one_price_for_every_event_or_is_ambiguous(prices: list[Price]) -> None:
    """Tried with every event on every day, also those that leave dimensions out."""
    names = ("size", "region", "tag")
    values = product(("small", "large", ""), ("eu", "us", ""), ("x", "y", ""))
    events = [{name: value for name, value in zip(names, each, strict=True) if value} for each in values]
    days = [START + day * DAY for day in range(5)]
    best = {(at, place): most_specific(prices, at, event) for at in days for place, event in enumerate(events)}
    if any(len(each) > 1 for each in best.values()):
        with pytest.raises(AmbiguousPrice):
            card_with(*prices, dimensions=DIMENSIONS)
        return

    card = card_with(*prices, dimensions=DIMENSIONS)

    for (at, place), each in best.items():
        try:
            assert each == [card.terms(card.meter("job"), events[place], at).price]
        except PriceNotFound:
            assert [] == each


def most_specific(prices: list[Price], at: datetime, event: dict[str, str]) -> list[Price]:
    """All prices that match an event and name as many dimensions as any that does."""
    live = [price for price in prices if price.valid_from <= at < (price.valid_to or LATER)]
    matching = [price for price in live if price.dimensions.items() <= event.items()]
    most = max((len(price.dimensions) for price in matching), default=0)
    return [price for price in matching if len(price.dimensions) == most]


@pytest.mark.parametrize("bad", ["0", "-1", "1e3", "1.0000", ".5", "01", "", "1 ", "1000000000000000.001", 0, -1, True])
def test_bad_quantities_are_refused_and_named(bad: str | int) -> None:
    with pytest.raises(InvalidQuantity) as caught:
        parse_quantity(bad, 3, "items[3].quantity")
    assert "items[3].quantity" == caught.value.errors[0]["path"]
    assert caught.value.detail.startswith("items[3].quantity: ")


@pytest.mark.parametrize("bad", ["0.0000000000001", "1000000000.1", "-1", 1.5, "1" * 400, 10**400])
def test_bad_amounts_of_prices_are_refused(bad: str | int) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_amount_pico(bad)
    assert len(caught.value.detail) < 200


@pytest.mark.parametrize("bad", ["0", "0.0000000001", "1000000001", Decimal("-1"), Decimal("NaN")])
def test_bad_rates_are_refused(bad: str | Decimal) -> None:
    with pytest.raises(InvalidAmount, match="USD"):
        make_card([], [], {"USD": bad})


@given(st.integers(1, QUANTITY_MAX), st.integers(0, 9))
def test_a_quantity_that_is_shown_is_read_back(quantity: int, decimals: int) -> None:
    assert quantity == parse_quantity(format_decimal(quantity, decimals), decimals)


@given(st.integers(0, AMOUNT_PICO_MAX))
def test_an_amount_that_is_shown_is_read_back(amount: int) -> None:
    assert amount == parse_amount_pico(format_decimal(amount, 12))


@pytest.mark.parametrize("rate", [10, "10", Decimal(10), Decimal("1E+1"), "10.000"])
def test_a_rate_is_read_in_any_form(rate: Decimal | str | int) -> None:
    assert 10_000_000_000 == parse_rate_nano(rate)
