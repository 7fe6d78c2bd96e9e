"""Outbox rows are leased to one relay at a time, and are done when whoever did the work says so."""

import asyncio

import psycopg
import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.relay import claim, done
from tests.support.book import new_wallets, session

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(database_url: str):  # type: ignore[no-untyped-def]
    found = Database(database_url, pool_size=3, role=SERVICE_ROLE, lock_timeout_ms=60_000, statement_timeout_ms=60_000)
    yield found
    await found.dispose()


def write_events(url: str, count: int) -> list[tuple[int, int]]:
    """New events of a new wallet; those of earlier tests are gone."""
    [wallet] = new_wallets(url)
    with session(url) as connection:
        connection.execute("DELETE FROM outbox")
        connection.execute(
            "INSERT INTO outbox (wallet_id, event, type, payload, recorded_at, due_at)"
            " SELECT %s, n, 'test', '{}', ledger_now(), ledger_now() FROM generate_series(1, %s) n",
            [wallet, count],
        )
    return [(wallet, event) for event in range(1, count + 1)]


async def taken(database: Database, **options: int) -> list[tuple[int, int]]:
    return sorted((row.wallet_id, row.event) for row in await claim(database, **options))


async def test_what_was_published_and_not_done_is_published_again(database: Database, database_url: str) -> None:
    """After its lease, and not before: the broker may have lost it."""
    events = write_events(database_url, 3)
    assert await taken(database, lease_s=0) == events
    assert await taken(database, lease_s=60) == events
    assert await taken(database, lease_s=60) == []


async def test_what_is_done_stays_done_and_is_told_once(database: Database, database_url: str) -> None:
    events = write_events(database_url, 3)
    await taken(database, lease_s=0)
    assert await done(database, events[:2]) == 2
    assert await done(database, events[:2]) == 0
    assert await taken(database, lease_s=0) == events[2:]


async def test_a_relay_does_not_wait_for_what_another_is_taking(database: Database, database_url: str) -> None:
    events = write_events(database_url, 4)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM outbox WHERE (wallet_id, event) = (%s, %s) FOR UPDATE", events[1])
        async with asyncio.timeout(10):  # far less than the lock timeout
            assert await taken(database, lease_s=60) == [events[0], *events[2:]]
        other.rollback()
    assert await taken(database, lease_s=60) == [events[1]]
