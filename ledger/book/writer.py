"""A lane's own connection: made when first needed, thrown away when it breaks.

The planner is kept from sequential scans, hash and merge joins: statements are prepared once and every look-up of
a unit is by key, so a plan made while the tables were small must not be a scan when they are large.
"""

from contextlib import suppress
from typing import Any, Final

import psycopg

from ledger.kit.db import Database

PLANNER: Final = (
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "enable_bitmapscan=off",
    "plan_cache_mode=force_generic_plan",
    "jit=off",
)


class Writer:
    """One connection, one unit of work at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def connection(self) -> psycopg.AsyncConnection[Any]:
        """The connection, made anew where there is none that works."""
        if self._connection is not None and self._connection.broken:
            await self.close()
        if self._connection is None or self._connection.closed:
            self._connection = await self._database.connect(*PLANNER)
        return self._connection

    async def close(self) -> None:
        """Let go of the connection, with whatever was open on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()
