"""What measured usage costs, written from docs/concepts/rate-card.md alone: in fractions, and without a word of ours.

The judge of the model and of torture. An ``Account`` is what one wallet has used of all meters; a ``Cost`` is what one
event took of it, so that a void can put it back. Quantities are in units, amounts in credits; nothing is rounded but
what is charged.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

MICRO = 10**6


class Step(NamedTuple):
    """A tier. The price of each unit is one step without an end; of packages, one that ends with the first of them."""

    up_to: Fraction | None
    amount: Fraction
    flat: Fraction = Fraction(0)


class Price(NamedTuple):
    """A version; ``selector`` as (dimension, value) pairs in order. ``credits`` are those for one of its asset."""

    service: str
    meter: str
    selector: tuple[tuple[str, str], ...]
    valid_from: datetime
    model: str
    steps: tuple[Step, ...]
    credits: Fraction = Fraction(1)


Place = tuple[str, str, date, tuple[tuple[str, str], ...]]
"""Service, meter, month, selector."""


class Prices:
    """A card: the ``free`` quantity of each (service, meter) in a month, and all versions of all prices."""

    def __init__(self) -> None:
        self.free: dict[tuple[str, str], Fraction] = {}
        self._versions: dict[tuple[str, str], list[Price]] = defaultdict(list)

    def add(self, price: Price) -> None:
        """Another version: the one of its selector before it ends where it begins."""
        versions = self._versions[price.service, price.meter]
        versions.append(price)
        versions.sort(key=lambda each: each.valid_from, reverse=True)

    def versions(self, service: str, dimensions: Mapping[str, str]) -> list[Price]:
        """Those of a selector, the last one first."""
        selector = tuple(sorted(dimensions.items()))
        every = [price for (its, _), prices in self._versions.items() if its == service for price in prices]
        return [price for price in every if price.selector == selector]

    def find(self, service: str, meter: str, dimensions: Mapping[str, str], at: datetime) -> Price | None:
        """The price of an event: of those that match and are valid, the one that names the most dimensions."""
        best: Price | None = None
        for price in self._versions[service, meter]:
            if price.valid_from <= at and all(dimensions.get(name) == value for name, value in price.selector):
                if len(price.selector) == len(dimensions):
                    return price
                if best is None or len(price.selector) > len(best.selector):
                    best = price
        return best


class Cost(NamedTuple):
    """What an event takes: ``micro`` credits, of the month's ``free`` quantity, of the ``billed`` one; how much further
    packages are ``paid``, and which tiers' ``flats`` are. ``left`` is what the meter's next event is charged with it."""

    place: Place
    micro: int
    free: Fraction
    billed: Fraction
    paid: Fraction
    flats: frozenset[int]
    left: Fraction


class Account:
    """One wallet: what its events took that were not voided."""

    def __init__(self) -> None:
        self.left: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.free: dict[tuple[str, str, date], Fraction] = defaultdict(Fraction)
        self.billed: dict[Place, Fraction] = defaultdict(Fraction)
        self.paid: dict[Place, Fraction] = defaultdict(Fraction)
        self.flats: dict[Place, frozenset[int]] = defaultdict(frozenset)

    def copy(self) -> "Account":
        other = Account()
        for name, kept in self.__dict__.items():
            setattr(other, name, kept.copy())
        return other

    def cost(self, prices: Prices, price: Price, quantity: Fraction, at: datetime) -> Cost:
        """Of the next event. Nothing is counted by asking."""
        meter = (price.service, price.meter)
        month = at.astimezone(UTC).date().replace(day=1)
        place = (*meter, month, price.selector)
        free = max(Fraction(0), min(quantity, prices.free.get(meter, Fraction(0)) - self.free[*meter, month]))
        before = self.billed[place]
        after = before + quantity - free
        cost, paid, flats = Fraction(0), Fraction(0), frozenset[int]()
        if after > before:
            if price.model == "package":
                cost, paid = _packages(price.steps[0], before, after, self.paid[place])
            elif price.model == "volume":
                cost, flats = _volume(price.steps, before, after, self.flats[place])
            else:
                cost, flats = _graduated(price.steps, before, after, self.flats[place])
        exact = self.left[meter] + cost * price.credits * MICRO
        return Cost(place, floor(exact), free, after - before, paid, flats, exact - floor(exact))

    def count(self, cost: Cost) -> None:
        """The event was charged."""
        service, meter, month, _ = cost.place
        self.left[service, meter] = cost.left
        self.free[service, meter, month] += cost.free
        self.billed[cost.place] += cost.billed
        self.paid[cost.place] += cost.paid
        self.flats[cost.place] |= cost.flats

    def void(self, cost: Cost) -> None:
        """It was not; but what is left over stays."""
        self.free[cost.place[:3]] -= cost.free
        self.billed[cost.place] -= cost.billed
        self.paid[cost.place] -= cost.paid
        self.flats[cost.place] -= cost.flats


def _packages(step: Step, before: Fraction, after: Fraction, paid: Fraction) -> tuple[Fraction, Fraction]:
    """What the packages cost that are begun, and how much further they reach than what is ``paid``."""
    start = max(before, paid)
    if after <= start:
        return Fraction(0), Fraction(0)
    assert step.up_to is not None
    count = ceil((after - start) / step.up_to)
    return count * step.amount, start + count * step.up_to - paid


def _graduated(
    steps: Sequence[Step], before: Fraction, after: Fraction, had: frozenset[int]
) -> tuple[Fraction, frozenset[int]]:
    cost, flats, start = Fraction(0), set[int](), Fraction(0)
    for place, step in enumerate(steps):
        end = after if step.up_to is None else min(after, step.up_to)
        inside = end - max(before, start)
        if inside > 0:
            cost += inside * step.amount
            if step.flat and place not in had:
                cost += step.flat
                flats.add(place)
        start = step.up_to or start
    return cost, frozenset(flats)


def _volume(
    steps: Sequence[Step], before: Fraction, after: Fraction, had: frozenset[int]
) -> tuple[Fraction, frozenset[int]]:
    place = next(n for n, step in enumerate(steps) if step.up_to is None or after <= step.up_to)
    new = bool(steps[place].flat) and place not in had
    return (after - before) * steps[place].amount + new * steps[place].flat, frozenset({place} if new else ())
