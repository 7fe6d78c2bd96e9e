"""What goes wrong while customers buy: with Stripe's answers, with its webhooks, and with our workers."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.faults.stack import Stack
from tests.faults.stripe.at_stripe import AtStripe

WEBHOOKS = {
    "duplicate": {"probability": 0.3},
    "reorder": {"probability": 0.5, "delay_s": 0.7},
    "drop": {"probability": 0.05},
    "twin": {"probability": 0.1},
    "delay": {"probability": 0.01, "delay_s": 3 * 86_400.0},
}

FAULTS = {
    "rate_limit": 5,
    "lock": 2,
    "conflict": 1,
    "unavailable": 3,
    "error_before": 3,
    "error_after": 5,
    "cut_before": 2,
    "cut_after": 5,
    "slow": 3,
    "hang": 1,
}
"""With weights; ``hang`` is longer than the service waits for an answer, and the next try finds it done."""

DELAY_S = {"slow": 2.0, "hang": 25.0}
AFTER = ("error_after", "cut_after", "hang")
"""Of requests that change something."""

SKIPPED = {
    "/v1/*": (5, 30),
    "/v1/charges*": (3, 15),
    "/v1/checkout/sessions*": (2, 10),
    "/v1/customers*": (1, 5),
    "/v1/refunds*": (0, 2),
}
"""Where they fail, and how many requests go well before. One fault at a time for each: so a share of the requests fails,
however few there are. With so many in a second, those of a quiet moment would all fail, and Stripe would never be there
for those who wait."""

PAUSE_S = 0.2
KILL_EVERY_S = (4.0, 12.0)


class Weather:
    """``faults`` by kind, as often as they have struck; ``kills`` of workers and of their children."""

    def __init__(self, stack: Stack, stripe: AtStripe, seed: int) -> None:
        self.faults: Counter[str] = Counter()
        self.kills: Counter[str] = Counter()
        self._stack = stack
        self._stripe = stripe
        self._chance = random.Random(f"{seed} weather")
        self._seed = seed

    async def begin(self, told_at: str, secret: str) -> None:
        """Webhooks to this address, as they are from now on."""
        await self._stripe.tell("/webhook-endpoint", url=told_at, secret=secret)
        await self._stripe.tell("/webhooks", seed=self._seed, **WEBHOOKS)

    async def end(self) -> None:
        """Everything works again; faults that were set and have not struck do not count."""
        for left in await self._stripe.ask("/faults"):
            self.faults[left["kind"]] -= left["times"]
        await self._stripe.forget_faults()
        await self._stripe.tell("/webhooks")

    async def faults_until(self, over: Callable[[], bool]) -> None:
        """Requests meet a fault now and then, each kind at least once; some so often that the SDK's own repeats do."""
        first = list(FAULTS)
        self._chance.shuffle(first)
        while not over():
            taken = {fault["path"] for fault in await self._stripe.ask("/faults")}
            if first and "/v1/*" not in taken:
                await self._have(first.pop(), "/v1/*")
            elif free := [path for path in SKIPPED if path not in taken]:
                [kind] = self._chance.choices(list(FAULTS), list(FAULTS.values()))
                await self._have(kind, self._chance.choice(free))
            await asyncio.sleep(PAUSE_S)

    async def kills_until(self, over: Callable[[], bool]) -> None:
        """kill -9 of the worker, or of its children with what they have in hand."""
        while not over():
            await self._pause(self._chance.uniform(*KILL_EVERY_S), over)
            if over():
                return
            if self._chance.random() < 0.5:
                await asyncio.to_thread(self._stack.worker.signal, signal.SIGKILL, whom="children")
                self.kills["children"] += 1
            else:
                await self.kill_worker()

    async def kill_worker(self) -> None:
        """With its children; another one is started."""
        await asyncio.to_thread(self._stack.worker.kill)
        await asyncio.to_thread(self._stack.worker.start)
        self.kills["worker"] += 1

    async def _have(self, kind: str, path: str) -> None:
        """As it is with the next requests. Nothing is ever changed at charges: what comes after a change comes elsewhere."""
        times = 1 if kind == "hang" else self._chance.choice([1, 1, 2, 4])
        wanted: dict[str, Any] = {"kind": kind, "path": path, "times": times}
        if kind in AFTER:
            wanted |= {"method": "POST", "path": "/v1/customers*" if path == "/v1/charges*" else path}
        skip = self._chance.randint(*SKIPPED[wanted["path"]])
        await self._stripe.tell("/faults", skip=skip, delay_s=DELAY_S.get(kind, 0.0), **wanted)
        self.faults[kind] += times

    async def _pause(self, seconds: float, over: Callable[[], bool]) -> None:
        for _ in range(int(seconds / 0.2)):
            if over():
                return
            await asyncio.sleep(0.2)
