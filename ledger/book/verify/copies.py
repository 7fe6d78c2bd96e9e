"""Anchors that were kept outside the database, read from a file: a JSON object a line.

Taken are what ``credit-ledger anchor export`` writes, the payload of an event ``ledger.sealed`` as a webhook or a log
carries it, and a line of the worker's log that has such a payload as text. Lines that tell of something else are passed
over, so a log may be given as it is.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ledger.book.verify.anchors import EVENT, Sealed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Data(msgspec.Struct, frozen=True):
    """An anchor as others see it; bytes are hex."""

    anchor: int
    previous_hash: str
    root: str
    leaves: int
    sealed_at: datetime
    hash: str
    public_key: str
    signature: str


def read_copies(lines: Iterable[str]) -> dict[int, Sealed]:
    """The anchors by number. Raises ValueError: a line is no JSON object or no anchor, or two tell different anchors
    under one number."""
    copies: dict[int, Sealed] = {}
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            data = _data_of(msgspec.json.decode(line))
            copy = None if data is None else _sealed(msgspec.convert(data, _Data))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise ValueError(f"line {place} is no anchor: {error}") from error
        if copy is not None and copies.setdefault(copy.number, copy) != copy:
            raise ValueError(f"line {place} tells of another anchor {copy.number} than an earlier line")
    return copies


def _data_of(found: Any) -> Any:
    """The anchor in a line; None where it is about something else."""
    if not isinstance(found, dict):
        raise TypeError("not a JSON object")
    if "anchor" in found and "signature" in found:
        return found
    if found.get("type") != EVENT:
        return None
    payload = found.get("payload", found)
    told = msgspec.json.decode(payload) if isinstance(payload, str) else payload
    if not isinstance(told, dict):
        raise TypeError("its payload is no JSON object")
    return told.get("data")


def _sealed(data: _Data) -> Sealed:
    if data.sealed_at.tzinfo is None:
        raise ValueError("sealed_at has no time zone")
    return Sealed(
        number=data.anchor,
        previous=bytes.fromhex(data.previous_hash),
        root=bytes.fromhex(data.root),
        leaves=data.leaves,
        sealed_us=(data.sealed_at - _EPOCH) // timedelta(microseconds=1),
        public_key=bytes.fromhex(data.public_key),
        hash=bytes.fromhex(data.hash),
        signature=bytes.fromhex(data.signature),
    )
