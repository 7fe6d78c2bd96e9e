"""The bell is heard at once where all is well, and costs nobody anything where it is not."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import psycopg
import pytest

from ledger.book.commands import Inflow
from ledger.book.door import Door
from ledger.embedded.postgres import Postgres
from ledger.embedded.process import Child
from ledger.kit.bell import CHANNEL, GAP_S, Bell, Ear
from ledger.kit.db import SILENCE_S, Database
from tests.backup.clusters import SMALL, home
from tests.support.book import attempt, codes, new_wallets, session, telling
from tests.support.proxy import ChaosProxy
from tests.support.waiting import EARLY_S

pytestmark = pytest.mark.anyio

QUIET_S = 0.3
"""So long nothing is heard: then nothing more comes."""

STATEMENT_S = 0.5
SOON_S = 10.0
"""Far less than any patience that is asked for here."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=2)
    yield found
    await found.dispose()


@pytest.fixture
async def bell(database: Database) -> AsyncIterator[Bell]:
    found = Bell(database)
    yield found
    await found.close()


@pytest.fixture
async def ear(database: Database) -> AsyncIterator[Ear]:
    """It listens already."""
    found = Ear(database)
    assert await found.wait(0), "it may have rung before"
    yield found
    await found.close()


async def rings(connection: psycopg.AsyncConnection[object], quiet_s: float = QUIET_S) -> int:
    """How often it rings until it is quiet."""
    count = 0
    while True:
        async with aclosing(connection.notifies(timeout=quiet_s, stop_after=1)) as heard:
            before, count = count, count + len([ring async for ring in heard])
        if count == before:
            return count


async def test_many_rings_at_once_are_one(bell: Bell, database: Database) -> None:
    async with await database.connect() as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        for _ in range(50):
            bell.ring()
        assert await rings(connection) == 1
        for _ in range(2):
            for _ in range(50):
                bell.ring()
            await asyncio.sleep(GAP_S / 5)
        assert await rings(connection) == 2, "who rings while it rings is heard after it"


async def test_it_rings_once_in_a_gap(bell: Bell, database: Database) -> None:
    """However often it is asked to: each ring is a transaction."""
    async with await database.connect() as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        until = time.monotonic() + 50 * GAP_S
        while time.monotonic() < until:
            bell.ring()
            await asyncio.sleep(GAP_S / 20)
        assert 2 <= await rings(connection) <= 52


async def test_who_listens_hears_it(bell: Bell, ear: Ear) -> None:
    for _ in range(3):
        assert not await ear.wait(0.05), "nobody rang"
        hearing = asyncio.create_task(ear.wait(60))
        await asyncio.sleep(0.05)
        bell.ring()
        async with asyncio.timeout(SOON_S):
            assert await hearing


async def test_a_ring_between_two_waits_is_heard(bell: Bell, ear: Ear) -> None:
    bell.ring()
    await asyncio.sleep(0.1)
    async with asyncio.timeout(SOON_S):
        assert await ear.wait(60)


async def test_waiting_ends_when_it_is_cancelled(ear: Ear) -> None:
    hearing = asyncio.create_task(ear.wait(60))
    await asyncio.sleep(0.05)
    hearing.cancel()
    async with asyncio.timeout(SOON_S):
        await asyncio.wait([hearing])
    assert hearing.cancelled()


async def test_who_listens_outlives_his_connection(bell: Bell, ear: Ear, database_url: str) -> None:
    """It costs him the rest of his patience once, and he says that he may have missed something."""
    with session(database_url) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN {CHANNEL}'")
    began = time.monotonic()
    assert not await ear.wait(0.2)
    assert time.monotonic() - began < SOON_S
    assert await ear.wait(0.2)
    bell.ring()
    async with asyncio.timeout(SOON_S):
        assert await ear.wait(60)


@pytest.fixture
def postgres() -> Iterator[tuple[Postgres, Child]]:
    """A server of the test's own, to be stopped."""
    with home() as made:
        server = Postgres(made, SMALL)
        server.prepare()
        child = Child(server.program())
        server.wait_ready(child)
        yield server, child
        child.kill()


async def test_both_outlive_a_restart_of_the_server(postgres: tuple[Postgres, Child]) -> None:
    """While it is away, waiting takes about as long as asked for, and ringing does nothing."""
    server, child = postgres
    database = Database(server.url())
    bell, ear = Bell(database), Ear(database)
    assert await ear.wait(0)
    bell.ring()
    assert await ear.wait(60)
    await asyncio.to_thread(child.kill)
    for _ in range(3):
        bell.ring()
        began = time.monotonic()
        assert not await ear.wait(0.2)
        assert 0.2 - EARLY_S <= time.monotonic() - began < SOON_S
    again = Child(server.program())
    try:
        await asyncio.to_thread(server.wait_ready, again)
        assert await ear.wait(0.2)
        bell.ring()
        async with asyncio.timeout(SOON_S):
            assert await ear.wait(60)
        await bell.close()
        await ear.close()
        await database.dispose()
    finally:
        again.kill()


async def test_a_server_that_falls_silent_is_given_up(database_url: str, ear: Ear) -> None:
    """No line is waited for without an end: neither by the bell nor by who closes it; later it rings again."""
    proxy = ChaosProxy(database_url)
    far = Database(proxy.url, statement_timeout_ms=round(STATEMENT_S * 1000))
    bell = Bell(far)
    try:
        bell.ring()
        assert await ear.wait(60)
        await asyncio.sleep(QUIET_S)
        proxy.freeze()
        bell.ring()
        await asyncio.sleep(5 * GAP_S)  # it is at it
        async with asyncio.timeout(STATEMENT_S + SILENCE_S + 1):
            await bell.close()
        proxy.heal()
        await ear.wait(QUIET_S)
        bell.ring()
        async with asyncio.timeout(SOON_S):
            assert await ear.wait(60)
    finally:
        proxy.close()
        await bell.close()
        await far.dispose()


async def test_a_door_rings_for_events_and_for_nothing_else(database: Database, database_url: str) -> None:
    """After the commit: who hears it finds the events there."""
    (wallet,) = new_wallets(database_url)
    door = Door(database)
    await door.start()
    try:
        async with await database.connect() as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await door.submit([attempt(Inflow(wallet_id=wallet, amount=1, source="promotional"))])
            assert await rings(connection) == 0
            await door.submit([attempt(telling(wallet))])
            assert await rings(connection) == 1
    finally:
        await door.stop()


@pytest.mark.parametrize("trouble", ["frozen", "nobody there"])
async def test_a_bell_that_is_broken_costs_no_request(
    database: Database, database_url: str, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that cause events are answered as quickly, and the door closes."""
    proxy = ChaosProxy(database_url)
    url = proxy.url if trouble == "frozen" else "postgresql://ledger@127.0.0.1:1/none"
    far = Database(url, statement_timeout_ms=round(STATEMENT_S * 1000))
    (wallet,) = new_wallets(database_url)
    door = Door(database)
    monkeypatch.setattr(door, "_bell", Bell(far))
    await door.start()
    try:
        async with asyncio.timeout(60):
            await tell(door, wallet)
            proxy.freeze()
            began = time.monotonic()
            for _ in range(25):
                await tell(door, wallet)
            assert time.monotonic() - began < SOON_S, "each waited for it"
            await door.stop()
    finally:
        proxy.close()
        await far.dispose()
    with session(database_url) as connection:
        count = connection.execute("SELECT count(*) FROM outbox WHERE wallet_id = %s", [wallet]).fetchone()
    assert count == (26,)


async def tell(door: Door, wallet: int) -> None:
    assert codes(await door.submit([attempt(telling(wallet))])) == ["changed"]
