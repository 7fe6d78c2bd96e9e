"""The scales of prices, and decimal strings from and to them. Integers inside, never a float.

What is counted, what one costs and what a credit costs each have a scale of their own; their product has the sum
of the three, so it is exact. It is cut to micro-credits once, where a wallet is charged, and what was cut off is
carried to the wallet's next event of the meter.

    quantity       10^-decimals of the meter's unit     decimals 0 to 9
    amount_pico    10^-12 of the price's asset          for one unit, one package, or flat
    rate_nano      10^-9 credits                        for one unit of the asset
    carry          10^-24 micro-credits                 12 + 9 + 9 decimals, less the 6 of a micro-credit

Quantities and counters fit a BIGINT, amounts NUMERIC(22), a carry, which is less than one micro-credit, NUMERIC(24).
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

from ledger.errors import InvalidAmount, InvalidQuantity, InvalidRequest

QUANTITY_DECIMALS_MAX: Final = 9
AMOUNT_DECIMALS: Final = 12
RATE_DECIMALS: Final = 9
CARRY_DECIMALS: Final = QUANTITY_DECIMALS_MAX + AMOUNT_DECIMALS + RATE_DECIMALS
"""Decimals of a carry in credits."""

FRACTION: Final = 10 ** (CARRY_DECIMALS - 6)
"""The smallest parts that a micro-credit is counted in."""

QUANTITY_MAX: Final = 10**18
"""Largest quantity of one event, and of all events of one month, in the meter's smallest unit."""

AMOUNT_PICO_MAX: Final = 10**9 * 10**AMOUNT_DECIMALS
"""Largest amount of a price: a thousand million of its asset."""

RATE_NANO_MAX: Final = 10**9 * 10**RATE_DECIMALS
"""Most credits for one unit of an asset."""

_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:\.([0-9]+))?", re.ASCII)


def parse_quantity(value: str | int, decimals: int, path: str = "quantity") -> int:
    """A quantity in the meter's smallest unit; more than zero. Raises InvalidQuantity, which names ``path``."""
    return _parse(value, decimals, path, 1, QUANTITY_MAX, InvalidQuantity)


def parse_amount_pico(value: str | int, path: str = "amount") -> int:
    """An amount of a price; zero is one too. Raises InvalidAmount, which names ``path``."""
    return _parse(value, AMOUNT_DECIMALS, path, 0, AMOUNT_PICO_MAX, InvalidAmount)


def parse_rate_nano(value: Decimal | str | int, path: str = "credits_per_unit") -> int:
    """How many credits one unit of an asset is; more than zero. Raises InvalidAmount, which names ``path``."""
    plain = format(value, "f") if isinstance(value, Decimal) else value
    return _parse(plain, RATE_DECIMALS, path, 1, RATE_NANO_MAX, InvalidAmount)


@lru_cache(maxsize=4_096)
def format_decimal(value: int, decimals: int) -> str:
    """The decimal string of a number ≥ 0 that counts 10^-decimals, without trailing zeros."""
    if value == 0 or decimals == 0:
        return str(value)
    digits = str(value).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")


def _parse(value: str | int, decimals: int, path: str, least: int, most: int, kind: type[InvalidRequest]) -> int:
    def refusal(message: str) -> InvalidRequest:
        return kind(f"{path}: {message}", errors=[{"path": path, "message": message}])

    if isinstance(value, bool) or not isinstance(value, str | int):
        raise refusal("must be a decimal string or an integer")
    text = value if isinstance(value, str) else str(value) if abs(value) < 10**30 else "a longer integer"
    shown = ascii(text) if len(text) <= 40 else ascii(text[:37]) + "…"
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise refusal(f"must be a decimal number such as '45.6', not {shown}")
    given = match[1] or ""
    if len(given) > decimals:
        raise refusal(f"{shown} has more than {decimals} decimals")
    number: int = int(text.replace(".", "")) * 10 ** (decimals - len(given))
    if not least <= number <= most:
        bound = "be more than zero" if number < least else f"be at most {format_decimal(most, decimals)}"
        raise refusal(f"must {bound}, not {shown}")
    return number
