"""The bell: says soon that there are events to hear of, and is heard by who waits for that.

It is PostgreSQL's NOTIFY, sent in a transaction of its own: one that is sent within a posting makes commits wait for
each other. Rings within ``GAP_S`` are one. It is a hint: one that is lost costs whoever listens the rest of his
patience.
"""

import asyncio
from contextlib import aclosing
from typing import Any, Final

import psycopg
import structlog

from ledger.kit.db import Database

log = structlog.get_logger(__name__)

CHANNEL: Final = "ledger_events"
GAP_S: Final = 0.01


class Bell:
    """Rings, on a connection of its own that is made when it is first needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._ringing: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
        """Say that there are events; returns at once."""
        self._again = True
        if self._ringing is None or self._ringing.done():
            self._ringing = asyncio.create_task(self._ring(), name="bell")

    async def close(self) -> None:
        """End what it is at, and begin nothing more: where there is trouble, that would take as long again."""
        self._again = False
        if self._ringing is not None:
            await asyncio.wait([self._ringing])
        await self._drop()

    async def _ring(self) -> None:
        while self._again:
            self._again = False
            try:
                if self._connection is None:
                    self._connection = await self._database.connect()
                await self._connection.execute(f"NOTIFY {CHANNEL}")
            except Exception as error:
                log.info("bell.unheard", error=str(error))
                await self._drop()
            await asyncio.sleep(GAP_S)

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class Ear:
    """Hears the bell, where the connection allows it (a pooler in between may not)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def wait(self, patience_s: float) -> bool:
        """Wait until the bell rings, ``patience_s`` at most; whether it rang."""
        try:
            if self._connection is None:
                self._connection = await self._database.connect()
                await self._connection.execute(f"LISTEN {CHANNEL}")
                return True  # it may have rung before
            async with aclosing(self._connection.notifies(timeout=patience_s, stop_after=1)) as rings:
                async for _ in rings:
                    return True
        except Exception as error:
            log.info("ear.deaf", error=str(error))
            await self.close()
            await asyncio.sleep(patience_s)
        return False

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
