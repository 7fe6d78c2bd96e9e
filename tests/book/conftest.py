"""A door, a reader and a clock over this module's database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.book import session


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=5, role=SERVICE_ROLE)
    yield found
    await found.dispose()


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    found = Door(database, participants=[BalanceLevels()])
    await found.start()
    yield found
    await found.stop()


OpenDoor = Callable[[], Awaitable[Door]]


@pytest.fixture
async def open_door(database_url: str) -> AsyncIterator[OpenDoor]:
    """Opens doors as processes of the service have them: each with a pool of its own."""
    async with AsyncExitStack() as stack:

        async def open_one() -> Door:
            database = Database(database_url, pool_size=8, role=SERVICE_ROLE)
            stack.push_async_callback(database.dispose)
            found = Door(database, participants=[BalanceLevels()])
            await found.start()
            stack.push_async_callback(found.stop)
            return found

        yield open_one


@pytest.fixture
def reader(database: Database) -> Reader:
    return Reader(database)


class Clock:
    """The ledger's clock, moved by its own switch."""

    def __init__(self, url: str) -> None:
        self._url = url

    def now(self) -> datetime:
        with session(self._url) as connection:
            row = connection.execute("SELECT ledger_now()").fetchone()
        assert row is not None
        found: datetime = row[0]
        return found

    def advance(self, by: timedelta) -> None:
        with session(self._url) as connection:
            connection.execute("UPDATE clock SET ahead_us = ahead_us + %s", [by // timedelta(microseconds=1)])


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    with session(database_url) as connection:
        connection.execute("UPDATE clock SET ahead_us = 0")
