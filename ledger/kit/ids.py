"""Public ids: a prefix that names the kind, and the key of the row in base 62.

A wallet id is a random 63-bit integer, always 11 digits of base 62 (``wal_0Kx…``). Rows of a wallet
(transaction, lot, hold, event) carry the wallet's 11 digits and then their own number, so that an id
alone says where its row is: ``txn_<wallet><number>``.
"""

import secrets
from functools import lru_cache
from typing import Final

from ledger.errors import NotFound

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE: Final = {digit: value for value, digit in enumerate(DIGITS)}
_PAIRS: Final = [a + b for a in DIGITS for b in DIGITS]
_WALLET_DIGITS: Final = 11
_MAX: Final = 2**63 - 1
_WALLET_MAX: Final = _MAX - 1
"""The largest number is the house's own wallet, which has no public id."""


def new_wallet_id() -> int:
    """A random positive integer of 63 bits, below the house's own."""
    return secrets.randbelow(_WALLET_MAX) + 1


def wallet_public(wallet_id: int) -> str:
    return "wal_" + _wallet_digits(wallet_id)


def row_public(prefix: str, wallet_id: int, number: int) -> str:
    """Id of a row of a wallet's book: ``row_public("txn", wallet_id, 7)``."""
    return f"{prefix}_{_wallet_digits(wallet_id)}{_base62(number)}"


def parse_wallet(text: str) -> int:
    """The wallet id of ``wal_…``. Raises NotFound: an id that cannot be is an id that is not."""
    value = _wallet_of(text)
    if value is None:
        raise NotFound(f"there is no wallet {_shown(text)}")
    return value


def parse_row(prefix: str, text: str, what: str) -> tuple[int, int]:
    """(wallet_id, number) of ``<prefix>_…``. Raises NotFound naming ``what`` ("hold")."""
    head = len(prefix) + 1
    body = text[head:]
    if text.startswith(prefix + "_") and _WALLET_DIGITS < len(body) <= 2 * _WALLET_DIGITS:
        digits = body[_WALLET_DIGITS:]
        wallet_id, number = _parse(body[:_WALLET_DIGITS]), _parse(digits)
        canonical = not digits.startswith("0")
        if wallet_id and number and canonical and wallet_id <= _MAX and number <= _MAX:
            return wallet_id, number
    raise NotFound(f"there is no {what} {_shown(text)}")


@lru_cache(maxsize=10_000)
def _wallet_digits(wallet_id: int) -> str:
    """An answer names its wallet many times."""
    return _base62(wallet_id).rjust(_WALLET_DIGITS, "0")


@lru_cache(maxsize=50_000)
def _base62(value: int) -> str:
    """Numbers in books are small, and come again and again."""
    parts = []
    while value >= 3844:
        value, rest = divmod(value, 3844)
        parts.append(_PAIRS[rest])
    parts.append(_PAIRS[value] if value >= 62 else DIGITS[value])
    return "".join(reversed(parts))


@lru_cache(maxsize=10_000)
def _wallet_of(text: str) -> int | None:
    if text.startswith("wal_") and len(text) == 4 + _WALLET_DIGITS:
        value = _parse(text[4:])
        if value is not None and 0 < value <= _WALLET_MAX:
            return value
    return None


def _parse(digits: str) -> int | None:
    value = 0
    for digit in digits:
        place = _VALUE.get(digit)
        if place is None:
            return None
        value = value * 62 + place
    return value


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:59] + "…")
