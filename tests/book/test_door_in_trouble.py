"""What the door must hold when something is in the way, each by the smallest case that breaks it."""

import asyncio
from typing import Any

import psycopg
import pytest

from ledger.book import load as load_module
from ledger.book.commands import Command, Inflow, Posted, Reverse, Rider, Transfer, Use
from ledger.book.door import Door
from ledger.errors import LedgerError, Overloaded
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.wallets import directory as directory_module
from ledger.wallets.directory import Directory
from tests.support.book import CREDIT, attempt, check, code, new_wallets, session
from tests.support.proxy import counting_proxy

pytestmark = pytest.mark.anyio


async def one(door: Door, command: Command, **more: Any) -> Posted:
    [outcome] = await door.submit([attempt(command, **more)])
    assert isinstance(outcome, Posted), outcome
    return outcome


def use(wallet: int, amount: int = 1) -> Use:
    return Use(wallet_id=wallet, amount=amount, service="chat")


async def test_a_request_accepted_while_the_door_closes_is_answered(database: Database, database_url: str) -> None:
    """A reversal looks its link up before it waits in line: the lanes may be gone by then."""
    door = Door(database)
    await door.start()
    [wallet] = new_wallets(database_url)
    given = await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    last = asyncio.create_task(door.submit([attempt(Reverse(wallet_id=wallet, number=given.transaction.number))]))
    await asyncio.sleep(0)  # it is accepted, and reads its link
    await door.stop()
    done, _ = await asyncio.wait([last], timeout=5)
    last.cancel()
    assert done, "nobody will ever answer it"


async def test_one_held_row_leaves_a_slow_lane_for_others(door: Door, database_url: str) -> None:
    """Transfers of one held wallet to different payees wait in one lane each; others need a lane too."""
    held, *payees = new_wallets(database_url, 4)
    await one(door, Inflow(wallet_id=held, amount=CREDIT, source="promotional"))
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM wallets WHERE wallet_id = %s FOR UPDATE", [held])
        stuck = [
            asyncio.create_task(door.submit([attempt(Transfer(wallet_id=held, payee_id=payee, amount=1))]))
            for payee in payees
        ]
        [outcome] = await door.submit([attempt(use(1))])  # no such wallet
        [posted] = await door.submit([attempt(Inflow(wallet_id=payees[0], amount=1, source="promotional"))])
        assert not any(task.done() for task in stuck)
        other.rollback()
        await asyncio.gather(*stuck, return_exceptions=True)
    assert code(outcome) == "NOT_FOUND"
    assert code(posted) == "posted"


async def test_what_waits_for_held_wallets_counts_against_the_queue(database: Database, database_url: str) -> None:
    door = Door(database, queue_max=20)
    await door.start()
    [held] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=held, amount=CREDIT, source="promotional"))
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM wallets WHERE wallet_id = %s FOR UPDATE", [held])
        asked = []
        for _ in range(100):
            asked.append(asyncio.create_task(door.submit([attempt(use(held))])))
            await asyncio.sleep(0.01)
        other.rollback()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    await door.stop()
    assert any(isinstance(outcome, Overloaded) for outcome in outcomes)


async def test_a_request_that_takes_too_long_fails_alone(database_url: str) -> None:
    """57014 is the culprit's, as any other error is: the batch is halved until only the culprit fails."""
    database = Database(database_url, pool_size=3, role=SERVICE_ROLE, statement_timeout_ms=500)
    door = Door(database)
    await door.start()
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    slow = Rider(sql="SELECT pg_sleep(2)", params={})
    requests = [[attempt(use(wallet))] for _ in range(10)]
    requests[3] = [attempt(use(wallet), riders=(slow,))]
    outcomes = await asyncio.gather(*(door.submit(request) for request in requests), return_exceptions=True)
    await door.stop()
    await database.dispose()
    assert [place for place, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)] == [3]


async def test_a_connection_that_died_while_idle_costs_nobody_an_error(door: Door, database_url: str) -> None:
    """Nothing was sent: BEGIN can be said again on a new connection."""
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    with session(database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await asyncio.sleep(0.1)
    assert code((await door.submit([attempt(use(wallet))]))[0]) == "posted"


async def test_a_server_that_falls_silent_does_not_hang_the_door(database_url: str) -> None:
    """Statements may take half a second here: nobody should still be waiting after ten."""
    [wallet] = new_wallets(database_url)
    async with counting_proxy(database_url) as proxy:
        limits = {"statement_timeout_ms": 500, "lock_timeout_ms": 500, "idle_in_transaction_timeout_ms": 1000}
        database = Database(proxy.url, role=SERVICE_ROLE, **limits)
        door = Door(database)
        await door.start()
        await one(door, Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
        proxy.lost = True
        asked = asyncio.create_task(door.submit([attempt(use(wallet))]))
        done, _ = await asyncio.wait([asked], timeout=20)
        proxy.lost = False
        assert done, "the fast lane waits for a server that will never answer, and everybody for the lane"
        assert isinstance(asked.exception(), LedgerError)
        assert code((await door.submit([attempt(use(wallet))]))[0]) == "posted", "the lane is alive"
        await door.stop()
        await database.dispose()
    check(database_url, [wallet])


async def test_the_owners_of_a_batch_are_found_though_the_memory_is_full(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "REMEMBERED_MAX", 3)
    found = Directory(database)
    await found.primaries(["full 1", "full 2", "full 3"])
    assert set(await found.primaries(["full 1", "full 4"])) == {"full 1", "full 4"}


async def test_a_hundred_thousand_dust_lots_are_not_felt_by_strangers(
    door: Door, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request over them that is refused, and a stranger's that came right behind it."""
    dusty, stranger = new_wallets(database_url, 2)
    await one(door, Inflow(wallet_id=dusty, amount=1, source="promotional", priority=1))
    await one(door, Inflow(wallet_id=stranger, amount=CREDIT, source="promotional"))
    with session(database_url) as connection:  # verify would not like it, but it is quick
        connection.execute(
            "INSERT INTO lots (wallet_id, lot, source, amount, remaining, open, paid, priority, effective_at)"
            " SELECT %s, n, 'promotional', 1, 1, true, false, 100, now() FROM generate_series(2, 100001) n",
            [dusty],
        )
        connection.execute("UPDATE wallets SET wallet = 100001, last_lot = 100001 WHERE wallet_id = %s", [dusty])
        connection.execute("ANALYZE lots")
    await door.submit([attempt(use(stranger))])
    loaded = 0
    lot_of = load_module.lot_of

    def counted(row: tuple[Any, ...]) -> Any:
        nonlocal loaded
        loaded += 1
        return lot_of(row)

    monkeypatch.setattr(load_module, "lot_of", counted)
    refused = asyncio.create_task(door.submit([attempt(use(dusty, 100_000))]))
    await asyncio.sleep(0)
    await one(door, use(stranger))
    assert code((await refused)[0]) == "TOO_MANY_POSTINGS"
    assert loaded < 5_100, "one unit loads a bounded number of lots"


async def test_a_batch_of_everything_twice_verifies(door: Door, database_url: str) -> None:
    """Sound: A → B, B → A, a wallet that is named often, the same key twice, in one request."""
    a, b = new_wallets(database_url, 2)
    await one(door, Inflow(wallet_id=a, amount=10, source="promotional"))
    there, back = Transfer(wallet_id=a, payee_id=b, amount=6), Transfer(wallet_id=b, payee_id=a, amount=4)
    outcomes = await door.submit(
        [attempt(there, "twice 1"), attempt(back, "twice 2"), attempt(there, "twice 1"), attempt(use(b, 3))]
    )
    assert [code(outcome) for outcome in outcomes] == ["posted", "posted", "replayed", "INSUFFICIENT_CREDITS"]
    check(database_url, [a, b])
