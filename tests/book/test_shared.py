"""Reads that share a query: never one that was sent before they asked."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from ledger.book.commands import Inflow, Posted, Use
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.book.shared import SharedRead
from tests.support.book import attempt, check, new_wallets

pytestmark = pytest.mark.anyio


class Store:
    """A value that can be changed while a query for it is on its way."""

    def __init__(self) -> None:
        self.value = 1
        self.asked: list[list[int]] = []
        self.sent = asyncio.Event()
        self.answer = asyncio.Event()

    async def load(self, ids: Sequence[int]) -> Mapping[int, int]:
        """What it is when the query is sent; the answer takes its time."""
        self.asked.append(list(ids))
        found = dict.fromkeys(ids, self.value)
        self.sent.set()
        await self.answer.wait()
        return found


async def test_who_asks_after_a_query_was_sent_gets_the_answer_of_another() -> None:
    store = Store()
    shared = SharedRead(store.load)
    early = [asyncio.create_task(shared.get(7)) for _ in range(3)]
    await store.sent.wait()
    store.value = 2
    late = [asyncio.create_task(shared.get(7)) for _ in range(3)]
    await asyncio.sleep(0)  # they have asked
    store.answer.set()
    async with asyncio.timeout(10):
        assert (await asyncio.gather(*early), await asyncio.gather(*late)) == ([1] * 3, [2] * 3)
    assert store.asked == [[7], [7]], "those who wait together share one query"


async def test_who_was_told_of_a_posting_reads_it(door: Door, reader: Reader, database_url: str) -> None:
    """While others read the same balance without a pause."""
    [wallet] = new_wallets(database_url)
    await door.submit([attempt(Inflow(wallet_id=wallet, amount=1_000, source="promotional"))])
    done = asyncio.Event()

    async def reads() -> None:
        while not done.is_set():
            await reader.balance(wallet)

    others = [asyncio.create_task(reads()) for _ in range(5)]
    seen = []
    for _ in range(100):
        [told] = await door.submit([attempt(Use(wallet_id=wallet, amount=1, service="chat"))])
        assert isinstance(told, Posted)
        found = await reader.balance(wallet)
        seen.append((told.transaction.number, found.number, found.balances.wallet))
    done.set()
    await asyncio.gather(*others)
    assert seen == [(number, number, 1_001 - number) for number in range(2, 102)]
    check(database_url, [wallet])
