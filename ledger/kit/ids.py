"""Public ids: a prefix that names the kind, and the key of the row in base 62.

A wallet id is a random 63-bit integer, always 11 digits of base 62 (``wal_0Kx…``). Rows of a wallet
(transaction, lot, hold, event) carry the wallet's 11 digits and then their own number, so that an id
alone says where its row is: ``txn_<wallet><number>``. Those of events have the moment behind it: after a restore the
numbers of what was lost are given again, and receivers keep ids to know what they have had.
"""

import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from ledger.errors import NotFound

DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE: Final = {digit: value for value, digit in enumerate(DIGITS)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOMENT_MAX: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
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


def event_public(wallet_id: int, number: int, at: datetime) -> str:
    """Id of an event: ``evt_<wallet><number>_<microseconds>``."""
    return f"{row_public('evt', wallet_id, number)}_{_instant(at)}"


def parse_event(text: str) -> tuple[int, int, datetime]:
    """(wallet_id, number, moment) of ``evt_…``; the wallet is 0 in those of anchors. Raises NotFound. Whether the
    moment is right, the stored event says."""
    row, _, digits = text.rpartition("_")
    of_ledger = f"evt_{'0' * _WALLET_DIGITS}"
    moment = _parse(digits) if 0 < len(digits) <= _WALLET_DIGITS else None
    if moment is None or moment > _MOMENT_MAX:
        raise NotFound(f"there is no event {_shown(text)}")
    if row.startswith(of_ledger):
        # No wallet has this number: read it as another's, of whom only the number is taken.
        row = f"evt_{'1'.rjust(_WALLET_DIGITS, '0')}{row.removeprefix(of_ledger)}"
        return 0, parse_row("evt", row, "event")[1], _EPOCH + moment * _MICROSECOND
    return *parse_row("evt", row, "event"), _EPOCH + moment * _MICROSECOND


def new_public(prefix: str) -> tuple[int, str]:
    """A random id of something that belongs to no wallet: its number, and what it is called outside."""
    value = new_wallet_id()
    return value, public(prefix, value)


def public(prefix: str, value: int) -> str:
    """What the number of something that belongs to no wallet is called outside: ``whe_…``."""
    return f"{prefix}_{_wallet_digits(value)}"


def parse_public(prefix: str, text: str, what: str) -> int:
    """The number behind ``public``. Raises NotFound naming ``what``."""
    body = text[len(prefix) + 1 :]
    value = _parse(body) if text.startswith(prefix + "_") and len(body) == _WALLET_DIGITS else None
    if value is None or not 0 < value <= _WALLET_MAX:
        raise NotFound(f"there is no {what} {_shown(text)}")
    return value


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


@lru_cache(maxsize=100)
def _instant(at: datetime) -> str:
    """All events of a unit have one moment."""
    return _base62((at - _EPOCH) // _MICROSECOND)


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
