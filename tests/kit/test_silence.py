"""A server that falls silent costs a caller an error and the pool nothing."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ledger.kit.db import SILENCE_S, Database, is_unavailable
from tests.support.proxy import counting_proxy

pytestmark = pytest.mark.anyio

PLACES = 3


async def _ask(database: Database) -> int:
    async with database.transaction() as connection:
        return int(await connection.scalar(text("SELECT 1")) or 0)


async def test_reads_of_a_server_that_fell_silent_fail_in_time_and_the_pool_is_whole_again(database_url: str) -> None:
    """Every connection of the pool is half-open, with something in between that keeps it up."""
    async with counting_proxy(database_url) as proxy:
        database = Database(proxy.url, pool_size=PLACES, statement_timeout_ms=500)
        await asyncio.gather(*(_ask(database) for _ in range(PLACES)))
        proxy.lost = True
        async with asyncio.timeout(0.5 + SILENCE_S + 5):
            failed = await asyncio.gather(*(_ask(database) for _ in range(PLACES)), return_exceptions=True)
        proxy.lost = False
        assert all(isinstance(error, OperationalError) and is_unavailable(error) for error in failed), failed
        assert [1] * PLACES == await asyncio.gather(*(_ask(database) for _ in range(PLACES)))
        await database.dispose()
