"""Positions and consumers: what each call does, whoever else is at it."""

import os
import random

import psycopg
import pytest

from ledger.events import feed
from ledger.kit.db import Database
from tests.conftest import SEED_VARIABLE
from tests.events.feed.conftest import OpenDatabase, places, write
from tests.support.book import session

pytestmark = pytest.mark.anyio


async def advanced(database: Database, limit: int = feed.BATCH) -> int:
    async with database.transaction() as connection:
        return await feed.advance(connection, limit=limit)


async def read(database: Database, consumer: str, limit: int = feed.BATCH) -> list[int]:
    """The positions that a consumer hears of, and has heard of then."""
    async with database.transaction() as connection:
        events = await feed.take(connection, consumer, limit=limit)
        if events:
            await feed.passed(connection, consumer, events[-1].position)
        return [event.position for event in events]


async def test_positions_go_on_from_one_without_a_gap(database: Database, database_url: str) -> None:
    """By the time they were recorded, then by wallet and number; a batch at a time."""
    with session(database_url) as connection:
        for wallet, event, at_s in ((2, 1, 0), (1, 1, 1), (1, 2, 1), (3, 1, 0.5), (2, 2, 2)):
            write(connection, wallet, event, at_s)
        assert [await advanced(database, 2) for _ in range(4)] == [2, 2, 1, 0]
        assert places(database_url) == [(2, 1, 1), (3, 1, 2), (1, 1, 3), (1, 2, 4), (2, 2, 5)]
        write(connection, 4, 1, -60)
    assert await advanced(database) == 1
    assert places(database_url)[-1] == (4, 1, 6), "what was committed late comes behind what was read"


async def test_a_wallets_events_keep_their_order_though_the_clock_was_set_back(
    database: Database, database_url: str
) -> None:
    with session(database_url) as connection:
        for wallet, event, at_s in ((1, 1, 10), (1, 2, 5), (2, 1, 7), (1, 3, 8)):
            write(connection, wallet, event, at_s)
    assert await advanced(database) == 4
    assert places(database_url) == [(2, 1, 1), (1, 1, 2), (1, 2, 3), (1, 3, 4)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_and_though_it_was_set_back_between_two_batches(
    database: Database, database_url: str, limit: int
) -> None:
    """Again and again, and for long: batches are as large as ever, each goes on, and what is small does not wait."""
    clock_s = (60, 61, 0, 1, 62, -30, -29, 2, -60)
    with session(database_url) as connection:
        for event, at_s in enumerate(clock_s, 1):
            write(connection, 1, event, at_s)
            write(connection, 2, event, -at_s)
        write(connection, 3, 1, -61)
    given = []
    while count := await advanced(database, limit):
        given.append(count)
    found = places(database_url)
    assert [position for _, _, position in found] == list(range(1, 2 * len(clock_s) + 2))
    for wallet in (1, 2):
        assert [event for of, event, _ in found if of == wallet] == list(range(1, len(clock_s) + 1))
    assert given == [limit] * (len(found) // limit) + [len(found) % limit] * (len(found) % limit > 0)


async def test_one_at_a_time_gives_positions(open_database: OpenDatabase, database_url: str) -> None:
    """Who comes second goes away at once, also from events that the first does not know."""
    first, second = await open_database(), await open_database()
    with session(database_url) as connection:
        write(connection, 1, 1)
        async with first.transaction() as held:
            assert await feed.advance(held) == 1
            write(connection, 2, 1, -1)
            assert await advanced(second) == 0
        assert await advanced(second) == 1
    assert places(database_url) == [(1, 1, 1), (2, 1, 2)]


async def test_what_an_advancer_had_that_died_is_given_again(database: Database, database_url: str) -> None:
    """Its transaction is gone with it, and so is its lock."""
    with session(database_url) as connection:
        for event in range(1, 6):
            write(connection, 1, event)
        with pytest.raises(Exception, match=r"terminat|closed|connection"):
            async with database.transaction() as dying:
                assert await feed.advance(dying, limit=3) == 3
                pid = (await dying.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
                await dying.exec_driver_sql("SELECT 1")
    assert [position for _, _, position in places(database_url)] == [None] * 5
    assert await advanced(database) == 5
    assert [position for _, _, position in places(database_url)] == [1, 2, 3, 4, 5]


async def test_consumers_read_each_by_itself(database: Database, database_url: str) -> None:
    """From where they are, a batch at a time; what has no position is not there for them."""
    with session(database_url) as connection:
        for event in range(1, 5):
            write(connection, 1, event)
        await advanced(database)
        write(connection, 1, 5)
    assert [await read(database, "webhooks", 3) for _ in range(3)] == [[1, 2, 3], [4], []]
    assert await read(database, "notifications") == [1, 2, 3, 4]
    await advanced(database)
    assert await read(database, "webhooks") == [5]


async def test_a_consumer_is_one_at_a_time(open_database: OpenDatabase, database_url: str) -> None:
    """Two workers of one consumer do not both hear of an event; another consumer does not wait."""
    first, second = await open_database(), await open_database()
    with session(database_url) as connection:
        write(connection, 1, 1)
    await advanced(first)
    async with first.transaction() as held:
        assert [event.position for event in await feed.take(held, "webhooks")] == [1]
        async with second.transaction() as other:
            assert await feed.take(other, "webhooks") == ()
        assert await read(second, "notifications") == [1]
    assert await read(second, "webhooks") == [1], "nobody said that it was passed"


async def test_an_event_comes_as_it_was_written(database: Database, database_url: str) -> None:
    with session(database_url) as connection:
        write(connection, 7, 3)
        row = connection.execute("SELECT recorded_at FROM outbox").fetchone()
    await advanced(database)
    async with database.transaction() as connection:
        events = await feed.take(connection, "webhooks")
    assert row is not None
    assert events == [feed.Event(1, 7, 3, "x.y", "{}", row[0])]


STEPS = 400
WRITERS = 6


async def test_who_has_read_has_missed_nothing_however_transactions_commit(
    database: Database, database_url: str
) -> None:
    """Transactions that begin and end in any order, some rolled back, with reads and positions given in between."""
    chance = random.Random(f"{os.environ[SEED_VARIABLE]} feed")
    wallets = dict.fromkeys(range(1, WRITERS + 1), 0)
    heard: list[int] = []
    committed = 0
    open_: dict[int, tuple[psycopg.Connection[tuple[object, ...]], int]] = {}
    try:
        for step in range(STEPS):
            wallet = chance.choice(list(wallets))
            match chance.randrange(5):
                case 0 | 1 if wallet not in open_:
                    connection = psycopg.connect(database_url)
                    count = chance.randint(1, 3)
                    for event in range(wallets[wallet] + 1, wallets[wallet] + count + 1):
                        write(connection, wallet, event, step)
                    open_[wallet] = (connection, count)
                case 0 | 1 | 2 if wallet in open_:
                    connection, count = open_.pop(wallet)
                    if chance.random() < 0.2:
                        connection.rollback()
                    else:
                        connection.commit()
                        wallets[wallet] += count
                        committed += count
                    connection.close()
                case 3:
                    await advanced(database, chance.choice((1, 2, 5, 100)))
                case _:
                    heard += await read(database, "webhooks", chance.choice((1, 3, 100)))
                    assert heard == list(range(1, len(heard) + 1)), "nothing was passed over"
    finally:
        for connection, _ in open_.values():
            connection.close()
    await advanced(database, 10 * STEPS)
    heard += await read(database, "webhooks", 10 * STEPS)
    assert heard == list(range(1, committed + 1))
    found = places(database_url)
    assert [position for _, _, position in found] == heard
    for wallet, last in wallets.items():
        assert [event for of, event, _ in found if of == wallet] == list(range(1, last + 1)), "in the wallet's order"
