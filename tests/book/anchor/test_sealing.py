"""Sealing on a real database: every book that moved, once, whoever else writes, seals, or is killed."""

import asyncio
import json
import os
import signal
import sys
from datetime import timedelta

import psycopg
import pytest

from ledger.book.anchor import service
from ledger.book.anchor.keys import SigningKey
from ledger.book.anchor.service import Overtaken, seal_if_due, seal_now, take_chunk
from ledger.book.commands import SetStatus, Transfer
from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import event_public
from ledger.kit.outbox import LEDGER
from tests.book.anchor.conftest import check_all, grant, leaves, use
from tests.book.conftest import Clock, OpenDoor
from tests.support.book import attempt, codes, new_wallets, session
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

OPEN = "SELECT anchor, leaves FROM sealing"
STUCK = 10
UNSEALED = "SELECT wallet_id FROM unsealed ORDER BY wallet_id"


@pytest.fixture(autouse=True)
async def sealed(database: Database, key: SigningKey) -> None:
    """Nothing of an earlier test waits to be sealed."""
    await seal_now(database, key)


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    with session(url) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[call-overload, no-any-return]


async def test_a_book_is_sealed_when_it_moved_and_only_then(
    door: Door, database: Database, database_url: str, key: SigningKey
) -> None:
    """One leaf for all that happened in an hour; none for a book that stood still or only changed its status."""
    first, second, third = new_wallets(database_url, 3)
    await grant(door, [first, second])
    await use(door, [first])
    await door.submit([attempt(SetStatus(wallet_id=third, status="frozen"))])
    assert rows(database_url, UNSEALED) == [(first,), (second,)]
    one = await seal_now(database, key)
    assert leaves(database_url, one.number) == [(first, 2), (second, 1)]
    assert rows(database_url, UNSEALED) == []
    await use(door, [second])
    await use(door, [second])
    two = await seal_now(database, key)
    assert leaves(database_url, two.number) == [(second, 3)]
    assert (two.number, two.previous, two.leaves) == (one.number + 1, one.hash, 1)
    empty = await seal_now(database, key)
    assert (empty.previous, empty.leaves) == (two.hash, 0)
    check_all(database_url, key)


async def test_both_books_of_a_transfer_moved(
    door: Door, database: Database, database_url: str, key: SigningKey
) -> None:
    payer, payee = new_wallets(database_url, 2)
    await grant(door, [payer])
    await seal_now(database, key)
    await door.submit([attempt(Transfer(wallet_id=payer, payee_id=payee, amount=10))])
    anchor = await seal_now(database, key)
    assert leaves(database_url, anchor.number) == [(payer, 2), (payee, 1)]


async def test_an_anchor_is_told_of_in_the_same_transaction(
    door: Door, database: Database, database_url: str, key: SigningKey
) -> None:
    """As an event that belongs to no wallet and has the anchor's number; with all that a reader needs."""
    await grant(door, new_wallets(database_url, 2))
    anchor = await seal_now(database, key)
    sql = f"SELECT payload, type, recorded_at, position FROM outbox WHERE wallet_id = 0 AND event = {anchor.number}"
    ((payload, *rest),) = rows(database_url, sql)
    assert rest == ["ledger.sealed", anchor.sealed_at, None]
    told = json.loads(str(payload))
    assert told["id"] == event_public(LEDGER, anchor.number, anchor.sealed_at)
    assert told["id"].startswith(f"evt_00000000000{anchor.number}_")
    assert (told["wallet_id"], told["transaction_id"], told["number"]) == (None, None, anchor.number)
    assert told["data"]["hash"] == anchor.hash.hex()
    assert told["data"]["signature"] == key.sign(anchor.hash).hex()
    assert told["data"]["leaves"] == 2


async def test_an_hour_has_one_anchor(
    door: Door, database: Database, database_url: str, clock: Clock, key: SigningKey
) -> None:
    """Two beats, or ten ticks, make no second; the next hour has one though nothing moved."""
    await grant(door, new_wallets(database_url, 3))
    await seal_now(database, key)
    assert await seal_if_due(database, key) is None
    for _ in range(2):
        clock.advance(timedelta(hours=1))
        made = await asyncio.gather(*(seal_if_due(database, key) for _ in range(8)))
        assert [anchor.leaves for anchor in made if anchor is not None] == [0]
    check_all(database_url, key)


async def test_more_books_than_a_chunk(door: Door, database: Database, database_url: str, key: SigningKey) -> None:
    wallet_ids = new_wallets(database_url, 2 * service.CHUNK + 50)
    await grant(door, wallet_ids)
    anchor = await seal_now(database, key)
    assert leaves(database_url, anchor.number) == [(wallet_id, 1) for wallet_id in wallet_ids]
    assert check_all(database_url, key).checked["leaves"] >= len(wallet_ids)


async def test_what_a_chunk_took_is_sealed_by_whoever_comes_next(
    door: Door, database: Database, database_url: str, key: SigningKey
) -> None:
    """A sealer that ends between two chunks leaves nothing to tidy up; a book that moved again gets a second leaf."""
    wallet_ids = new_wallets(database_url, 5)
    await grant(door, wallet_ids)
    ((number, _),) = rows(database_url, OPEN)
    assert isinstance(number, int)
    assert await take_chunk(database, number, 0, 3) == wallet_ids[:3]
    assert rows(database_url, OPEN) == [(number, 3)]
    check_all(database_url, key)
    await use(door, wallet_ids[:1])
    anchor = await seal_now(database, key)
    expected = [(w, 1) for w in wallet_ids[:3]] + [(wallet_ids[0], 2)] + [(w, 1) for w in wallet_ids[3:]]
    assert (anchor.number, leaves(database_url, number)) == (number, expected)
    with pytest.raises(Overtaken):
        await take_chunk(database, number, 0)
    check_all(database_url, key)


async def test_a_book_that_is_being_written_is_waited_for(door: Door, database_url: str, key: SigningKey) -> None:
    """The chunks pass it by; at the end it is taken as it stands then."""
    first, busy, last = new_wallets(database_url, 3)
    await grant(door, [first, busy, last])
    patient = Database(database_url, statement_timeout_ms=60_000, lock_timeout_ms=60_000, role=SERVICE_ROLE)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [busy])
        sealing = asyncio.create_task(seal_now(patient, key))
        await asyncio.to_thread(until, lambda: _waits_for_a_lock(database_url), "the sealer waits")
        assert [wallet for wallet, _ in rows(database_url, "SELECT wallet_id, 1 FROM unsealed")] == [busy]
        await use(door, [first])
        other.rollback()
    anchor = await sealing
    await patient.dispose()
    assert leaves(database_url, anchor.number) == [(first, 1), (last, 1), (busy, 1)]
    check_all(database_url, key)


async def test_a_book_that_stays_locked_comes_with_the_next_anchor(
    door: Door, database_url: str, key: SigningKey
) -> None:
    """Sealing does not fail for one book; and when nobody has it, it is taken."""
    free, stuck = new_wallets(database_url, 2)
    await grant(door, [free, stuck])
    impatient = Database(database_url, lock_timeout_ms=100, role=SERVICE_ROLE)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [stuck])
        first = await seal_now(impatient, key)
    second = await seal_now(impatient, key)
    await impatient.dispose()
    assert leaves(database_url, first.number) == [(free, 1)]
    assert leaves(database_url, second.number) == [(stuck, 1)]
    check_all(database_url, key)


def _waits_for_a_lock(url: str) -> bool:
    sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return rows(url, sql) != []


async def test_kill_9_between_two_chunks(door: Door, database: Database, database_url: str, key: SigningKey) -> None:
    """A process of its own, killed after its chunks and before it closed: the next goes on where it stopped."""
    wallet_ids = new_wallets(database_url, service.CHUNK + 10)
    await grant(door, wallet_ids)
    ((number, _),) = rows(database_url, OPEN)
    environ = os.environ | {"LEDGER_ANCHOR_KEY": key.text}
    command = [sys.executable, "-m", "ledger.cli", "anchor", "now", "--database-url", database_url]
    with psycopg.connect(database_url) as other:
        # Each of these is waited for in turn, for seconds: the time to kill it in.
        other.execute("SELECT 1 FROM wallets WHERE wallet_id = ANY(%s) FOR NO KEY UPDATE", [wallet_ids[-STUCK:]])
        sealer = await asyncio.create_subprocess_exec(*command, env=environ, start_new_session=True)
        taken = (number, len(wallet_ids) - STUCK)
        await asyncio.to_thread(until, lambda: rows(database_url, OPEN) == [taken], "all free books are taken")
        sealer.kill()
        assert await sealer.wait() == -signal.SIGKILL
    check_all(database_url, key)
    await use(door, wallet_ids)
    anchor = await seal_now(database, key)
    assert (anchor.number, anchor.leaves) == (number, 2 * len(wallet_ids) - STUCK)
    assert leaves(database_url, anchor.number)[-len(wallet_ids) :] == [(w, 2) for w in wallet_ids]
    check_all(database_url, key)


async def test_sixteen_clients_and_two_sealers(open_door: OpenDoor, database_url: str, key: SigningKey) -> None:
    """Nobody waits for another in a circle, no move is lost: a last anchor covers every book's head."""
    doors = [await open_door() for _ in range(2)]
    wallet_ids = new_wallets(database_url, 24)
    await grant(doors[0], wallet_ids, 100_000)
    deadlocks = _deadlocks(database_url)
    done = asyncio.Event()

    async def client(name: int) -> int:
        mine, other = wallet_ids[name], wallet_ids[(name * 7 + 5) % len(wallet_ids)]
        posted = 0
        while not done.is_set():
            await use(doors[name % 2], [mine, wallet_ids[0]])
            moved = await doors[name % 2].submit([attempt(Transfer(wallet_id=mine, payee_id=other, amount=1))])
            assert codes(moved) == ["posted" if mine != other else "SAME_WALLET"]
            posted += 2
        return posted

    async def sealer() -> list[int]:
        own = Database(database_url, pool_size=2, role=SERVICE_ROLE)
        try:
            return [(await seal_now(own, key)).number for _ in range(15)]
        finally:
            await own.dispose()

    clients = [asyncio.create_task(client(name)) for name in range(16)]
    made = await asyncio.gather(sealer(), sealer())
    done.set()
    assert sum(await asyncio.gather(*clients)) > 100
    numbers = sorted(number for one in made for number in one)
    assert len(set(numbers)) == 30, "each call made an anchor of its own"
    own = Database(database_url, role=SERVICE_ROLE)
    await seal_now(own, key)
    await own.dispose()
    assert rows(database_url, UNSEALED) == []
    heads = rows(database_url, "SELECT wallet_id, number FROM wallets WHERE number > 0 ORDER BY wallet_id")
    covered = rows(database_url, "SELECT wallet_id, max(number) FROM anchor_leaves GROUP BY wallet_id ORDER BY 1")
    assert heads == covered
    assert _deadlocks(database_url) == deadlocks
    check_all(database_url, key)


def _deadlocks(url: str) -> object:
    return rows(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
