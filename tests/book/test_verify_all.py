"""Verify over a whole database: in chunks, while it is being written, and with books that have no wallet."""

import asyncio

import pytest

from ledger.book.commands import Command, Inflow, Transfer, Use
from ledger.book.door import Door
from ledger.book.verify import check, verify, verify_now
from tests.support.book import attempt, codes, new_wallets, session

pytestmark = pytest.mark.anyio

WALLETS = check.WALLETS_MAX + 100


async def test_all_books_are_read_chunk_by_chunk(door: Door, database_url: str) -> None:
    """More wallets than a chunk has, and transfers between the chunks."""
    wallet_ids = new_wallets(database_url, WALLETS)
    grants: list[Command] = [Inflow(wallet_id=w, amount=100, source="promotional") for w in wallet_ids]
    transfers: list[Command] = [
        Transfer(wallet_id=wallet_ids[i], payee_id=wallet_ids[-1 - i], amount=10) for i in range(50)
    ]
    for commands in (grants, transfers):
        outcomes = await door.submit([attempt(command) for command in commands])
        assert set(codes(outcomes)) == {"posted"}
    report = verify_now(database_url)
    assert report.ok
    assert report.checked["wallets"] == WALLETS
    assert report.checked["transactions"] == WALLETS + 2 * 50


async def test_books_are_whole_while_they_are_written(door: Door, database_url: str) -> None:
    """A run never sees half a transaction, nor one leg of a transfer."""
    wallet_ids = new_wallets(database_url, 8)
    await door.submit([attempt(Inflow(wallet_id=w, amount=1_000, source="promotional")) for w in wallet_ids])
    done = asyncio.Event()

    async def client(first: int, second: int) -> None:
        while not done.is_set():
            moves: list[Command] = [Transfer(wallet_id=first, payee_id=second, amount=3)]
            moves.append(Use(wallet_id=first, amount=1, service="chat"))
            await door.submit([attempt(move) for move in moves])

    clients = [asyncio.create_task(client(a, b)) for a, b in zip(wallet_ids, reversed(wallet_ids), strict=True)]
    reports = [await verify(database_url, wallet_ids=wallet_ids) for _ in range(15)]
    done.set()
    await asyncio.gather(*clients)
    assert all(report.ok for report in reports)
    assert reports[0].checked["transactions"] < reports[-1].checked["transactions"], "it was being written"


async def test_a_book_without_a_wallet_is_found(door: Door, database_url: str) -> None:
    """What belongs to no wallet is no less wrong for that."""
    (wallet_id,) = new_wallets(database_url)
    await door.submit([attempt(Inflow(wallet_id=wallet_id, amount=100, source="promotional"))])
    with session(database_url) as connection:
        connection.execute("DELETE FROM wallets WHERE wallet_id = %s", [wallet_id])
    kinds = {fault.kind for fault in verify_now(database_url).faults if fault.wallet_id == wallet_id}
    assert "wallet" in kinds
    with session(database_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in ("transactions", "postings", "lots", "notes", "outbox", "unsealed"):
            connection.execute(f"DELETE FROM {table} WHERE wallet_id = %s", [wallet_id])  # type: ignore[arg-type]
    assert verify_now(database_url).ok
