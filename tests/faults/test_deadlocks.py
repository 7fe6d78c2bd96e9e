"""T5: transfers against each other, refunds meeting spends meeting releases, in two API processes.

By design nobody waits for two things in different orders. A rogue session that does is survived: what it makes
deadlock is tried again, and the storm goes on to its end.
"""

import asyncio
import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from ledger.kit.ids import parse_wallet
from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.client import Client
from tests.faults.scene import Scene
from tests.faults.sessions import deadlocks, nothing_left_open
from tests.faults.sizes import scaled
from tests.faults.stack import Stack
from tests.support.serving import served

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

CLIENTS = 32
WALLETS = 8
STORM = scaled(1_600)
STORM_WITH_ROGUE = scaled(500)
ROGUES_MIN = 3
"""Deadlocks that the rogue must have caused for the test to say anything."""


class Storm:
    """Requests that meet: each is made of what earlier ones wrote."""

    def __init__(self, scene: Scene, wallets: list[str], chance: random.Random) -> None:
        self.scene = scene
        self.wallets = wallets
        self.chance = chance
        self.uses: deque[str] = deque()
        self.holds: deque[str] = deque()
        self.done = 0

    def next_ask(self) -> Ask:
        """A transfer there or back, a spend, a hold, the end of a hold or the refund of a spend."""
        key, draw = self.scene.key(), self.chance.random()
        one, other = self.chance.sample(self.wallets, 2)
        if draw < 0.4:
            return asks.transfer(one, other, CREDIT, key)
        if draw < 0.6 and self.uses:
            return asks.reverse(self.uses.popleft(), None, key, refund=self.chance.random() < 0.5)
        if draw < 0.7 and self.holds:
            hold = self.holds.popleft()
            return asks.release(hold, key) if self.chance.random() < 0.5 else asks.capture(hold, None, key)
        if draw < 0.85:
            return asks.usage(one, CREDIT, key)
        return asks.hold(one, CREDIT, key)

    async def run(self, clients: list[Client], count: int) -> None:
        """``count`` requests, each settled, by all clients at once."""
        left = iter(range(count))

        async def work(client: Client) -> None:
            for _ in left:
                ask = self.next_ask()
                [told] = await client.settle(ask)
                self.done += 1
                if told.transaction is not None and ask.items[0].command == "usage":
                    self.uses.append(told.transaction)
                if told.transaction is not None and ask.items[0].command == "hold":
                    self.holds.append(told.transaction)

        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(work(client))


class Rogue:
    """A session that locks wallets from the last to the first, as the service never does, and holds them."""

    def __init__(self, url: str, wallet_ids: list[int]) -> None:
        self._url = url
        self._wallet_ids = sorted(wallet_ids, reverse=True)
        self._stop = threading.Event()
        self.rounds = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._work, name="rogue")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _work(self) -> None:
        with psycopg.connect(self._url) as connection:
            while not self._stop.is_set():
                with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                    for wallet_id in self._wallet_ids:
                        connection.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [wallet_id])
                        self._stop.wait(0.02)
                connection.rollback()
                self.rounds += 1
                self._stop.wait(0.1)


async def test_a_storm_has_no_deadlock_by_design_and_survives_a_rogue(
    stack: Stack, scene: Scene, chance: random.Random
) -> None:
    """First the storm alone: no deadlock at all. Then with the rogue: some, and every request is settled all the same."""
    stack.sql("ALTER DATABASE ledger SET deadlock_timeout = '200ms'")
    storm = Storm(scene, await scene.open(WALLETS), chance)
    before = deadlocks(stack.url)
    with served(stack.url, stack.home / "second") as second:
        others = [Client(second.api, stack.key, scene.journal) for _ in range(CLIENTS // 2)]
        clients = [*scene.clients(CLIENTS // 2), *others]
        await storm.run(clients, STORM)
        nothing_left_open(stack.url)
        assert deadlocks(stack.url) == before

        rogue = Rogue(stack.url, [parse_wallet(wallet) for wallet in storm.wallets])
        with rogue.at_work():
            async with asyncio.timeout(STORM_WITH_ROGUE / 4):
                await storm.run(clients, STORM_WITH_ROGUE)
        nothing_left_open(stack.url)
        found = deadlocks(stack.url) - before
        for client in clients:
            client.close()
    assert storm.done == STORM + STORM_WITH_ROGUE
    assert found >= ROGUES_MIN, f"{rogue.rounds} rounds of the rogue made {found} deadlocks"
    print(f"{found} deadlocks in {rogue.rounds} rounds of the rogue")
    judged = scene.judged("deadlock storm")
    assert judged.ambiguous == 0
