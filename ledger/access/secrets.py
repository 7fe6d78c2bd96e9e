"""The text of an API key: made, taken apart, checked. Pure, but for the randomness of a new one.

    clk_<10 digits of id>_<43 digits of secret><6 digits of checksum>

All digits are base 62. The secret has 256 bits, so one plain SHA-256 is enough to store it. The checksum
(CRC-32 of what stands before it) lets a scanner tell a key from noise, and lets a mistyped one be
refused without asking the database.
"""

import hashlib
import re
import secrets
import zlib
from typing import NamedTuple

from ledger.kit.ids import DIGITS

_FORM = re.compile(rb"clk_([0-9A-Za-z]{10})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


class NewKey(NamedTuple):
    """A key just made: ``text`` is shown once, ``digest`` is stored."""

    key_id: str
    text: str
    digest: bytes


def new_key() -> NewKey:
    """A random key."""
    public = _random(10)
    head = f"clk_{public}_{_random(43)}"
    text = head + _checksum(head.encode())
    return NewKey(f"key_{public}", text, digest(text.encode()))


def digest(text: bytes) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(text).digest()


def key_id_of(text: bytes) -> str | None:
    """The public id of a well-formed key, None for anything else."""
    match = _FORM.fullmatch(text)
    if match is None or _checksum(text[:-6]).encode() != match[3]:
        return None
    return f"key_{match[1].decode()}"


def _random(length: int) -> str:
    return "".join(secrets.choice(DIGITS) for _ in range(length))


def _checksum(head: bytes) -> str:
    value, digits = zlib.crc32(head), ""
    for _ in range(6):
        value, rest = divmod(value, 62)
        digits = DIGITS[rest] + digits
    return digits
