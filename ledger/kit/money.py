"""Amounts: integers of the smallest unit inside, decimal strings outside, never a float.

``scale`` is the number of decimals of an asset: 45.6 credits (scale 6) are 45_600_000 micro-credits,
50.00 USD (scale 2) are 5_000 cents, 500 JPY (scale 0) are 500. A number with more decimals than the
scale is refused, not rounded.
"""

import re
from functools import lru_cache

from ledger.errors import InvalidAmount

CREDIT = "CREDIT"
MICRO = 1_000_000
"""Smallest units in one credit."""

AMOUNT_MAX = 10**18
"""Largest amount of one command, in smallest units (10^12 credits): far below 2^63."""

BALANCE_MAX = 2**63 - 1
"""Largest number a balance can be: what BIGINT holds."""

ZERO_DECIMAL = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
THREE_DECIMAL = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])

_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:\.([0-9]+))?", re.ASCII)


def scale_of(asset: str) -> int:
    """Decimals of an asset: 6 for credits, else as ISO 4217 has them."""
    if asset == CREDIT:
        return 6
    if asset in ZERO_DECIMAL:
        return 0
    return 3 if asset in THREE_DECIMAL else 2


def parse_amount(value: str | int, asset: str = CREDIT, *, path: str = "amount") -> int:
    """Smallest units of a decimal string or integer; positive, within AMOUNT_MAX.

    Raises InvalidAmount, which names ``path`` and the value.
    """
    scale = scale_of(asset)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _invalid(path, "must be a decimal string or an integer")
    text = value if isinstance(value, str) else str(value) if abs(value) < 10**20 else "-"
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise _invalid(path, f"must be a positive decimal number such as '45.6', not {_shown(value)}")
    decimals = match[1] or ""
    if len(decimals) > scale:
        raise _invalid(path, f"{_shown(value)} has more than {scale} decimals")
    whole = text[: len(text) - len(decimals) - 1] if decimals else text
    amount: int = int(whole + decimals) * 10 ** (scale - len(decimals))
    if amount <= 0:
        raise _invalid(path, "must be more than zero")
    if amount > AMOUNT_MAX:
        raise _invalid(path, f"must be at most {format_amount(AMOUNT_MAX, asset)}")
    return amount


@lru_cache(maxsize=4_096)
def format_amount(amount: int, asset: str = CREDIT) -> str:
    """Decimal string: credits without trailing zeros ("45.6"), money with all its decimals ("50.00")."""
    scale = scale_of(asset)
    if scale == 0:
        return str(amount)
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), 10**scale)
    decimals = f"{part:0{scale}d}"
    if asset == CREDIT:
        decimals = decimals.rstrip("0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def _shown(value: str | int) -> str:
    text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "…"


def _invalid(path: str, message: str) -> InvalidAmount:
    return InvalidAmount(f"{path}: {message}", errors=[{"path": path, "message": message}])
