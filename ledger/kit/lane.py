"""A connection of its own for statements that travel together, made when first needed and anew when it breaks.

The planner is kept from sequential scans, hash and merge joins: statements are prepared once and every look-up on
a lane is by key, so a plan made while the tables were small must not be a scan when they are large.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg

from ledger.kit.wire import Reply, Statement, Wire

PLANNER: Final = (
    "enable_seqscan=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
    "enable_bitmapscan=off",
    "plan_cache_mode=force_generic_plan",
    "jit=off",
)

Connect = Callable[..., Awaitable[psycopg.AsyncConnection[Any]]]
"""Makes a connection, with these server settings."""


class Lane:
    """One connection, one user at a time."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._wire: Wire | None = None

    @property
    def usable(self) -> bool:
        return self._wire is not None and self._wire.usable

    async def wire(self) -> Wire:
        """The connection, made anew where there is none that works."""
        if self._wire is not None and not self._wire.usable:
            await self.close()
        if self._wire is None:
            self._wire = Wire(await self._connect(*PLANNER))
        return self._wire

    async def close(self) -> None:
        """Let go of the connection, with whatever was open on it."""
        wire, self._wire = self._wire, None
        if wire is not None:
            with suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await wire.close()


class ReadLane(Lane):
    """For reads of one statement, each a snapshot of its own; who comes while one is under way waits."""

    def __init__(self, connect: Connect, patience_s: float) -> None:
        super().__init__(connect)
        self._patience_s = patience_s
        self._turn = asyncio.Lock()

    async def ask(self, statements: Sequence[Statement]) -> list[Reply]:
        """Once more on a new connection where the old one had been lost meanwhile. Raises what the driver raises,
        and TimeoutError where the server falls silent."""
        async with self._turn:
            kept = self.usable
            try:
                return await self._ask(statements)
            except psycopg.OperationalError:
                if not kept:
                    raise
                await self.close()
                return await self._ask(statements)

    async def _ask(self, statements: Sequence[Statement]) -> list[Reply]:
        async with asyncio.timeout(self._patience_s):
            wire = await self.wire()
            return await wire.exchange(statements)
