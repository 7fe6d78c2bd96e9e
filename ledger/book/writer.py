"""A lane's own connection: made when first needed, thrown away when it breaks.

The planner is kept from sequential scans, hash and merge joins: statements are prepared once and every look-up of
a unit is by key, so a plan made while the tables were small must not be a scan when they are large.
"""

import asyncio
from contextlib import suppress
from typing import Final

import psycopg

from ledger.kit.db import Database, is_lost
from ledger.kit.wire import Statement, Wire

PLANNER: Final = (
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "enable_bitmapscan=off",
    "plan_cache_mode=force_generic_plan",
    "jit=off",
)

ROLLBACK: Final = Statement("ROLLBACK", {})
"""Never by the driver's own execute: it takes a ROLLBACK as a reason to deallocate what is prepared."""


class Writer:
    """One connection, one unit of work at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wire: Wire | None = None

    @property
    def patience_s(self) -> float:
        """How long a unit may take before the server is taken for lost: longer than its own limits allow."""
        return 2 * self._database.statement_timeout_s + self._database.lock_timeout_s + 2

    async def wire(self) -> Wire:
        """The connection, made anew where there is none that works."""
        if self._wire is not None and not self._wire.usable:
            await self.close()
        if self._wire is None:
            self._wire = Wire(await self._database.connect(*PLANNER))
        return self._wire

    @staticmethod
    def is_lost(error: BaseException) -> bool:
        """Whether the connection went away, or the server fell silent."""
        return isinstance(error, TimeoutError) or is_lost(error)

    async def abandon(self, error: BaseException) -> None:
        """End the transaction that failed; a connection that cannot do that is thrown away."""
        if self._wire is None:
            return
        if self._wire.usable and not self.is_lost(error):
            with suppress(psycopg.Error, OSError):
                await self._wire.exchange([ROLLBACK])
                return
        await self.close()

    async def close(self) -> None:
        """Let go of the connection, with whatever was open on it."""
        wire, self._wire = self._wire, None
        if wire is not None:
            with suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await wire.connection.close()
