"""A stack, a journal and clients: load while something breaks, then the judge, verify and how long recovery took."""

import asyncio
import itertools
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.client import ANSWER_S, Answer, Client, Unanswered, settle_all
from tests.faults.journal import Journal, read
from tests.faults.judge import Judgement, check
from tests.faults.stack import Stack

RECOVERY_S = 60.0
"""After a fault has healed, a request must succeed within this."""


class Scene:
    """``answers`` has the moment and status of everything that was told (0: nothing)."""

    def __init__(self, stack: Stack, journal: Journal) -> None:
        self.stack = stack
        self.journal = journal
        self.answer_s = ANSWER_S
        self._forgotten: set[str] = set()
        self.mark = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)
        self.wallets: list[str] = []
        self.answers: list[tuple[float, int]] = []
        self.reads: list[tuple[float, int]] = []
        self.recoveries_s: list[float] = []

    def client(self) -> Client:
        return Client(self.stack.api_url, self.stack.key, self.journal, self._seen, answer_s=self.answer_s)

    def clients(self, count: int) -> list[Client]:
        return [self.client() for _ in range(count)]

    def key(self) -> str:
        """A key that nobody has."""
        return f"{self.mark}-{next(self._numbers)}"

    async def open(self, count: int, credits: int = 1_000) -> list[str]:
        """New wallets with these credits."""
        client = self.client()
        for _ in range(count):
            answer = await client.request("POST", "/v1/wallets", b'{"owner_id": "%s"}' % self.key().encode())
            assert answer.status == 201, answer
            self.wallets.append(answer.json["id"])
        grants = [asks.grant(wallet, credits * CREDIT, self.key()) for wallet in self.wallets[-count:]]
        clients = [client, *self.clients(7)]
        await settle_all(clients, grants)
        for one in clients:
            one.close()
        return self.wallets[-count:]

    def mixed(self, chance: random.Random, wallets: Sequence[str]) -> Ask:
        """Usage, batches, transfers and holds."""
        wallet, other = chance.sample(wallets, 2)
        amount = chance.randint(1, 2 * CREDIT)
        draw = chance.random()
        if draw < 0.45:
            event = self.key() if chance.random() < 0.5 else None
            return asks.usage(wallet, amount, self.key(), event)
        if draw < 0.6:
            count = chance.randint(2, 20)
            uses = [(chance.choice(wallets), chance.randint(1, CREDIT), self.key()) for _ in range(count)]
            return asks.batch(uses, atomic=chance.random() < 0.3)
        if draw < 0.85:
            return asks.transfer(wallet, other, amount, self.key())
        return asks.hold(wallet, amount, self.key())

    @asynccontextmanager
    async def load(self, clients: int, next_ask: Callable[[], Ask]) -> AsyncIterator[None]:
        """Clients that ask without pause during the block; at its end each has what it last asked for settled."""
        stop = asyncio.Event()

        async def work(client: Client) -> None:
            while not stop.is_set():
                await client.settle(next_ask())
            client.close()

        async with asyncio.TaskGroup() as group:
            for client in self.clients(clients):
                group.create_task(work(client))
            try:
                yield
            finally:
                stop.set()

    @asynccontextmanager
    async def readers(self, clients: int, paths: Sequence[str]) -> AsyncIterator[None]:
        """Clients that read without pause during the block; a read is answered with 200 or 503."""
        stop = asyncio.Event()

        async def work(client: Client) -> None:
            for path in itertools.cycle(paths):
                if stop.is_set():
                    break
                try:
                    status = (await client.get(path)).status
                except Unanswered:
                    status = 0
                self.reads.append((time.monotonic(), status))
                await asyncio.sleep(0.02)
            client.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(
                    work(Client(self.stack.api_url, self.stack.key, self.journal, answer_s=self.answer_s))
                )
            try:
                yield
            finally:
                stop.set()
        wrong = {status for _, status in self.reads} - {0, 200, 503}
        assert not wrong, f"reads were told {wrong}"

    async def readable(self, since: float, count: int = 40) -> float:
        """Wait until the last ``count`` reads after ``since`` were all answered with 200; seconds until the first of
        them. Until then the pool may meet connections that died."""
        while True:
            after = [(at, status) for at, status in self.reads if at > since]
            bad = max((place for place, (_, status) in enumerate(after) if status != 200), default=-1)
            if len(after) - bad > count:
                return after[bad + 1][0] - since
            assert time.monotonic() - since < RECOVERY_S, f"reads still fail {RECOVERY_S:.0f} s after it was healed"
            await asyncio.sleep(0.02)

    async def recovered(self, since: float, count: int = 5) -> float:
        """Wait until ``count`` requests have succeeded after ``since`` (time.monotonic); seconds that took."""
        while True:
            good = [at for at, status in self.answers if at > since and status in (200, 201)]
            if len(good) >= count:
                self.recoveries_s.append(good[0] - since)
                return good[0] - since
            assert time.monotonic() - since < RECOVERY_S, f"no answer {RECOVERY_S:.0f} s after the fault was healed"
            await asyncio.sleep(0.02)

    def was_told(self, status: int) -> bool:
        """Whether any request was answered with this."""
        return any(seen == status for _, seen in self.answers)

    def forget(self, code: str) -> None:
        """Keep answers with this code from the judge: they belong to another request than their key does."""
        self._forgotten.add(code)

    def heal(self) -> None:
        """Everything as it should be: networks, and what is dead."""
        for proxy in self.stack.proxy.values():
            proxy.heal()
        if not self.stack.postgres.alive:
            self.stack.postgres.start()
        if not self.stack.api.alive or not self.stack.answers():
            self.stack.api.start()

    def judged(self, what: str, **expected: int) -> Judgement:
        """The judge's word on everything that was asked for, with verify; prints it with the seed."""
        records = [record for record in read(self.journal.path) if getattr(record, "code", None) not in self._forgotten]
        found = check(self.stack.url, records, wallets=self.wallets)
        worst = f", recovery {max(self.recoveries_s):.2f} s at worst" if self.recoveries_s else ""
        print(f"\n{what}: {found}{worst} (seed {os.environ.get('LEDGER_TEST_SEED')})")
        return found

    def _seen(self, answer: Answer | None) -> None:
        self.answers.append((time.monotonic(), answer.status if answer else 0))
