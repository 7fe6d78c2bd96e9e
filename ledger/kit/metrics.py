"""Metrics as data: what a figure is called, what it says, and the SQL that knows it.

Each concept has its own in ``metrics.py``; ``ledger/metrics`` reads all of them in one statement and shows them. They
are asked for again and again, so a query must cost the same however much history there is: it reads by an index that
holds what is open alone, and counts no further than ``COUNT_MAX``. What cannot do so is ``slow``, and is asked for
once in a while. No label is an id: each has few values, and ``values`` are those that are always shown.
"""

from typing import Final, Literal, NamedTuple

COUNT_MAX: Final = 10_000
"""Rows that a figure counts, at most: whoever sees it knows enough."""

NOW: Final = "(SELECT ledger_now())"
"""The ledger's clock, read once for a query: otherwise no index could be asked for what is older, or newer."""


class Metric(NamedTuple):
    """A figure, or one for each value of ``label``.

    ``query`` gives rows of the label's value, where there is a label, and a number; NULL is not a number (NaN). Values
    of the label that it gives no row for are 0. ``slow`` is asked for less often.
    """

    name: str
    help: str
    query: str
    label: str | None = None
    values: tuple[str, ...] = ()
    kind: Literal["gauge", "counter"] = "gauge"
    slow: bool = False


def counted(rows: str) -> str:
    """How many rows there are of ``table WHERE …``, up to COUNT_MAX."""
    return f"SELECT count(*) FROM (SELECT FROM {rows} LIMIT {COUNT_MAX}) AS counted"


def counted_by(column: str, rows: str) -> str:
    """The same by the values of a column."""
    return f"SELECT {column}, count(*) FROM (SELECT {column} FROM {rows} LIMIT {COUNT_MAX}) AS counted GROUP BY 1"


def age_s(column: str, rows: str) -> str:
    """Seconds since the least of a column: 0 where there is none, or where it is to come."""
    return f"SELECT greatest(coalesce(extract(epoch FROM ledger_now() - min({column})), 0), 0) FROM {rows}"


def since_s(column: str, rows: str) -> str:
    """Seconds since the greatest of a column: NULL where there is none."""
    return f"SELECT extract(epoch FROM ledger_now() - max({column})) FROM {rows}"
