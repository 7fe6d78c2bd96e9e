"""Small cards for tests, and what an event costs worked out anew: in fractions, from the words of the docs alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Any

from ledger.kit.money import MICRO
from ledger.rates.card import Card, Terms, make_card
from ledger.rates.numbers import parse_amount_pico, parse_quantity
from ledger.rates.prices import Graduated, Meter, Model, Package, PerUnit, Price, Tier, Volume

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 11, 20, tzinfo=UTC)

Row = tuple[str | None, str, str]
"""A tier as a table has it: up to, amount, flat."""


def meter_with(**fields: Any) -> Meter:
    """A meter of the service ``job``, in minutes."""
    free = fields.pop("free", None)
    decimals = fields.get("decimals", 0)
    free_monthly = None if free is None else parse_quantity(free, decimals)
    return Meter(**{"service": "job", "meter": "minutes", "unit": "minute", "free_monthly": free_monthly, **fields})


def price_with(model: Model, **fields: Any) -> Price:
    """A price of that meter, in credits."""
    return Price(
        **{"service": "job", "meter": "minutes", "version": 1, "valid_from": START, "asset": "CREDIT", **fields},
        model=model,
    )


def card_with(*prices: Price, **fields: Any) -> Card:
    """A card of that meter alone."""
    return make_card([meter_with(**fields)], prices)


def terms_with(model: Model, asset: str = "CREDIT", **fields: Any) -> Terms:
    """The terms of a meter with one price."""
    card = card_with(price_with(model, asset=asset), **fields)
    return card.terms(card.meter("job"), {}, LATER)


def per_unit(amount: str) -> PerUnit:
    return PerUnit(parse_amount_pico(amount))


def package(amount: str, size: int) -> Package:
    return Package(parse_amount_pico(amount), size)


def graduated(*rows: Row) -> Graduated:
    return Graduated(_tiers(rows))


def volume(*rows: Row) -> Volume:
    return Volume(_tiers(rows))


def _tiers(rows: Sequence[Row]) -> tuple[Tier, ...]:
    """Tiers whose ends are whole units of a meter without decimals."""
    return tuple(
        Tier(None if up_to is None else int(up_to), parse_amount_pico(amount), parse_amount_pico(flat))
        for up_to, amount, flat in rows
    )


class Judge:
    """One wallet and meter: each event's exact cost in micro-credits, without voids. It knows nothing of the rules."""

    def __init__(self, terms: Sequence[Terms]) -> None:
        self.terms = terms
        self.free: dict[int, int] = {}
        self.billed: dict[tuple[int, int], int] = {}

    def cost(self, month: int, which: int, quantity: int) -> Fraction:
        """The next event: under ``terms[which]``, its quantity in the meter's smallest unit."""
        terms = self.terms[which]
        already = self.free.get(month, 0)
        free = max(0, min(quantity, (terms.meter.free_monthly or 0) - already))
        self.free[month] = already + free
        before = self.billed.get((month, which), 0)
        after = self.billed[month, which] = before + quantity - free
        if after == before:
            return Fraction(0)
        asset = month_cost(terms.price.model, before, after, terms.meter.decimals)
        return asset * Fraction(terms.rate_nano, 10**9) * MICRO


def month_cost(model: Model, before: int, after: int, decimals: int) -> Fraction:
    """What it costs, in the asset, to go from one billable quantity of the month to another."""
    unit, pico = 10**decimals, 10**12
    match model:
        case PerUnit(amount):
            return Fraction((after - before) * amount, unit * pico)
        case Package(amount, size):
            return Fraction((ceil(Fraction(after, size)) - ceil(Fraction(before, size))) * amount, pico)
        case Graduated(tiers):
            return _up_to(tiers, after, unit, pico) - _up_to(tiers, before, unit, pico)
        case Volume(tiers):
            tier = _tier_at(tiers, after)
            new = before == 0 or _tier_at(tiers, before) is not tier
            return Fraction((after - before) * tier.amount_pico, unit * pico) + Fraction(new * tier.flat_pico, pico)


def _up_to(tiers: Sequence[Tier], total: int, unit: int, pico: int) -> Fraction:
    starts = [0, *[tier.up_to or 0 for tier in tiers[:-1]]]
    entered = [(start, tier) for start, tier in zip(starts, tiers, strict=True) if start < total]
    return sum(
        (
            Fraction((min(total, tier.up_to or total) - start) * tier.amount_pico, unit * pico)
            + Fraction(tier.flat_pico, pico)
            for start, tier in entered
        ),
        Fraction(0),
    )


def _tier_at(tiers: Sequence[Tier], total: int) -> Tier:
    return next(tier for tier in tiers if tier.up_to is None or total <= tier.up_to)
