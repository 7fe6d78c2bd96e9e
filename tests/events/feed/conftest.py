"""Writers of events, and the table in which consumers write what they heard."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import psycopg
import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.book import session

NOW = datetime.fromisoformat("2026-11-21T01:00:00+00:00")

OpenDatabase = Callable[[], Awaitable[Database]]


@pytest.fixture
async def open_database(database_url: str) -> AsyncIterator[OpenDatabase]:
    """Opens databases as processes of the service have them."""
    async with AsyncExitStack() as stack:

        async def open_one() -> Database:
            database = Database(database_url, pool_size=6, role=SERVICE_ROLE)
            stack.push_async_callback(database.dispose)
            return database

        yield open_one


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return await open_database()


@pytest.fixture(autouse=True)
def empty(database_url: str) -> Iterator[None]:
    """No events yet, and nobody has read any."""
    with session(database_url) as connection:
        connection.execute("TRUNCATE outbox")
        connection.execute("UPDATE feed SET last = 0, gone = 0")
        connection.execute("UPDATE consumers SET position = 0")
        connection.execute("DROP TABLE IF EXISTS heard")
        connection.execute(
            "CREATE TABLE heard (one bigserial, consumer text, position bigint, wallet bigint, event int)"
        )
        connection.execute(f"GRANT ALL ON heard, heard_one_seq TO {SERVICE_ROLE}")
    yield


def write(connection: psycopg.Connection[tuple[object, ...]], wallet: int, event: int, at_s: float = 0) -> None:
    """An event, in the connection's transaction; recorded ``at_s`` seconds after NOW."""
    connection.execute(
        "INSERT INTO outbox (wallet_id, event, type, payload, recorded_at) VALUES (%s, %s, 'x.y', '{}', %s)",
        [wallet, event, NOW + timedelta(seconds=at_s)],
    )


def places(url: str) -> list[tuple[int, int, int | None]]:
    """(wallet, event, position) of all events, by position; those without one are last."""
    with session(url) as connection:
        return connection.execute(
            "SELECT wallet_id, event, position FROM outbox ORDER BY position NULLS LAST, wallet_id, event"
        ).fetchall()
