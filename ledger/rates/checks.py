"""What a rate card must be. Each check takes records and raises the first thing that is wrong with them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import combinations, pairwise, product
from typing import Final

from ledger.errors import (
    AmbiguousPrice,
    FreeTierWithoutUnit,
    InvalidMeter,
    InvalidPrice,
    PriceOverlap,
    UnknownDimension,
)
from ledger.rates.numbers import AMOUNT_PICO_MAX, QUANTITY_DECIMALS_MAX, QUANTITY_MAX
from ledger.rates.prices import TIERS_MAX, Meter, Package, PerUnit, Price, Tier, selector_of

DIMENSIONS_MAX: Final = 20
VALUES_MAX: Final = 200
"""Values that one dimension may list."""

SELECTOR_MAX: Final = 1_500
"""Bytes of a selector as text: it is part of keys in the database, which PostgreSQL bounds."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)
_DIMENSION = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_TEXT_MAX: Final = 100


def check_meter(meter: Meter) -> None:
    """Raises InvalidMeter or FreeTierWithoutUnit."""

    def refuse(message: str) -> InvalidMeter:
        return InvalidMeter(f"{named(meter)}: {message}", service=meter.service, meter=meter.meter)

    for what, name in (("service", meter.service), ("meter", meter.meter)):
        if not _NAME.fullmatch(name):
            raise refuse(f"a {what} has 1 to 64 characters of a to z, 0 to 9, '_', '.', '-', not {_shown(name)}")
    if meter.unit is not None and not _is_text(meter.unit):
        raise refuse(f"unit must be a text of 1 to {_TEXT_MAX} printable characters, not {_shown(meter.unit)}")
    if not 0 <= meter.decimals <= QUANTITY_DECIMALS_MAX:
        raise refuse(f"decimals must be 0 to {QUANTITY_DECIMALS_MAX}, not {meter.decimals}")
    if len(meter.dimensions) > DIMENSIONS_MAX:
        raise refuse(f"a meter has at most {DIMENSIONS_MAX} dimensions, not {len(meter.dimensions)}")
    for dimension, values in meter.dimensions.items():
        if not _DIMENSION.fullmatch(dimension):
            raise refuse(f"a dimension has 1 to 40 characters of a to z, 0 to 9, '_', not {_shown(dimension)}")
        if values is not None and not 1 <= len(values) <= VALUES_MAX:
            raise refuse(f"the dimension {dimension!r} must list 1 to {VALUES_MAX} values, or none for any text")
        for value in values or ():
            if not _is_text(value):
                raise refuse(f"a value has 1 to {_TEXT_MAX} printable characters, not {_shown(value)}")
        if len(set(values or ())) != len(values or ()):
            raise refuse(f"the dimension {dimension!r} lists a value twice")
    if meter.free_monthly is None:
        return
    if meter.unit is None:
        raise FreeTierWithoutUnit(
            f"{named(meter)}: a free tier needs a unit, such as 'task'", service=meter.service, meter=meter.meter
        )
    if not 0 < meter.free_monthly <= QUANTITY_MAX:
        raise refuse(f"free_monthly must be more than zero and at most {QUANTITY_MAX} of its smallest unit")


def check_dimensions(meter: Meter, dimensions: Mapping[str, str]) -> None:
    """Raises UnknownDimension for a name or value that the meter does not have."""
    for dimension, value in dimensions.items():
        if dimension not in meter.dimensions:
            raise UnknownDimension(
                f"{named(meter)} has no dimension {_shown(dimension)}; it has {_listed(meter.dimensions)}",
                dimension=dimension,
                value=value,
            )
        allowed = meter.dimensions[dimension]
        if allowed is not None and value not in allowed:
            raise UnknownDimension(
                f"the dimension {dimension!r} of {named(meter)} cannot be {_shown(value)};"
                f" it can be {_listed(allowed)}",
                dimension=dimension,
                value=value,
            )


def check_price(meter: Meter, price: Price) -> None:
    """One price by itself. Raises InvalidPrice."""
    try:
        check_dimensions(meter, price.dimensions)
    except UnknownDimension as error:
        raise invalid_price(price, error.detail) from None
    if not all(_is_text(value) for value in price.dimensions.values()):
        raise invalid_price(price, f"a value has 1 to {_TEXT_MAX} printable characters")
    if len(selector_of(price.dimensions).encode()) > SELECTOR_MAX:
        raise invalid_price(price, f"its dimensions have more than {SELECTOR_MAX} bytes")
    for at in (price.valid_from, price.valid_to):
        if at is not None and at.utcoffset() != timedelta(0):
            raise invalid_price(price, f"{at.isoformat()} is not in UTC")
    if price.valid_to is not None and price.valid_to <= price.valid_from:
        raise invalid_price(price, "must end after it begins")
    model = price.model
    if isinstance(model, PerUnit | Package):
        _check_amount(price, model.amount_pico)
        if isinstance(model, Package) and not 0 < model.size <= QUANTITY_MAX:
            raise invalid_price(price, "the size of a package must be more than zero")
    else:
        _check_tiers(price, model.tiers)


def check_versions(prices: Sequence[Price]) -> None:
    """All versions of one selector, in the order of their numbers. Raises InvalidPrice or PriceOverlap."""
    for number, price in enumerate(prices, start=1):
        if price.version != number:
            raise invalid_price(price, f"versions are numbered 1, 2, 3 …: this should be version {number}")
    for earlier, later in pairwise(prices):
        if later.valid_from <= earlier.valid_from or (
            earlier.valid_to is not None and later.valid_from < earlier.valid_to
        ):
            raise PriceOverlap(
                f"{_where(later)}: version {later.version} begins at {_shown_at(later.valid_from)},"
                f" when version {earlier.version} is still valid or has not begun",
                **_facts(later),
                version=later.version,
                other_version=earlier.version,
            )


Span = tuple[datetime, datetime | None]
"""A time in which a version is valid: from (inclusive), to (exclusive; None: no end)."""

Validity = tuple[Mapping[str, str], Sequence[Span]]
"""A selector, and when one of its versions is valid."""


def check_ambiguity(meter: Meter, selectors: Sequence[Validity]) -> None:
    """All selectors of one meter. Two that name equally many dimensions and can match one event are refused, unless
    whenever both are valid a third one wins over them. Raises AmbiguousPrice."""
    for one, other in _rivals(selectors):
        both = {**one[0], **other[0]}
        winners = [each for each in selectors if len(each[0]) > len(one[0]) and each[0].items() <= both.items()]
        for at in _instants([one, other, *winners]):
            if _is_live(one, at) and _is_live(other, at) and not any(_is_live(each, at) for each in winners):
                raise AmbiguousPrice(
                    f"{named(meter)}: {selector_of(one[0])} and {selector_of(other[0])} would both apply to one event",
                    service=meter.service,
                    meter=meter.meter,
                    dimensions=dict(one[0]),
                    other_dimensions=dict(other[0]),
                )


def named(meter: Meter | Price) -> str:
    """A meter as messages name it."""
    return f"{meter.service}/{meter.meter}"


def invalid_price(price: Price, message: str) -> InvalidPrice:
    return InvalidPrice(f"{_where(price)} version {price.version}: {message}", **_facts(price), version=price.version)


def _check_tiers(price: Price, tiers: Sequence[Tier]) -> None:
    if not 1 <= len(tiers) <= TIERS_MAX:
        raise invalid_price(price, f"a price has 1 to {TIERS_MAX} tiers, not {len(tiers)}")
    if tiers[-1].up_to is not None:
        raise invalid_price(price, "the last tier must have no end")
    start = 0
    for tier in tiers:
        _check_amount(price, tier.amount_pico)
        _check_amount(price, tier.flat_pico)
        if tier is tiers[-1]:
            return
        if tier.up_to is None or not start < tier.up_to <= QUANTITY_MAX:
            raise invalid_price(price, "each tier but the last must end after the one before it")
        start = tier.up_to


def _check_amount(price: Price, amount_pico: int) -> None:
    if not 0 <= amount_pico <= AMOUNT_PICO_MAX:
        raise invalid_price(price, "an amount must be zero or more, and at most 1000000000")


def _rivals(selectors: Sequence[Validity]) -> Iterator[tuple[Validity, Validity]]:
    """Pairs that are equally specific and can match one event. Those of the same dimensions differ in a value."""
    by_names: dict[frozenset[str], list[Validity]] = {}
    for each in selectors:
        by_names.setdefault(frozenset(each[0]), []).append(each)
    for some, others in combinations(by_names, 2):
        if len(some) == len(others):
            for one, other in product(by_names[some], by_names[others]):
                if all(one[0][name] == other[0][name] for name in some & others):
                    yield one, other


def _instants(selectors: Sequence[Validity]) -> set[datetime]:
    """When the validity of any of them changes."""
    return {at for _, spans in selectors for span in spans for at in span if at is not None}


def _is_live(selector: Validity, at: datetime) -> bool:
    return any(since <= at and (until is None or at < until) for since, until in selector[1])


def _is_text(text: str) -> bool:
    return 1 <= len(text) <= _TEXT_MAX and text.isprintable()


def _where(price: Price) -> str:
    return f"{named(price)} {selector_of(price.dimensions)}"


def _facts(price: Price) -> dict[str, object]:
    return {"service": price.service, "meter": price.meter, "dimensions": dict(price.dimensions)}


def _shown(text: str) -> str:
    return ascii(text) if len(text) <= 40 else ascii(text[:37]) + "…"


def _shown_at(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _listed(names: Mapping[str, object] | Sequence[str]) -> str:
    shown = [repr(name) for name in list(names)[:10]]
    return ", ".join(shown + ["…"] * (len(names) > 10)) or "none"
