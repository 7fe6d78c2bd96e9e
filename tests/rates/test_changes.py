"""A new card keeps what usage was counted and charged by."""

from datetime import timedelta
from typing import Any

import pytest

from ledger.errors import LedgerError
from ledger.rates.card import Card, make_card
from ledger.rates.changes import check_change
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


@pytest.mark.parametrize("broken", BROKEN)
def test_a_card_may_not_say_otherwise(broken: str) -> None:
    """Of what stands in the card before."""
    card, code = BROKEN[broken]
    with pytest.raises(LedgerError) as caught:
        check_change(BEFORE, card)
    assert code == caught.value.code
