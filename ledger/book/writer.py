"""A lane's own connection: made when first needed, thrown away when it breaks.

The planner is kept from sequential scans, hash and merge joins: statements are prepared once and every look-up of
a unit is by key, so a plan made while the tables were small must not be a scan when they are large.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

import psycopg

from ledger.kit.db import Database, is_lost

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

    @property
    def patience_s(self) -> float:
        """How long a unit may take before the server is taken for lost: longer than its own limits allow."""
        return 2 * self._database.statement_timeout_s + self._database.lock_timeout_s + 2

    async def connection(self) -> psycopg.AsyncConnection[Any]:
        """The connection, made anew where there is none that works."""
        if self._connection is not None and self._connection.broken:
            await self.close()
        if self._connection is None or self._connection.closed:
            self._connection = await self._database.connect(*PLANNER)
        return self._connection

    @staticmethod
    def is_lost(error: BaseException) -> bool:
        """Whether the connection went away, or the server fell silent."""
        return isinstance(error, TimeoutError) or is_lost(error)

    async def abandon(self, error: BaseException) -> None:
        """End the transaction that failed; a connection that cannot do that is thrown away.

        So is one whose unit was cancelled: the driver may take statements for prepared that never were.
        """
        connection = self._connection
        if connection is None:
            return
        if isinstance(error, Exception) and not self.is_lost(error):
            with suppress(psycopg.Error, OSError):
                await connection.execute("ROLLBACK")
                return
        await self.close()

    async def close(self) -> None:
        """Let go of the connection, with whatever was open on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.close()
