"""What an event costs, and what a void of it gives back. Pure, in integers, exact.

An event's quantity is first free, as far as something is left of the meter's free tier in the month; the rest is
billable and goes through the price's model. The cost is exact in 10^-24 micro-credits. What is charged is its whole
part, together with what earlier events of the wallet and meter left over; the new rest is carried on. So all charges
of a wallet and meter add up to the whole part of all their costs: nothing is lost, and nothing is rounded twice.

Months are calendar months of when an event occurred, so a late event uses the counters of its own month. A price
that changes within a month changes no counter: they belong to the selector, not to the version.

A void gives back exactly what the event was charged, and its quantity and free part to the counters. The carry stays:
it holds less than a micro-credit of the event, and to take that out could ask for more than was charged. Events that
came later keep what they were charged, also where they would now fall into another tier.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from ledger.errors import InvalidQuantity
from ledger.kit.money import AMOUNT_MAX, format_amount
from ledger.rates.card import Terms
from ledger.rates.numbers import FRACTION, QUANTITY_MAX, format_decimal
from ledger.rates.prices import Graduated, Package, PerUnit, Tier, Volume


class Counters(msgspec.Struct, frozen=True):
    """What was used before, as an event's price needs it. Quantities are in the meter's smallest unit.

    ``carry``, of wallet and meter: the cost not charged yet, in 10^-24 micro-credits; less than one micro-credit.
    ``free``, of wallet, meter and month: how much of the free tier is used. Of wallet, meter, month and selector:
    ``billed``, the billable quantity; ``covered``, up to where the packages reach that were paid; ``flats``, a bit for
    each tier whose flat amount was charged.
    """

    carry: int = 0
    free: int = 0
    billed: int = 0
    covered: int = 0
    flats: int = 0


class Part(NamedTuple):
    """What one tier, or the packages, had of an event: ``quantity`` (packages: as if each were one unit) at
    ``amount_pico`` for a unit, in the month's range from ``start`` to ``end`` (None: no end); ``flat_pico`` on top."""

    start: int
    end: int | None
    quantity: int
    amount_pico: int
    flat_pico: int


class Taken(NamedTuple):
    """What must be remembered of a charge, so that a void can give it back: ``micro`` credits, and by how much each
    counter grew (``flats``: which bits were set)."""

    micro: int
    free: int
    billed: int
    covered: int
    flats: int


class Charge(msgspec.Struct, frozen=True):
    """What an event is charged: ``micro`` credits now, which can be zero.

    ``free`` and ``billed`` are its free and its billable part. ``cost`` is exact, in 10^-(12 + decimals) of the price's
    asset. ``covered`` and ``flats`` are what it adds to these counters.
    """

    terms: Terms
    micro: int
    free: int
    billed: int
    covered: int
    flats: int
    cost: int
    parts: tuple[Part, ...]
    before: Counters
    after: Counters

    @property
    def taken(self) -> Taken:
        return Taken(self.micro, self.free, self.billed, self.covered, self.flats)


def price(terms: Terms, quantity: int, before: Counters) -> Charge:
    """Price an event of ``quantity`` (> 0, in the meter's smallest unit) after what ``before`` says was used.

    A quote is the same, with ``after`` thrown away. Raises InvalidQuantity where the month's quantity or the charge
    would be beyond what can be counted.
    """
    assert quantity > 0
    left = terms.free - before.free
    free = 0 if left <= 0 else left if left < quantity else quantity
    billable = quantity - free
    billed = before.billed + billable
    if billed > QUANTITY_MAX:
        raise _beyond(f"with this event the month has more than {format_decimal(QUANTITY_MAX, terms.meter.decimals)}")
    cost, covered, flats, parts = 0, 0, 0, _NOTHING
    if billable:
        model = terms.price.model
        cost, covered, flats, parts = _MODELS[type(model)](model, terms.one, before, billed)
    micro, carry = divmod(before.carry + cost * terms.factor, FRACTION)
    if micro > AMOUNT_MAX:
        raise _beyond(f"the event costs more than {format_amount(AMOUNT_MAX)} credits")
    after = Counters(carry, before.free + free, billed, before.covered + covered, before.flats | flats)
    return Charge(terms, micro, free, billable, covered, flats, cost, parts, before, after)


def unprice(taken: Taken, counters: Counters) -> Counters:
    """The counters after a void of what was charged; ``taken.micro`` credits go back to the wallet."""
    after = Counters(
        counters.carry,
        counters.free - taken.free,
        counters.billed - taken.billed,
        counters.covered - taken.covered,
        counters.flats & ~taken.flats,
    )
    assert min(after.free, after.billed, after.covered) >= 0, "more is given back than was counted"
    assert counters.flats & taken.flats == taken.flats, "a flat amount is given back twice"
    return after


def amend(terms: Terms, taken: Taken, quantity: int, counters: Counters) -> Charge:
    """The charge for an event whose quantity is corrected: a void, then the new quantity at the price of when it
    occurred. What the wallet pays more (or gets back) is the difference of both ``micro``."""
    return price(terms, quantity, unprice(taken, counters))


def month_of(occurred_at: datetime, zone: tzinfo = UTC) -> date:
    """The first day of the month that an event counts in."""
    return occurred_at.astimezone(zone).date().replace(day=1)


Cost = tuple[int, int, int, tuple[Part, ...]]
"""The cost in 10^-(12 + decimals) of the asset, by how much ``covered`` grows, the new bits of ``flats``, the parts."""

_NOTHING: tuple[Part, ...] = ()


def _per_unit(model: PerUnit, one: int, before: Counters, billed: int) -> Cost:
    count = billed - before.billed
    return count * model.amount_pico, 0, 0, (Part(0, None, count, model.amount_pico, 0),)


def _package(model: Package, one: int, before: Counters, billed: int) -> Cost:
    """Packages begin where the paid ones end, or at what was counted before, if that is further: what an earlier
    price or a voided event's package covered is not charged again."""
    start = max(before.covered, before.billed)
    if billed <= start:
        return 0, 0, 0, _NOTHING
    packages = -((start - billed) // model.size)
    end = start + packages * model.size
    part = Part(start, end, packages * one, model.amount_pico, 0)
    return part.quantity * model.amount_pico, end - before.covered, 0, (part,)


def _graduated(model: Graduated, one: int, before: Counters, billed: int) -> Cost:
    cost, flats, parts = 0, 0, []
    start, at = 0, before.billed
    for place, tier in enumerate(model.tiers):
        end = tier.up_to
        if end is None or end > at:
            stop = billed if end is None or end > billed else end
            flat, bit = _flat(tier, place, before)
            cost += (stop - at) * tier.amount_pico + flat * one
            flats |= bit
            parts.append(Part(start, end, stop - at, tier.amount_pico, flat))
            at = stop
            if at == billed:
                break
        start = end or 0
    return cost, 0, flats, tuple(parts)


def _volume(model: Volume, one: int, before: Counters, billed: int) -> Cost:
    start = 0
    for place, tier in enumerate(model.tiers):
        if tier.up_to is None or billed <= tier.up_to:
            flat, flats = _flat(tier, place, before)
            count = billed - before.billed
            part = Part(start, tier.up_to, count, tier.amount_pico, flat)
            return count * tier.amount_pico + flat * one, 0, flats, (part,)
        start = tier.up_to
    raise AssertionError("the last tier has no end")


def _flat(tier: Tier, place: int, before: Counters) -> tuple[int, int]:
    """The flat amount that entering a tier costs, and its bit, if that was not charged in the month."""
    bit = 1 << place
    return (tier.flat_pico, bit) if tier.flat_pico and not before.flats & bit else (0, 0)


_MODELS: Final[dict[type, Callable[[Any, int, Counters, int], Cost]]] = {
    PerUnit: _per_unit,
    Package: _package,
    Graduated: _graduated,
    Volume: _volume,
}


def _beyond(message: str) -> InvalidQuantity:
    return InvalidQuantity(f"quantity: {message}", errors=[{"path": "quantity", "message": message}])
