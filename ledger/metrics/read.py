"""Reads metrics from the database: all that are asked for in one statement, so that they are of one moment.

In a transaction that writes nothing, with a time of its own, and kept from sequential scans: what is open now is found
by its index even when a planner with statistics of another time would go through the history. What is ``slow`` has no
index, and is read by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database
from ledger.kit.metrics import Metric

TIMEOUT_MS: Final = 2_000
"""For one statement: a scrape that is waited for longer is given up by others, too."""

Figures = Mapping[str, Mapping[str, float]]
"""By the metric's name and the value of its label, which is empty where it has none."""

_SET: Final = """
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %(timeout)s, true),
    set_config('enable_seqscan', %(scans)s, true), set_config('jit', 'off', true)"""


async def read(database: Database, metrics: Sequence[Metric]) -> Figures:
    """The figures of these metrics. Raises what the database raises."""
    quick = [metric for metric in metrics if not metric.slow]
    slow = [metric for metric in metrics if metric.slow]
    async with database.transaction() as connection:
        return await _read(connection, quick, scans=False) | await _read(connection, slow, scans=True)


async def _read(connection: AsyncConnection, metrics: Sequence[Metric], *, scans: bool) -> dict[str, dict[str, float]]:
    if not metrics:
        return {}
    await connection.exec_driver_sql(_SET, {"timeout": str(TIMEOUT_MS), "scans": "on" if scans else "off"})
    rows: Any = await connection.exec_driver_sql(statement(metrics))
    found: dict[str, dict[str, float]] = {metric.name: dict.fromkeys(metric.values, 0.0) for metric in metrics}
    for place, label, value in rows:
        found[metrics[place].name][label] = float("nan") if value is None else value
    return found


def statement(metrics: Sequence[Metric]) -> str:
    """One statement of rows (place of the metric, value of its label, number)."""
    return "\nUNION ALL ".join(_part(place, metric) for place, metric in enumerate(metrics))


def _part(place: int, metric: Metric) -> str:
    columns = "value" if metric.label is None else "label, value"
    label = "''" if metric.label is None else "label"
    return f"SELECT {place}, {label}, value::float8 FROM ({metric.query}) AS m ({columns})"
