"""Lists as PostgreSQL array literals.

A list as one text parameter has the same type whatever is in it, so that a statement is prepared once; and
making the text is several times cheaper than having the driver look at every element.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any


def each(**types: str) -> str:
    """A SELECT of one row for each place of these parameters, which are arrays of these types; the columns have the
    names of the parameters. Arrays of different lengths are filled up with NULL.

    In the list of a SELECT they are gone through side by side; ``FROM unnest(a, b, …)`` writes each to a store of its
    own before it reads the first row, which is a third of what a small INSERT costs.
    """
    return "SELECT " + ", ".join([f"unnest(%({name})s::{kind}[]) AS {name}" for name, kind in types.items()])


def numbers(values: Iterable[int | None]) -> str:
    """For ``bigint[]``."""
    if type(values) is tuple and values:
        first = values[0]
        if values.count(first) == len(values):
            return _same("NULL" if first is None else str(first), len(values))
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


def _same(text: str, count: int) -> str:
    """One element so many times: many columns of what is posted together are alike from end to end."""
    return "{" + (text + ",") * (count - 1) + text + "}"


def texts(values: Collection[str | None]) -> str:
    """For ``text[]``: every element quoted. Raises ValueError for a NUL."""
    if type(values) is tuple and len(values) > 1 and values.count(values[0]) == len(values):
        return _same(texts(values[:1])[1:-1], len(values))
    given = [value for value in values if value is not None]
    if not given:
        return words(values)
    # All at once; a NUL, which no text of PostgreSQL can have, stands between them meanwhile.
    if any("\0" in value for value in given):
        raise ValueError("a text must not contain the character NUL")
    quoted = '"' + "\0".join(given).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '"\0"') + '"'
    if len(given) == len(values):
        return "{" + quoted.replace("\0", ",") + "}"
    parts = iter(quoted.split("\0"))
    return "{" + ",".join(["NULL" if value is None else next(parts) for value in values]) + "}"


def words(values: Iterable[str | None]) -> str:
    """For ``text[]`` of plain words (letters, digits and ``_.:-``), which need no quotes."""
    if type(values) is tuple and values and values.count(values[0]) == len(values):
        return _same(values[0] or "NULL", len(values))
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def uuids(values: Iterable[bytes | None]) -> str:
    """For ``uuid[]``, from 16 bytes each."""
    return "{" + ",".join(["NULL" if value is None else value.hex() for value in values]) + "}"


def binaries(values: Collection[bytes]) -> str:
    """For ``bytea[]``."""
    return '{"\\\\x' + '","\\\\x'.join(map(bytes.hex, values)) + '"}' if values else "{}"


def flags(values: Iterable[bool]) -> str:
    """For ``boolean[]``."""
    return "{" + ",".join(["t" if value else "f" for value in values]) + "}"


def times(values: Iterable[datetime | None]) -> str:
    """For ``timestamptz[]``; equal times one after the other are formatted once."""
    if type(values) is tuple and values and values.count(values[0]) == len(values):
        return _same("NULL" if values[0] is None else f'"{values[0].isoformat()}"', len(values))
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


def dates(values: Iterable[date]) -> str:
    """For ``date[]``."""
    return "{" + ",".join([value.isoformat() for value in values]) + "}"


def columns(rows: Iterable[Sequence[Any]], **makers: Any) -> dict[str, str]:
    """Rows turned into one array per column. ``makers`` (as above) name the columns in the order of the row."""
    turned = zip(*rows, strict=True)
    return {name: make(column) for (name, make), column in zip(makers.items(), turned, strict=True)}
