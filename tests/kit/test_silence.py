"""A server that falls silent costs a caller an error and the pool nothing."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from ledger.kit.db import SILENCE_S, Database, is_unavailable, sqlstate
from tests.support.api import run_sql
from tests.support.proxy import counting_proxy
from tests.support.waiting import until

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


async def test_a_read_whose_transaction_the_server_has_ended_is_told_that_the_database_is_away(
    database_url: str,
) -> None:
    """A process that was held up between two statements, or its line: no fault of the request's."""
    database = Database(database_url, idle_in_transaction_timeout_ms=100, application_name="held up")
    there = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'held up'"

    with pytest.raises(DBAPIError) as caught:
        async with database.transaction() as connection:
            await connection.scalar(text("SELECT 1"))
            await asyncio.to_thread(until, lambda: not run_sql(database_url, there), "the session is ended")
            await connection.scalar(text("SELECT 1"))

    assert "25P03" == sqlstate(caught.value)
    assert is_unavailable(caught.value)
    await database.dispose()
