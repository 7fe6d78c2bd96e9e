"""What requests and answers about the rate card look like. (Files have ``shapes`` alone: they leave out defaults.)"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Decimal, Instant, Service, Time, shown, shown_or_none
from ledger.rates.card import Card, Terms
from ledger.rates.prices import Meter
from ledger.rates.shapes import (
    Asset,
    MeterShape,
    Number,
    PackageShape,
    PriceShape,
    TierShape,
    meter_shape,
    price_shape,
)


class NewMeter(MeterShape, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A meter to add. ``free_monthly`` is in units; without ``unit`` it counts each."""


class NewPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next version of a price, by one of four models. ``meter`` may be left out where the service has one;
    ``valid_from`` is now where it is left out."""

    service: Service
    meter: Service | None = None
    dimensions: dict[str, str] = {}
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    asset: Asset = "USD"
    per_unit: Number | None = None
    package: PackageShape | None = None
    graduated: list[TierShape] | None = None
    volume: list[TierShape] | None = None


class PriceVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a price. ``valid_to`` is its own end, or where the next version begins. One of the four models
    is not null."""

    service: str
    meter: str
    dimensions: dict[str, str]
    version: int
    valid_from: Time
    valid_to: Time | None
    asset: Annotated[str, Meta(description="A currency, or `CREDIT`.", examples=["USD"])]
    per_unit: Decimal | None
    package: PackageShape | None
    graduated: list[TierShape] | None
    volume: list[TierShape] | None


class PricedMeter(msgspec.Struct, frozen=True, kw_only=True):
    """A meter with prices: of `/v1/meters` those that are valid now, of `/v1/rate-card` all."""

    service: str
    meter: str
    unit: Annotated[str | None, Meta(description="What is counted; null: each.")]
    decimals: Annotated[int, Meta(description="Decimals that a quantity may have.")]
    dimensions: Annotated[dict[str, list[str] | None], Meta(description="With the values of each; null: any text.")]
    free_monthly: Decimal | None
    prices: list[PriceVersion]


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """The whole card. ``version`` grows with each change; ``credits_per_unit`` are the rates of the settings."""

    version: int
    credits_per_unit: dict[str, str]
    meters: list[PricedMeter]


def next_version(new: NewPrice, version: int, now: datetime) -> PriceShape:
    """The price as a file would have it."""
    return PriceShape(
        version=version,
        dimensions=new.dimensions,
        valid_from=new.valid_from or now,
        valid_to=new.valid_to,
        asset=new.asset,
        per_unit=new.per_unit,
        package=new.package,
        graduated=new.graduated,
        volume=new.volume,
    )


def price_version(terms: Terms) -> PriceVersion:
    shape = price_shape(terms.price, terms.meter)
    return PriceVersion(
        service=terms.meter.service,
        meter=terms.meter.meter,
        dimensions=shape.dimensions,
        version=shape.version,
        valid_from=shown(terms.price.valid_from),
        valid_to=shown_or_none(terms.valid_to),
        asset=shape.asset,
        per_unit=None if shape.per_unit is None else str(shape.per_unit),
        package=shape.package,
        graduated=shape.graduated,
        volume=shape.volume,
    )


def priced_meter(meter: Meter, prices: Iterable[Terms]) -> PricedMeter:
    shape = meter_shape(meter)
    return PricedMeter(
        service=meter.service,
        meter=meter.meter,
        unit=meter.unit,
        decimals=meter.decimals,
        dimensions=shape.dimensions,
        free_monthly=None if shape.free_monthly is None else str(shape.free_monthly),
        prices=[price_version(terms) for terms in prices],
    )


def rate_card(version: int, card: Card, rates: Mapping[str, object]) -> RateCard:
    return RateCard(
        version=version,
        credits_per_unit={asset: str(rate) for asset, rate in sorted(rates.items())},
        meters=[priced_meter(meter, card.versions(meter)) for meter in card.meters.values()],
    )
