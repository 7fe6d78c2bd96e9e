"""A rate card: all meters and prices, checked as a whole, and which price an event has.

A card never changes; a new one takes its place. ``terms`` finds the price of an event: of the prices that are valid
when it occurred, the most specific one whose selector matches its dimensions. That there is only one is checked when
the card is made, so the lookup does not have to.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain, groupby
from typing import Final

import msgspec

from ledger.errors import InvalidMeter, PriceNotFound, UnknownMeter
from ledger.kit.money import CREDIT
from ledger.rates.checks import (
    check_ambiguity,
    check_dimensions,
    check_meter,
    check_price,
    check_versions,
    invalid_price,
    named,
)
from ledger.rates.numbers import QUANTITY_DECIMALS_MAX, RATE_DECIMALS, parse_rate_nano
from ledger.rates.prices import Meter, Price, key_of, selector_of

RATES: Final[Mapping[str, Decimal | str | int]] = {"USD": 10}
"""How many credits one unit of a currency is, unless settings say otherwise."""


class Terms(msgspec.Struct, frozen=True):
    """A price with all that pricing by it needs, worked out once.

    ``valid_to`` is the end that counts: its own, or where the next version begins. ``free``: the meter's free tier,
    zero where it has none. ``one``: one unit, in the meter's smallest. ``factor``: what turns a cost in
    10^-(12 + decimals) of the asset into 10^-30 credits.
    """

    meter: Meter
    price: Price
    selector: str
    valid_to: datetime | None
    rate_nano: int
    free: int
    one: int
    factor: int

    def is_valid(self, at: datetime) -> bool:
        """Whether what occurs at this instant may be charged by it."""
        return self.price.valid_from <= at and (self.valid_to is None or at < self.valid_to)


Key = tuple[str, str]
"""(service, meter)."""

Prices = list[tuple[tuple[str, ...], dict[tuple[str | None, ...], list[Terms]]]]
"""A meter's prices for the lookup: by the dimensions they name, most of them first; then by their values; each with
its versions, the latest first."""


class Card:
    """A rate card that was found to be right: see ``make_card``."""

    __slots__ = ("_found", "_only", "meters", "prices")

    def __init__(self, meters: Mapping[Key, Meter], prices: Sequence[Price], found: Mapping[Key, Prices]) -> None:
        self.meters = meters
        self.prices = prices
        self._found = found
        services = Counter(service for service, _ in meters)
        self._only = {each.service: each for each in meters.values() if services[each.service] == 1}

    def meter(self, service: str, meter: str | None = None, dimensions: Mapping[str, str] | None = None) -> Meter:
        """The meter of an event, whose dimensions are checked; None is the only one that the service has.

        Raises UnknownMeter or UnknownDimension.
        """
        found = self.meters.get((service, meter)) if meter is not None else self._only.get(service)
        if found is None:
            raise _unknown(service, meter, [each.meter for each in self.meters.values() if each.service == service])
        if dimensions:
            check_dimensions(found, dimensions)
        return found

    def terms(self, meter: Meter, dimensions: Mapping[str, str], occurred_at: datetime) -> Terms:
        """What an event costs by; its dimensions were checked (``meter``). Raises PriceNotFound."""
        for names, by_values in self._found[meter.service, meter.meter]:
            for terms in by_values.get(tuple([dimensions.get(name) for name in names]), ()):
                if terms.price.valid_from <= occurred_at:
                    if terms.valid_to is None or occurred_at < terms.valid_to:
                        return terms
                    break
        shown = occurred_at.isoformat().replace("+00:00", "Z")
        raise PriceNotFound(
            f"{named(meter)} has no price for {selector_of(dimensions)} at {shown}",
            service=meter.service,
            meter=meter.meter,
            dimensions=dict(dimensions),
            occurred_at=shown,
        )

    def versions(self, meter: Meter) -> list[Terms]:
        """All versions of a meter's prices, in the order of ``prices``."""
        found = [
            terms for _, by_values in self._found[meter.service, meter.meter] for terms in chain(*by_values.values())
        ]
        return sorted(found, key=lambda terms: (terms.selector, terms.price.version))


def make_card(
    meters: Sequence[Meter], prices: Sequence[Price], rates: Mapping[str, Decimal | str | int] = RATES
) -> Card:
    """A card of these, in any order. ``rates``: credits per unit of each currency.

    Raises InvalidMeter, FreeTierWithoutUnit, InvalidPrice, PriceOverlap or AmbiguousPrice.
    """
    known: dict[Key, Meter] = {}
    for meter in meters:
        check_meter(meter)
        if (meter.service, meter.meter) in known:
            raise InvalidMeter(f"{named(meter)} is there twice", service=meter.service, meter=meter.meter)
        known[meter.service, meter.meter] = meter
    rates_nano = {asset: parse_rate_nano(rate, asset) for asset, rate in rates.items()}
    rates_nano[CREDIT] = 10**RATE_DECIMALS
    ordered = sorted(prices, key=key_of)
    selectors: dict[Key, list[list[Terms]]] = {key: [] for key in known}
    for (service, name, _), group in groupby(ordered, key=lambda price: key_of(price)[:3]):
        versions = list(group)
        if (service, name) not in known:
            raise invalid_price(versions[0], "the card has no such meter")
        selectors[service, name].append(_versions(known[service, name], versions, rates_nano))
    return Card(known, tuple(ordered), {key: _prices(known[key], each) for key, each in selectors.items()})


def _prices(meter: Meter, selectors: list[list[Terms]]) -> Prices:
    """The prices of a meter, by selector. Raises AmbiguousPrice."""
    spans = [[(terms.price.valid_from, terms.valid_to) for terms in versions] for versions in selectors]
    matched = [versions[0].price.dimensions for versions in selectors]
    check_ambiguity(meter, list(zip(matched, spans, strict=True)))
    found: dict[tuple[str, ...], dict[tuple[str | None, ...], list[Terms]]] = {}
    for dimensions, versions in zip(matched, selectors, strict=True):
        names = tuple(sorted(dimensions))
        found.setdefault(names, {})[tuple([dimensions[name] for name in names])] = versions
    return sorted(found.items(), key=lambda each: -len(each[0]))


def _versions(meter: Meter, versions: list[Price], rates_nano: Mapping[str, int]) -> list[Terms]:
    """The versions of one selector, the latest first."""
    for price in versions:
        check_price(meter, price)
        if price.asset not in rates_nano:
            raise invalid_price(price, f"there is no rate of credits per {price.asset}")
    check_versions(versions)
    ends = [price.valid_to for price in versions]
    ends[:-1] = [end or later.valid_from for end, later in zip(ends[:-1], versions[1:], strict=True)]
    return [_terms(meter, price, end, rates_nano[price.asset]) for price, end in zip(versions, ends, strict=True)][::-1]


def _terms(meter: Meter, price: Price, valid_to: datetime | None, rate_nano: int) -> Terms:
    return Terms(
        meter,
        price,
        selector_of(price.dimensions),
        valid_to,
        rate_nano,
        meter.free_monthly or 0,
        10**meter.decimals,
        rate_nano * 10 ** (QUANTITY_DECIMALS_MAX - meter.decimals),
    )


def _unknown(service: str, meter: str | None, has: list[str]) -> UnknownMeter:
    names = ", ".join([repr(name) for name in has[:10]] + ["…"] * (len(has) > 10)) or "none"
    asked = f"has no meter {meter!r}; it has" if meter is not None else "needs a meter to be named; it has"
    return UnknownMeter(f"the service {service!r} {asked} {names}", service=service, meter=meter)
