"""What a new rate card must keep of the one before it, since usage was counted and charged by that.

A meter stays, with its unit and decimals: counters are integers in its smallest unit. A version of a price stays as it
is, but that an open end may be set; what it costs from now on is said by the next version. All else may change.
"""

import msgspec

from ledger.errors import InvalidMeter
from ledger.rates.card import Card
from ledger.rates.checks import invalid_price, named
from ledger.rates.prices import Price, key_of


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


def _without_end(price: Price) -> Price:
    return msgspec.structs.replace(price, valid_to=None)
