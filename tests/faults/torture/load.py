"""A mixed load: what clients ask for, drawn from the seed and from what was posted so far."""

import asyncio
import random
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.client import Answer, Client, Unanswered, Unsettled, settle_all
from tests.faults.journal import Journal, Told
from tests.faults.stack import Stack
from tests.faults.torture.market import CHANGE_S, Market

WALLETS = 40
HOT = 6
"""Of the wallets, as many get half of the load."""

FADING = 10
"""Wallets of their own for credits that expire within seconds."""

ANSWER_S = 20.0
WEIGHTS = {
    "usage": 18,
    "measured": 16,
    "batch": 12,
    "transfer": 12,
    "hold": 7,
    "end hold": 7,
    "undo": 7,
    "correct": 5,
    "grant": 4,
    "fading grant": 2,
    "read": 10,
}


class Load:
    """Clients that ask without pause until told to stop.

    ``took_s`` has the time of every answer, ``good_at`` the moments of good ones to what was written, ``balances`` what
    readers saw: (wallet, number, balance). ``unsettled``: what no patience settled.
    """

    def __init__(self, stack: Stack, journal: Journal, seed: int) -> None:
        self._stack = stack
        self._journal = journal
        self._seed = seed
        self._stop = asyncio.Event()
        self._numbers = 0
        self._holds: deque[str] = deque(maxlen=500)
        self._uses: deque[str] = deque(maxlen=500)
        self._moves: deque[str] = deque(maxlen=500)
        self._priced: deque[str] = deque(maxlen=500)
        self._events: deque[Ask] = deque(maxlen=500)
        self.market = Market(seed)
        self.wallets: list[str] = []
        self.fading: list[str] = []
        self.took_s: list[float] = []
        self.good_at: deque[float] = deque(maxlen=10_000)
        self.requests = 0
        self.reads: dict[int, int] = {}
        self.balances: list[tuple[str, int, str]] = []
        self.unsettled: list[str] = []

    async def open(self) -> None:
        """The wallets, each with some credits; the card and the budgets."""
        client = self._client()
        for _ in range(WALLETS + FADING):
            answer = await client.request("POST", "/v1/wallets", b'{"owner_id": "%s"}' % self._key().encode())
            assert answer.status == 201, answer
            self.wallets.append(answer.json["id"])
        self.wallets, self.fading = self.wallets[:WALLETS], self.wallets[WALLETS:]
        await settle_all([client], [asks.grant(wallet, 1_000 * CREDIT, self._key()) for wallet in self.wallets])
        await self.market.open(client, self.wallets)
        client.close()

    async def run(self, clients: int) -> None:
        """Ask until ``stop``; what was asked by then is settled."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._work(random.Random(f"{self._seed} client {number}")))
            group.create_task(self._change_prices())

    def stop(self) -> None:
        self._stop.set()

    async def good_since(self, since: float, patience_s: float) -> float | None:
        """Seconds until the next good answers after this moment; None where there is none in time."""
        while time.monotonic() - since < patience_s:
            good = [at for at in self.good_at if at > since]
            if len(good) >= 3:
                return good[0] - since
            await asyncio.sleep(0.02)
        return None

    async def _change_prices(self) -> None:
        client = self._client()
        while not self._stop.is_set():
            try:
                await self.market.change(client)
            except Unsettled as error:
                self.unsettled.append(str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), CHANGE_S)
        client.close()

    async def _work(self, chance: random.Random) -> None:
        client = self._client()
        while not self._stop.is_set():
            what = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            if what == "read":
                await self._read(client, chance)
                continue
            ask = self._ask(what, chance)
            try:
                self._learn(ask, await client.settle(ask))
            except Unsettled as error:
                self.unsettled.append(str(error))
        client.close()

    def _ask(self, what: str, chance: random.Random) -> Ask:
        wallet, amount, key = self._wallet(chance), chance.randint(1, 2 * CREDIT), self._key()
        match what:
            case "batch":
                atomic = chance.random() < 0.3
                # One that a budget refuses undoes an atomic batch: a large one would never be posted.
                count = chance.randint(2, 12 if atomic else 60)
                return asks.together([self._use(chance, chance.random() < 0.5) for _ in range(count)], atomic=atomic)
            case "measured":
                return self._use(chance, True)
            case "correct" if self._priced:
                return self.market.correction(chance, chance.choice(self._priced), key)
            case "transfer":
                payee = chance.choice([other for other in self.wallets if other != wallet])
                return asks.transfer(wallet, payee, amount, key)
            case "hold":
                return asks.hold(wallet, amount, key, expires_in_s=chance.choice((2, 5, 60, 3600)))
            case "end hold" if self._holds:
                hold = self._holds.popleft()
                some = chance.choice((None, chance.randint(1, CREDIT)))
                return asks.release(hold, key) if chance.random() < 0.3 else asks.capture(hold, some, key)
            case "undo" if self._uses and self._moves:
                refund = chance.random() < 0.7
                some = chance.choice((None, chance.randint(1, CREDIT // 2)))
                return asks.reverse(chance.choice(self._uses if refund else self._moves), some, key, refund=refund)
            case "grant":
                return asks.grant(wallet, 50 * CREDIT, key)
            case "fading grant":
                at = datetime.now(UTC) + timedelta(seconds=chance.uniform(5, 20))
                return asks.grant(chance.choice(self.fading), amount, key, expires_at=at.isoformat())
        return self._use(chance, False)

    def _use(self, chance: random.Random, measured: bool) -> Ask:
        """Usage, half of it with an event of its own; some is reported again, under another key."""
        if self._events and chance.random() < 0.03:
            return asks.again(chance.choice(self._events), self._key())
        wallet, key, event = self._wallet(chance), self._key(), self._key() if chance.random() < 0.5 else None
        if measured:
            use = self.market.use(chance, wallet, key, event)
        else:
            use = asks.usage(wallet, chance.randint(1, 2 * CREDIT), key, event)
        if event is not None:
            self._events.append(use)
        return use

    def _learn(self, ask: Ask, told: list[Told]) -> None:
        """What can be undone or ended later."""
        kind = {"hold": self._holds, "usage": self._uses, "grant": self._moves, "transfer": self._moves}
        found = kind.get(ask.items[0].command)
        if found is not None and ask.items[0].wallet not in self.fading:
            found.extend(one.transaction for one in told if one.transaction is not None)
        for asked, one in zip(ask.items, told, strict=True):
            if asked.quantity is not None and one.transaction is not None:
                self._priced.append(one.transaction)

    async def _read(self, client: Client, chance: random.Random) -> None:
        wallet = self._wallet(chance)
        page = chance.choice(("balance", "balance", "transactions", "lots", "holds"))
        try:
            answer = await client.get(f"/v1/wallets/{wallet}/{page}")
        except Unanswered:
            self.reads[0] = self.reads.get(0, 0) + 1
            return
        self.reads[answer.status] = self.reads.get(answer.status, 0) + 1
        if answer.status == 200 and page == "balance":
            self.balances.append((wallet, answer.json["number"], answer.json["balance"]))

    def _wallet(self, chance: random.Random) -> str:
        return chance.choice(self.wallets[:HOT] if chance.random() < 0.5 else self.wallets)

    def _key(self) -> str:
        self._numbers += 1
        return f"torture-{self._seed}-{self._numbers}"

    def _client(self) -> Client:
        return Client(self._stack.api_url, self._stack.key, self._journal, self._seen, answer_s=ANSWER_S)

    def _seen(self, answer: Answer | None) -> None:
        self.requests += 1
        if answer is not None:
            self.took_s.append(answer.took_s)
            if answer.status == 201:
                self.good_at.append(time.monotonic())
