"""The line of a charge: every number of it as text, so that nobody has to take our word for the last one.

It is made of what ``rules.price`` gave, and is kept and shown as the JSON that is made here. It is made for each
event, under the lock: so what all events of a price have in common is made once, and the rest are numbers, which need
no quoting.
"""

from functools import lru_cache

import msgspec

from ledger.kit.money import format_amount
from ledger.rates.numbers import AMOUNT_DECIMALS, CARRY_DECIMALS, RATE_DECIMALS, format_decimal
from ledger.rates.rules import Charge, Part


class TierUsed(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A tier's part of an event, in decimal strings: ``quantity`` units (or packages) of ``amount`` each, and ``flat``
    where the tier was entered for the first time in the month."""

    start: str
    end: str | None
    quantity: str
    amount: str
    flat: str | None


class ChargeLine(msgspec.Struct, frozen=True):
    """Why a charge is what it is, in decimal strings: each number can be worked out again from those before it.

    ``cost`` is exact in ``asset``; ``cost`` × ``credits_per_unit`` is ``cost_credits``, and ``carry_before`` +
    ``cost_credits`` is ``charged`` + ``carry_after``. ``dimensions`` are those the price is for.
    """

    service: str
    meter: str
    unit: str | None
    dimensions: dict[str, str]
    version: int
    model: str
    quantity: str
    free: str
    billable: str
    tiers: tuple[TierUsed, ...]
    asset: str
    cost: str
    credits_per_unit: str
    cost_credits: str
    carry_before: str
    carry_after: str
    charged: str


read = msgspec.json.Decoder(ChargeLine).decode
"""The line from its JSON."""


def explain(charge: Charge) -> str:
    """The line of a charge: a ``ChargeLine`` as JSON."""
    terms = charge.terms
    meter, price = terms.meter, terms.price
    decimals = meter.decimals
    model = price.model.__struct_config__.tag
    what, asset, per_unit = _of_all(
        meter.service, meter.meter, meter.unit, terms.selector, price.version, model, price.asset, terms.rate_nano
    )
    tiers = ",".join([_tier_used(part, decimals) for part in charge.parts])
    return (
        f'{what}"quantity":"{format_decimal(charge.free + charge.billed, decimals)}",'
        f'"free":"{format_decimal(charge.free, decimals)}","billable":"{format_decimal(charge.billed, decimals)}",'
        f'"tiers":[{tiers}],{asset}"cost":"{format_decimal(charge.cost, AMOUNT_DECIMALS + decimals)}",{per_unit}'
        f'"cost_credits":"{format_decimal(charge.cost * terms.factor, CARRY_DECIMALS)}",'
        f'"carry_before":"{format_decimal(charge.before.carry, CARRY_DECIMALS)}",'
        f'"carry_after":"{format_decimal(charge.after.carry, CARRY_DECIMALS)}",'
        f'"charged":"{format_amount(charge.micro)}"}}'
    )


_json = msgspec.json.Encoder()


@lru_cache(maxsize=4_096)
def _of_all(
    service: str, meter: str, unit: str | None, selector: str, version: int, model: str, asset: str, rate_nano: int
) -> tuple[str, str, str]:
    """What the lines of a price have in common: how they begin, the asset, and what one of it is in credits."""
    named = _json.encode({"service": service, "meter": meter, "unit": unit}).decode()
    told = f'{named[:-1]},"dimensions":{selector},"version":{version},"model":"{model}",'
    rate = format_decimal(rate_nano, RATE_DECIMALS)
    return told, f'"asset":{_json.encode(asset).decode()},', f'"credits_per_unit":"{rate}",'


def _tier_used(part: Part, decimals: int) -> str:
    end = "null" if part.end is None else f'"{format_decimal(part.end, decimals)}"'
    flat = f'"{format_decimal(part.flat_pico, AMOUNT_DECIMALS)}"' if part.flat_pico else "null"
    return (
        f'{{"from":"{format_decimal(part.start, decimals)}","to":{end},'
        f'"quantity":"{format_decimal(part.quantity, decimals)}",'
        f'"amount":"{format_decimal(part.amount_pico, AMOUNT_DECIMALS)}","flat":{flat}}}'
    )
