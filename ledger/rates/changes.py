"""What a new rate card must keep of the one before it, since usage was counted and charged by that.

A meter stays, with its unit and decimals: counters are integers in its smallest unit. A version of a price stays as it
is, but that an open end may be set; what it costs from now on is said by the next version. Where a selector has a
price, nothing that is new begins or ends before now: what occurred keeps the price it had. All else may change.
"""

from datetime import datetime

import msgspec

from ledger.errors import InvalidMeter
from ledger.rates.card import Card
from ledger.rates.checks import invalid_price, named
from ledger.rates.prices import Meter, Price, key_of


class Difference(msgspec.Struct, frozen=True):
    """What a card has that the one before it does not: new, or (of a meter) otherwise, or (of a price) with an end."""

    new_meters: tuple[Meter, ...] = ()
    changed_meters: tuple[Meter, ...] = ()
    new_prices: tuple[Price, ...] = ()
    ended_prices: tuple[Price, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.new_meters or self.changed_meters or self.new_prices or self.ended_prices)


def change_between(before: Card, after: Card, now: datetime) -> Difference:
    """The difference, if ``after`` may take the place of ``before`` at ``now``. Raises InvalidMeter or InvalidPrice."""
    check_change(before, after)
    prices = {key_of(price): price for price in before.prices}
    meters = [(before.meters.get(key), meter) for key, meter in after.meters.items()]
    difference = Difference(
        tuple([meter for old, meter in meters if old is None]),
        tuple([meter for old, meter in meters if old is not None and old != meter]),
        tuple([price for price in after.prices if key_of(price) not in prices]),
        tuple([price for price in after.prices if prices.get(key_of(price), price) != price]),
    )
    _check_times(before, difference, now)
    return difference


def check_change(before: Card, after: Card) -> None:
    """Raises InvalidMeter or InvalidPrice where ``after`` may not take the place of ``before``."""
    for key, meter in before.meters.items():
        now = after.meters.get(key)
        if now is None:
            raise InvalidMeter(
                f"{named(meter)} cannot leave the card: end its prices instead",
                service=meter.service,
                meter=meter.meter,
            )
        if (now.unit, now.decimals) != (meter.unit, meter.decimals):
            raise InvalidMeter(
                f"{named(meter)} stays in {meter.unit or 'each'} with {meter.decimals} decimals, as its usage was"
                " counted: make another meter",
                service=meter.service,
                meter=meter.meter,
            )
    prices = {key_of(price): price for price in after.prices}
    for price in before.prices:
        given = prices.get(key_of(price))
        if given != price and not (given and price.valid_to is None and _without_end(given) == price):
            raise invalid_price(price, "is in the card and stays as it is: make the next version of it")


def _check_times(before: Card, difference: Difference, now: datetime) -> None:
    """A selector's first price may begin in the past: it may be used before it is said what it costs. Raises
    InvalidPrice."""
    priced = {key_of(price)[:3] for price in before.prices}
    for price in difference.new_prices:
        if price.valid_from < now and key_of(price)[:3] in priced:
            raise _too_early(price, "begin", price.valid_from, now)
    for price in difference.ended_prices:
        if price.valid_to is not None and price.valid_to < now:
            raise _too_early(price, "end", price.valid_to, now)


def _too_early(price: Price, verb: str, at: datetime, now: datetime) -> Exception:
    shown, shown_now = [each.isoformat().replace("+00:00", "Z") for each in (at, now)]
    return invalid_price(
        price, f"cannot {verb} at {shown}, before now ({shown_now}): what occurred keeps the price it had"
    )


def _without_end(price: Price) -> Price:
    return msgspec.structs.replace(price, valid_to=None)
