"""Lists: pages by cursor. A cursor says after which row to go on, and of which list it is.

It is opaque and bound to its list: the digest in it covers the list's name (which names the wallet), so
that a cursor of another wallet's list is refused and not read as a place in this one.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from ledger.errors import InvalidCursor

T = TypeVar("T")
Row = TypeVar("Row")
Place = int | str

LIMIT_DEFAULT = 20
LIMIT_MAX = 100

Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many items at most.")]
Cursor = Annotated[str | None, QueryParameter(max_length=1000, description="`next_cursor` of the page before.")]

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[bytes, Place]).decode


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page. ``next_cursor`` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def cursor_of(name: str, place: Place) -> str:
    """The cursor of the list ``name`` that stands after ``place``."""
    return base64.urlsafe_b64encode(_pack((_digest(name, place), place))).rstrip(b"=").decode()


def place_of(name: str, cursor: str | None, kind: type[Place]) -> Place | None:
    """Where to go on; None is the beginning. Raises InvalidCursor."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        digest, place = _unpack(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise InvalidCursor("this is not a cursor that a list gave") from None
    if not isinstance(place, kind) or digest != _digest(name, place):
        raise InvalidCursor("this cursor is of another list")
    return place


def number_of(name: str, cursor: str | None) -> int | None:
    """``place_of`` a list that goes by number."""
    place = place_of(name, cursor, int)
    return None if place is None else int(place)


def page(
    name: str, rows: Sequence[Row], limit: int, shape: Callable[[Row], T], place: Callable[[Row], Place]
) -> Page[T]:
    """A page of at most ``limit`` rows; ``rows`` has one more where there are more."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page([shape(row) for row in shown], cursor_of(name, place(shown[-1])) if more else None)


def _digest(name: str, place: Place) -> bytes:
    return hashlib.sha256(f"{name}\x00{place!r}".encode()).digest()[:8]
