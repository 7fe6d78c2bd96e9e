"""Every event gets one position and is heard of once by each consumer: many write, several give positions, some die."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import DBAPIError

from ledger.book.door import Door
from ledger.book.verify import verify_now
from ledger.events import feed
from ledger.kit.db import Database
from tests.conftest import SEED_VARIABLE
from tests.events.feed.conftest import OpenDatabase, places
from tests.support.book import attempt, codes, new_wallets, session, telling
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

WRITERS = 8
ROUNDS = 40
ADVANCERS = 3
READERS = 2
CONSUMERS = ("webhooks", "notifications")
KILLS = 4

_HEARD = """
INSERT INTO heard (consumer, position, wallet, event)
SELECT %(consumer)s, * FROM unnest(%(positions)s::bigint[], %(wallets)s::bigint[], %(events)s::int[])"""

_DIE = "SELECT pg_terminate_backend(pg_backend_pid())"


@contextmanager
def advancing(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that gives positions, and has begun; killed in the end."""
    command = [sys.executable, "-m", "tests.events.feed.advancing", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline(), "it began"
            yield process
        finally:
            process.kill()


async def write_events(database: Database, wallets: list[int], chance: random.Random) -> int:
    """Tell of something in these wallets, some at once; gives how often."""
    door = Door(database)
    await door.start()
    try:
        told = 0
        for _ in range(ROUNDS):
            chosen = chance.sample(wallets, chance.randint(1, 3))
            assert set(codes(await door.submit([attempt(telling(wallet)) for wallet in chosen]))) == {"changed"}
            told += len(chosen)
        return told
    finally:
        await door.stop()


async def give_positions(database: Database, done: asyncio.Event, chance: random.Random) -> None:
    """Again and again; every now and then the connection dies before the commit."""
    while not done.is_set():
        dies = chance.random() < 0.1
        given = 0
        try:
            async with database.transaction() as connection:
                given = await feed.advance(connection, limit=chance.choice((1, 5, 50)))
                if dies:
                    await connection.exec_driver_sql(_DIE)
        except DBAPIError:
            if not dies:
                raise
        if not given:
            await asyncio.sleep(0.005)


async def hear(database: Database, consumer: str, done: asyncio.Event, chance: random.Random) -> None:
    """Write down what there is to hear, until there is no more; every now and then all is lost before the commit."""
    over, heard = False, 1
    while heard or not over:
        over = done.is_set()  # what there was by then, this look must see
        dies = chance.random() < 0.1
        try:
            async with database.transaction() as connection:
                events = await feed.take(connection, consumer, limit=chance.choice((1, 10, 100)))
                heard = len(events)
                if events:
                    columns = {
                        "positions": [event.position for event in events],
                        "wallets": [event.wallet_id for event in events],
                        "events": [event.event for event in events],
                    }
                    await connection.exec_driver_sql(_HEARD, columns | {"consumer": consumer})
                    await feed.passed(connection, consumer, events[-1].position)
                if dies:
                    await connection.exec_driver_sql(_DIE)
        except DBAPIError:
            heard = 1
            if not dies:
                raise
        await asyncio.sleep(0.005)


async def test_nothing_is_missed_and_nothing_is_heard_twice(open_database: OpenDatabase, database_url: str) -> None:
    chance = random.Random(f"{os.environ[SEED_VARIABLE]} load")
    wallets = new_wallets(database_url, 12)
    written, placed = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(write_events(await open_database(), wallets, chance)) for _ in range(WRITERS)]
        advancers = [
            group.create_task(give_positions(await open_database(), written, chance)) for _ in range(ADVANCERS)
        ]
        for consumer in CONSUMERS:
            for _ in range(READERS):
                group.create_task(hear(await open_database(), consumer, placed, chance))
        told = sum(await asyncio.gather(*writers))
        written.set()
        await asyncio.gather(*advancers)
        database = await open_database()
        given = 1
        while given:
            async with database.transaction() as connection:
                given = await feed.advance(connection)
        placed.set()
    found = places(database_url)
    assert [position for _, _, position in found] == list(range(1, told + 1))
    for wallet in wallets:
        numbers = [event for of, event, _ in found if of == wallet]
        assert numbers == list(range(1, len(numbers) + 1)), "a wallet's are in its order"
    with session(database_url) as connection:
        for consumer in CONSUMERS:
            query = "SELECT wallet, event, position FROM heard WHERE consumer = %s ORDER BY one"
            assert connection.execute(query, [consumer]).fetchall() == found, "each once, in the order of the positions"
    report = verify_now(database_url)
    assert report.ok, report.to_json()


async def test_processes_that_give_positions_are_killed(open_database: OpenDatabase, database_url: str) -> None:
    """kill -9, again and again, with another one beside it: the positions have no gap, and go on at once."""
    chance = random.Random(f"{os.environ[SEED_VARIABLE]} kills")
    wallets = new_wallets(database_url, 5)
    told = 0
    with advancing(database_url):
        for _ in range(KILLS):
            with advancing(database_url) as victim:
                writing = asyncio.create_task(write_events(await open_database(), wallets, chance))
                await asyncio.sleep(chance.uniform(0.05, 0.3))
                victim.send_signal(signal.SIGKILL)
                told += await writing
        await asyncio.to_thread(until, lambda: places(database_url)[-1][2] is not None, "all have positions")
    assert [position for _, _, position in places(database_url)] == list(range(1, told + 1))
    assert verify_now(database_url, wallets).ok
