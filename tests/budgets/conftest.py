"""Doors with budgets in them, as processes of the service have them, and wallets with budgets over this module's database."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.parts import participants
from ledger.rates.service import Cards
from tests.book.conftest import Clock
from tests.budgets.scene import Scene
from tests.support.book import check, session

OpenDoor = Callable[[], Awaitable[Door]]


@pytest.fixture
async def open_door(database_url: str) -> AsyncIterator[OpenDoor]:
    """Opens doors as processes of the service have them: each with connections of its own."""
    async with AsyncExitStack() as stack:

        async def open_one() -> Door:
            database = Database(database_url, pool_size=4, role=SERVICE_ROLE)
            stack.push_async_callback(database.dispose)
            found = Door(database, participants=participants(Cards(database)))
            await found.start()
            stack.push_async_callback(found.stop)
            return found

        yield open_one


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=4, role=SERVICE_ROLE)
    yield found
    await found.dispose()


@pytest.fixture
async def scene(open_door: OpenDoor, database: Database, database_url: str) -> AsyncIterator[Scene]:
    """At the end all wallets that were made in it are verified, and what is spent of their budgets recounted."""
    found = Scene(database_url, database, await open_door())
    yield found
    if found.wallets:
        check(database_url, found.wallets)


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    with session(database_url) as connection:
        connection.execute("UPDATE clock SET ahead_us = 0")
