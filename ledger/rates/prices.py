"""The records of a rate card: meters and prices. Immutable, in integers (scales in ``numbers``), no behaviour.

A *meter* says how a service's usage is counted. A *price* is one version of what a meter's quantities cost, for the
events that its *selector* matches: exact values of some of the meter's dimensions, or of none (the fallback). Nothing
here checks anything: ``checks`` does, when a card is made of them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

TIERS_MAX: Final = 50
"""Tiers of one price: whether the flat amount of each was charged is a bit of one BIGINT."""


class Meter(msgspec.Struct, frozen=True, kw_only=True):
    """How usage is counted: in ``unit`` ("minute"; None: each), with ``decimals``.

    ``dimensions``: what a price may depend on, each with the values it may have (None: any text).
    ``free_monthly``: what each wallet has free in each calendar month, in the meter's smallest unit; None is nothing.
    All prices of the meter share it.
    """

    service: str
    meter: str
    unit: str | None = None
    decimals: int = 0
    dimensions: Mapping[str, tuple[str, ...] | None] = {}
    free_monthly: int | None = None


class PerUnit(msgspec.Struct, frozen=True, tag="per_unit"):
    """Each unit costs the same."""

    amount_pico: int


class Package(msgspec.Struct, frozen=True, tag="package"):
    """Each package of ``size`` (in the meter's smallest unit) that is started in the month costs ``amount_pico``."""

    amount_pico: int
    size: int


class Tier(msgspec.Struct, frozen=True):
    """A range of the month's quantity that ends with ``up_to`` (inclusive; None: no end): what a unit in it costs,
    and once a month ``flat_pico`` on top when it is first entered."""

    up_to: int | None
    amount_pico: int
    flat_pico: int = 0


class Graduated(msgspec.Struct, frozen=True, tag="graduated"):
    """Each unit costs what the tier says into which it falls: an event may be spread over several."""

    tiers: tuple[Tier, ...]


class Volume(msgspec.Struct, frozen=True, tag="volume"):
    """All units of an event cost what the tier says into which the month's total falls with it. Events that were
    charged before at another tier stay as they are."""

    tiers: tuple[Tier, ...]


Model = PerUnit | Package | Graduated | Volume


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a price: valid for what occurs from ``valid_from`` (inclusive) to ``valid_to`` (exclusive).

    ``valid_to`` None: until the next version begins. ``dimensions`` is the selector; versions of one selector are
    numbered 1, 2, 3 … ``asset``: a currency, or CREDIT. Times are aware, in UTC.
    """

    service: str
    meter: str
    version: int
    valid_from: datetime
    model: Model
    asset: str = "USD"
    dimensions: Mapping[str, str] = {}
    valid_to: datetime | None = None


_encoder: Final = msgspec.json.Encoder(order="deterministic")


def selector_of(dimensions: Mapping[str, str]) -> str:
    """A selector as text, the same for the same dimensions: ``{"size":"large"}``, ``{}`` for the fallback."""
    return _encoder.encode(dimensions).decode()


def key_of(price: Price) -> tuple[str, str, str, int]:
    """What names a version of a price: service, meter, selector, version."""
    return price.service, price.meter, selector_of(price.dimensions), price.version
