"""T17: a hundred wallets run low at once, each by a hundred spends, while two workers are killed and two beats tick.

At most one refill of each is under way, none is charged twice or beyond its caps, and none is under way for ever.
"""

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.book.verify import verify_now
from tests.faults.crew import Crew
from tests.faults.refills import KINDS, Town
from tests.faults.sizes import SCALE, scaled
from tests.faults.stack import Stack, new_home
from tests.faults.stripe.at_stripe import SECRET, AtStripe
from tests.payments.events import HOOK

pytestmark = [pytest.mark.faults, pytest.mark.anyio]

WALLETS, SPENDS = scaled(100), 100
KILL_EVERY_S = (2.0, 5.0)
KILLS_MAX = 40
"""Of a worker that is killed as soon as it has started there is nothing to learn."""
PATIENCE_S = 240.0 * SCALE
STALLED_S = 1.0
"""After so long without a change, what is left waits for a lease to end: time is moved on."""

DEATHS = "refill.after_charge:kill@15,refill.after_intent:kill@25,payments.before_purchase:kill@30"
"""Each child of one worker dies there, with a charge made that is not written down."""


@pytest.fixture(scope="module")
def stripe() -> Iterator[AtStripe]:
    found = AtStripe(new_home())
    found.part.start()
    yield found
    found.part.kill()


@pytest.fixture(scope="module")
def stack(stripe: AtStripe) -> Iterator[Stack]:
    with Stack(new_home(), "api", settings=stripe.environ()) as made:
        yield made


class Run:
    def __init__(self, stack: Stack, stripe: AtStripe, crew: Crew, town: Town, chance: random.Random) -> None:
        self.stack, self.stripe, self.crew, self.town, self.chance = stack, stripe, crew, town, chance
        self.workers: list[int] = []
        self.kills = 0

    async def kills_until(self, over: asyncio.Event) -> None:
        """kill -9 of a worker's children, with the charges that they have in hand."""
        while not over.is_set() and self.kills < KILLS_MAX:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), self.chance.uniform(*KILL_EVERY_S))
            for child in self.crew.children(self.chance.choice(self.workers)):
                with suppress(ProcessLookupError):
                    self.crew.signal(child, signal.SIGKILL)
                self.kills += 1

    async def drain(self) -> None:
        """Until only people, or time, can end what is under way."""
        deadline, changed_at, before = time.monotonic() + PATIENCE_S, time.monotonic(), None
        while left := await self.town.unrest():
            now = time.monotonic()
            assert now < deadline, f"still under way: {left}"
            if left != before:
                changed_at, before = now, left
            elif now > changed_at + STALLED_S:
                await self.pass_time(61)
                changed_at = now
            await asyncio.sleep(0.2)

    async def pass_time(self, seconds: int) -> None:
        """On Stripe's clock and on the ledger's; then there is time to look."""
        statement = "UPDATE clock SET ahead_us = ahead_us + %s"
        await asyncio.to_thread(self.stack.sql, statement, seconds * 1_000_000)
        await self.stripe.tell("/clock", advance_s=seconds)
        await asyncio.sleep(1.5)


async def test_each_crossing_is_charged_once(
    stack: Stack, stripe: AtStripe, chance: random.Random, tmp_path: Path
) -> None:
    await stripe.tell("/webhook-endpoint", url=stack.api_url + HOOK, secret=SECRET)
    await stripe.tell("/webhooks", seed=1, duplicate={"probability": 0.3}, reorder={"probability": 0.5, "delay_s": 0.7})
    environ = {**stripe.environ(), "LEDGER_TASK_LIMIT_S": "20"}
    crew, town = Crew(stack.url, stack.redis_url, tmp_path / "crew", **environ), Town(stack, stripe)
    run, began = Run(stack, stripe, crew, town, chance), time.monotonic()
    try:
        run.workers = [crew.start_worker("first", LEDGER_FAILPOINTS=DEATHS), crew.start_worker("second")]
        for _ in range(2):
            crew.start_beat()
        await town.settle(WALLETS)
        print(f"\nsettled after {time.monotonic() - began:.1f} s")
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(run.kills_until(over))
            await town.spend(SPENDS)
            print(f"spent after {time.monotonic() - began:.1f} s")
            await run.drain()
            over.set()
        print(f"drained after {time.monotonic() - began:.1f} s, {run.kills} killed")
        for _ in range(3):  # those that are too small are followed by others, up to their caps
            await run.pass_time(660)
            await run.drain()
        paid = await town.pay_links(WALLETS // 20)
        await run.pass_time(86_400)
        paid += await town.pay_links(WALLETS)
        await run.drain()
        # The last tries are made, which begin links; all links end, and are seen to have ended.
        for seconds in (2 * 86_400, 8 * 86_400, 1_200, 1_200):
            await run.pass_time(seconds)
            await run.drain()
        findings = await town.judged()
        print(f"{WALLETS} wallets, {run.kills} killed, {paid} links paid, {time.monotonic() - began:.1f} s")
        assert not findings, findings
        assert paid > 0 and run.kills > 0
        assert {kind.name for kind in town.wallets.values()} == {kind.name for kind in KINDS}
        report = verify_now(stack.url)
        assert report.ok, "\n".join(str(fault) for fault in report.faults)
    finally:
        crew.stop()
        await town.close()
        await stripe.close()
