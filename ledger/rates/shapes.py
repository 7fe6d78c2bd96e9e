"""What meters and prices look like outside, in files and requests: decimals as strings, times in RFC 3339."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Instant, Service, in_utc
from ledger.kit.http.strict import invalid, join
from ledger.rates.numbers import (
    AMOUNT_DECIMALS,
    QUANTITY_DECIMALS_MAX,
    format_decimal,
    parse_amount_pico,
    parse_quantity,
)
from ledger.rates.prices import Graduated, Meter, Model, Package, PerUnit, Price, Tier, Volume

Number = Annotated[
    str | int,
    Meta(
        description='A decimal string such as `"0.01"`, or an integer; never a float.',
        examples=["0.01"],
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": r"^(0|[1-9][0-9]{0,18})(\.[0-9]{1,12})?$"},
                {"type": "integer", "minimum": 0, "maximum": 10**18},
            ]
        },
    ),
]
"""An amount of a price or a quantity: read by ``rates.numbers``."""

Asset = Annotated[
    str,
    Meta(pattern=r"^(CREDIT|[A-Z]{3})$(?!\n)", description="A currency, or `CREDIT`.", examples=["USD"]),
]

MODELS: Final = ("per_unit", "package", "graduated", "volume")
"""A price has exactly one of these fields."""


class MeterShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A meter. ``free_monthly`` is in units."""

    service: Service
    meter: Service
    unit: str | None = None
    decimals: Annotated[int, Meta(ge=0, le=QUANTITY_DECIMALS_MAX)] = 0
    dimensions: dict[str, list[str] | None] = {}
    free_monthly: Number | None = None


class PackageShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``amount`` for each package of ``size`` units that is started."""

    amount: Number
    size: Number


class TierShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``amount`` for each unit up to ``up_to`` (null: no end), and ``flat`` once a month."""

    up_to: Number | None = None
    amount: Number
    flat: Number | None = None


class PriceShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A version of a price of a meter, by one of four models."""

    version: Annotated[int, Meta(ge=1)] = 1
    dimensions: dict[str, str] = {}
    valid_from: Instant
    valid_to: Instant | None = None
    asset: Asset = "USD"
    per_unit: Number | None = None
    package: PackageShape | None = None
    graduated: list[TierShape] | None = None
    volume: list[TierShape] | None = None


def meter_of(shape: MeterShape, path: str = "") -> Meter:
    """The record of a meter. Raises InvalidQuantity."""
    free = shape.free_monthly
    return Meter(
        service=shape.service,
        meter=shape.meter,
        unit=shape.unit,
        decimals=shape.decimals,
        dimensions={name: None if values is None else tuple(values) for name, values in shape.dimensions.items()},
        free_monthly=None if free is None else parse_quantity(free, shape.decimals, join(path, "free_monthly")),
    )


def price_of(shape: PriceShape, meter: Meter, path: str = "") -> Price:
    """The record of a price. Raises InvalidRequest, InvalidAmount or InvalidQuantity."""
    valid_from = in_utc(shape.valid_from, join(path, "valid_from"))
    assert valid_from is not None
    return Price(
        service=meter.service,
        meter=meter.meter,
        version=shape.version,
        valid_from=valid_from,
        valid_to=in_utc(shape.valid_to, join(path, "valid_to")),
        model=_model_of(shape, meter, path),
        asset=shape.asset,
        dimensions=shape.dimensions,
    )


def meter_shape(meter: Meter) -> MeterShape:
    return MeterShape(
        service=meter.service,
        meter=meter.meter,
        unit=meter.unit,
        decimals=meter.decimals,
        dimensions={name: None if values is None else list(values) for name, values in meter.dimensions.items()},
        free_monthly=None if meter.free_monthly is None else format_decimal(meter.free_monthly, meter.decimals),
    )


def price_shape(price: Price, meter: Meter) -> PriceShape:
    model = price.model
    return PriceShape(
        version=price.version,
        dimensions=dict(price.dimensions),
        valid_from=price.valid_from,
        valid_to=price.valid_to,
        asset=price.asset,
        per_unit=_amount(model.amount_pico) if isinstance(model, PerUnit) else None,
        package=PackageShape(_amount(model.amount_pico), format_decimal(model.size, meter.decimals))
        if isinstance(model, Package)
        else None,
        graduated=_tier_shapes(model.tiers, meter) if isinstance(model, Graduated) else None,
        volume=_tier_shapes(model.tiers, meter) if isinstance(model, Volume) else None,
    )


def _model_of(shape: PriceShape, meter: Meter, path: str) -> Model:
    given = [name for name in MODELS if getattr(shape, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise invalid(path, f"must have exactly one of {', '.join(MODELS)}, and has {found}")
    at = join(path, given[0])
    if shape.per_unit is not None:
        return PerUnit(parse_amount_pico(shape.per_unit, at))
    if shape.package is not None:
        amount = parse_amount_pico(shape.package.amount, join(at, "amount"))
        return Package(amount, parse_quantity(shape.package.size, meter.decimals, join(at, "size")))
    if shape.graduated is not None:
        return Graduated(_tiers_of(shape.graduated, meter, at))
    return Volume(_tiers_of(shape.volume or [], meter, at))


def _tiers_of(shapes: list[TierShape], meter: Meter, path: str) -> tuple[Tier, ...]:
    return tuple([_tier_of(shape, meter, f"{path}[{index}]") for index, shape in enumerate(shapes)])


def _tier_of(shape: TierShape, meter: Meter, path: str) -> Tier:
    return Tier(
        None if shape.up_to is None else parse_quantity(shape.up_to, meter.decimals, join(path, "up_to")),
        parse_amount_pico(shape.amount, join(path, "amount")),
        0 if shape.flat is None else parse_amount_pico(shape.flat, join(path, "flat")),
    )


def _tier_shapes(tiers: tuple[Tier, ...], meter: Meter) -> list[TierShape]:
    return [
        TierShape(
            up_to=None if tier.up_to is None else format_decimal(tier.up_to, meter.decimals),
            amount=_amount(tier.amount_pico),
            flat=_amount(tier.flat_pico) if tier.flat_pico else None,
        )
        for tier in tiers
    ]


def _amount(amount_pico: int) -> str:
    return format_decimal(amount_pico, AMOUNT_DECIMALS)
