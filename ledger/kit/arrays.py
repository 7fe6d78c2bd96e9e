"""Lists as PostgreSQL array literals.

A list as one text parameter has the same type whatever is in it, so that a statement is prepared once; and
making the text is several times cheaper than having the driver look at every element.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime


def numbers(values: Iterable[int | None]) -> str:
    """For ``bigint[]``."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str | None]) -> str:
    """For ``text[]``: every element quoted."""
    return (
        "{"
        + ",".join(
            [
                "NULL" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
                for value in values
            ]
        )
        + "}"
    )


def words(values: Iterable[str | None]) -> str:
    """For ``text[]`` of plain words (letters, digits and ``_.:-``), which need no quotes."""
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def uuids(values: Iterable[bytes | None]) -> str:
    """For ``uuid[]``, from 16 bytes each."""
    return "{" + ",".join(["NULL" if value is None else value.hex() for value in values]) + "}"


def binaries(values: Iterable[bytes]) -> str:
    """For ``bytea[]``."""
    return "{" + ",".join(['"\\\\x' + value.hex() + '"' for value in values]) + "}"


def flags(values: Iterable[bool]) -> str:
    """For ``boolean[]``."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


def times(values: Sequence[datetime | None]) -> str:
    """For ``timestamptz[]``; equal times one after the other are formatted once."""
    parts = []
    last: datetime | None = None
    shown = "NULL"
    for value in values:
        if value is None:
            parts.append("NULL")
            continue
        if value is not last:
            last = value
            shown = f'"{value.isoformat()}"'
        parts.append(shown)
    return "{" + ",".join(parts) + "}"
