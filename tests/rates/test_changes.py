"""A new card keeps what usage was counted and charged by."""

import re
from datetime import timedelta
from typing import Any

import pytest

from ledger.errors import InvalidPrice, LedgerError
from ledger.rates.card import Card, make_card
from ledger.rates.changes import Difference, change_between, check_change
from ledger.rates.prices import Meter, Price
from tests.rates.cards import LATER, START, meter_with, per_unit, price_with

DAY = timedelta(days=1)
LARGE = {"size": "large"}


def meter(**fields: Any) -> Meter:
    return meter_with(**{"dimensions": {"size": ("large",)}, "decimals": 2, **fields})


def prices() -> list[Price]:
    """An ended version, an open one, and an open one of another selector."""
    return [
        price_with(per_unit("1"), valid_to=START + DAY),
        price_with(per_unit("2"), version=2, valid_from=START + DAY),
        price_with(per_unit("3"), dimensions=LARGE),
    ]


BEFORE = make_card([meter()], prices())

ENDED = (
    price_with(per_unit("1"), dimensions={"size": "tiny"}, valid_to=START + DAY),
    price_with(per_unit("1"), dimensions={"size": "tiny"}, version=2, valid_from=START + 2 * DAY),
)
"""A price that ended, and its next version, which begins a day later."""

KEPT: dict[str, Card] = {
    "nothing is new": make_card([meter()], prices()),
    "a next version": make_card([meter()], [*prices(), price_with(per_unit("4"), version=3, valid_from=LATER)]),
    "an end": make_card([meter()], [*prices()[:2], price_with(per_unit("3"), dimensions=LARGE, valid_to=LATER)]),
    "another free tier": make_card([meter(free="10")], prices()),
    "a value more": make_card([meter(dimensions={"size": ("large", "small"), "tag": None})], prices()),
    "a meter more": make_card([meter(), meter(meter="tasks")], prices()),
}

BROKEN: dict[str, tuple[Card, str]] = {
    "no meter": (make_card([], []), "INVALID_METER"),
    "another unit": (make_card([meter(unit="hour")], prices()), "INVALID_METER"),
    "other decimals": (make_card([meter(decimals=3)], prices()), "INVALID_METER"),
    "no price": (make_card([meter()], prices()[:1]), "INVALID_PRICE"),
    "another amount": (
        make_card([meter()], [*prices()[:2], price_with(per_unit("4"), dimensions=LARGE)]),
        "INVALID_PRICE",
    ),
    "another end": (
        make_card([meter()], [price_with(per_unit("1"), valid_to=START + DAY / 2), *prices()[1:]]),
        "INVALID_PRICE",
    ),
    "no end": (make_card([meter()], [price_with(per_unit("1")), *prices()[1:]]), "INVALID_PRICE"),
    "an end, and another amount": (
        make_card([meter()], [*prices()[:2], price_with(per_unit("4"), dimensions=LARGE, valid_to=LATER)]),
        "INVALID_PRICE",
    ),
}


@pytest.mark.parametrize("kept", KEPT)
def test_a_card_may_say_more(kept: str) -> None:
    """Nothing is raised."""
    check_change(BEFORE, KEPT[kept])


def test_what_is_different_is_told_apart() -> None:
    """New, changed, ended; and nothing where a card is the same."""
    ended = price_with(per_unit("3"), dimensions=LARGE, valid_to=LATER)
    third = price_with(per_unit("4"), version=3, valid_from=LATER)
    after = make_card([meter(free="10"), meter(meter="tasks")], [*prices()[:2], ended, third])
    expected = Difference((meter(meter="tasks"),), (meter(free="10"),), (third,), (ended,))
    assert expected == change_between(BEFORE, after, START)
    assert change_between(BEFORE, BEFORE, LATER).is_empty


NOW = START + 30 * DAY

IN_TIME: dict[str, list[Price]] = {
    "a version from now": [*prices(), price_with(per_unit("4"), version=3, valid_from=NOW)],
    "an end now": [*prices()[:2], price_with(per_unit("3"), dimensions=LARGE, valid_to=NOW)],
    "a first price from long ago": [*prices(), price_with(per_unit("4"), dimensions={"size": "small"})],
}

TOO_LATE: dict[str, tuple[list[Price], str]] = {
    "a version from just before now": (
        [*prices(), price_with(per_unit("4"), version=3, valid_from=NOW - timedelta(microseconds=1))],
        "version 3: cannot begin at 2026-01-30T23:59:59.999999Z, before now (2026-01-31T00:00:00Z)",
    ),
    "an end just before now": (
        [*prices()[:2], price_with(per_unit("3"), dimensions=LARGE, valid_to=NOW - timedelta(microseconds=1))],
        "version 1: cannot end at 2026-01-30T23:59:59.999999Z",
    ),
    "a version where one has ended": (
        [*prices()[:2], price_with(per_unit("3"), dimensions=LARGE), *ENDED[:1], ENDED[1]],
        "version 2: cannot begin",
    ),
}


def card_of(after: list[Price]) -> Card:
    return make_card([meter(dimensions={"size": ("large", "small", "tiny")})], after)


@pytest.mark.parametrize("change", IN_TIME)
def test_a_price_may_change_from_now_on(change: str) -> None:
    """And a selector that had none may have had one all along."""
    assert not change_between(BEFORE, card_of(IN_TIME[change]), NOW).is_empty


@pytest.mark.parametrize("change", TOO_LATE)
def test_what_occurred_keeps_its_price(change: str) -> None:
    """No version of a selector that has one begins in the past, and none ends there."""
    after, message = TOO_LATE[change]
    before = make_card([meter(dimensions={"size": ("large", "small", "tiny")})], [*prices(), ENDED[0]])
    with pytest.raises(InvalidPrice, match=re.escape(message)):
        change_between(before, card_of([*after, *([] if ENDED[0] in after else ENDED[:1])]), NOW)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_card_may_not_say_otherwise(broken: str) -> None:
    """Of what stands in the card before."""
    card, code = BROKEN[broken]
    with pytest.raises(LedgerError) as caught:
        check_change(BEFORE, card)
    assert code == caught.value.code
