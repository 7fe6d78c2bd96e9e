"""The line of a charge: every number of it as text, so that nobody has to take our word for the last one.

It is made of what ``rules.price`` gave, and can be made later: outside the lock, where the answer is written.
"""

import msgspec

from ledger.kit.money import format_amount
from ledger.rates.card import Terms
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


def explain(charge: Charge) -> ChargeLine:
    """The line of a charge, for people and for programs that check it."""
    terms = charge.terms
    meter, model = terms.meter, terms.price.model
    return ChargeLine(
        service=meter.service,
        meter=meter.meter,
        unit=meter.unit,
        dimensions=dict(terms.price.dimensions),
        version=terms.price.version,
        model=str(model.__struct_config__.tag),
        quantity=_quantity(terms, charge.free + charge.billed),
        free=_quantity(terms, charge.free),
        billable=_quantity(terms, charge.billed),
        tiers=tuple([_tier_used(terms, part) for part in charge.parts]),
        asset=terms.price.asset,
        cost=format_decimal(charge.cost, AMOUNT_DECIMALS + meter.decimals),
        credits_per_unit=format_decimal(terms.rate_nano, RATE_DECIMALS),
        cost_credits=format_decimal(charge.cost * terms.factor, CARRY_DECIMALS),
        carry_before=format_decimal(charge.before.carry, CARRY_DECIMALS),
        carry_after=format_decimal(charge.after.carry, CARRY_DECIMALS),
        charged=format_amount(charge.micro),
    )


def _tier_used(terms: Terms, part: Part) -> TierUsed:
    return TierUsed(
        _quantity(terms, part.start),
        None if part.end is None else _quantity(terms, part.end),
        _quantity(terms, part.quantity),
        format_decimal(part.amount_pico, AMOUNT_DECIMALS),
        format_decimal(part.flat_pico, AMOUNT_DECIMALS) if part.flat_pico else None,
    )


def _quantity(terms: Terms, quantity: int) -> str:
    return format_decimal(quantity, terms.meter.decimals)
