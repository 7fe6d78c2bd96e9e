"""A writer's own connection, and how a unit of work that failed is ended on it."""

from contextlib import suppress
from typing import Final

import psycopg

from ledger.kit.db import Database, is_lost
from ledger.kit.lane import Lane
from ledger.kit.wire import Statement

ROLLBACK: Final = Statement("ROLLBACK", {})
"""Never by the driver's own execute: it takes a ROLLBACK as a reason to deallocate what is prepared."""


class Writer(Lane):
    """One connection, one unit of work at a time."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.connect)
        self._database = database

    @property
    def patience_s(self) -> float:
        """How long a unit may take before the server is taken for lost: longer than its own limits allow."""
        return 2 * self._database.statement_timeout_s + self._database.lock_timeout_s + 2

    @staticmethod
    def is_lost(error: BaseException) -> bool:
        """Whether the connection went away, or the server fell silent."""
        return isinstance(error, TimeoutError) or is_lost(error)

    async def abandon(self, error: BaseException) -> None:
        """End the transaction that failed; a connection that cannot do that is thrown away.

        So is one whose unit was cancelled: nobody knows how far it came.
        """
        if self.usable and isinstance(error, Exception) and not self.is_lost(error):
            with suppress(psycopg.Error, OSError):
                await (await self.wire()).exchange([ROLLBACK])
                return
        await self.close()
