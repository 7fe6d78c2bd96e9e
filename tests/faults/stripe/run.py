"""One run: customers buy while Stripe, its webhooks and our workers fail; then all is drained, judged, and five days
pass on both clocks, in which late events come and the money is paid out; and it is judged again."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from celery import Celery

from tests.faults.stack import Stack, new_home
from tests.faults.stripe.at_stripe import SECRET, AtStripe
from tests.faults.stripe.customers import Customers
from tests.faults.stripe.forgers import Forgers
from tests.faults.stripe.judge import Judge
from tests.faults.stripe.report import Report
from tests.faults.stripe.weather import Weather
from tests.faults.torture.report import commit, counted
from tests.payments.events import HOOK

TASK_LIMIT_S = 30
"""What a worker that is killed has in hand is due again after this."""

DRAIN_S = 600.0
STALLED_S = 20.0
"""After so long what is left waits for its next try: time is moved on."""

TICKS_S = {"payments.poll": 5.0, "payments.refunds": 5.0, "payments.reconcile": 4.0}
"""While customers buy: much more often than beat does, and at the workers that are killed."""

PAUSE_S = 600
LATER_S = 5 * 86_400
FORGED_PER_EVENTS = 80
"""One forged event of each kind for so many of Stripe's."""


def stripe_faults(seed: int, events: int, clients: int, data: Path, say: Callable[[str], None]) -> Report:
    """Run it, until Stripe has made so many events; after a failure the logs are left in ``data``."""
    shutil.rmtree(data, ignore_errors=True)
    home, report = new_home(), Report(seed, events, clients, commit())
    began = time.monotonic()
    stripe = AtStripe(home)
    stripe.part.start()
    try:
        settings = {**stripe.environ(), "LEDGER_TASK_LIMIT_S": str(TASK_LIMIT_S)}
        with Stack(home, "api", "worker", "beat", settings=settings) as stack:
            asyncio.run(_Run(stack, stripe, report, say).run())
            report.seconds = round(time.monotonic() - began, 1)
            if not report.ok:
                data.mkdir(parents=True)
                shutil.copytree(home / "logs", data / "logs", dirs_exist_ok=True)
    finally:
        stripe.part.kill()
    return report


class _Run:
    def __init__(self, stack: Stack, stripe: AtStripe, report: Report, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._stripe = stripe
        self._report = report
        self._say = say
        self._judge = Judge(stack, stripe, report)
        self._customers = Customers(stack.api_url, stack.key, stripe, report.seed)
        self._forgers = Forgers(stack.api_url, report.seed)
        self._weather = Weather(stack, stripe, report.seed)
        self._beat = Celery(broker=stack.redis_url, set_as_current=False)
        self._enough = False

    async def run(self) -> None:
        await self._weather.begin(self._stack.api_url + HOOK, SECRET)
        await self._load()
        await self._weather.end()
        began = time.monotonic()
        await self._drain()
        self._report.drained_s = round(time.monotonic() - began, 1)
        self._report.reconciled = await self._judge.reconciled()
        self._report.before = await self._judge.tallied()
        self._say(f"after the load: {self._report.before}")
        await self._pass_time(LATER_S)
        await self._drain()
        self._report.after = await self._judge.tallied()
        self._say(f"five days later: {self._report.after}")
        await self._judged()
        await self._customers.close()
        await self._forgers.close()
        await self._stripe.close()

    async def _load(self) -> None:
        """Until there are enough events, and whoever buys has finished."""
        async with asyncio.TaskGroup() as group:
            buying = [group.create_task(self._buy()) for _ in range(self._report.clients)]
            group.create_task(self._weather.faults_until(lambda: all(task.done() for task in buying)))
            group.create_task(self._weather.kills_until(lambda: all(task.done() for task in buying)))
            group.create_task(self._forge())
            for name, every_s in TICKS_S.items():
                group.create_task(self._tick(name, every_s, lambda: all(task.done() for task in buying)))
            while not self._enough:
                await asyncio.sleep(1)
                there = (await self._stripe.ask())["objects"].get("event", 0)
                self._say(f"{there:,} events, {self._customers.did['paid']:,} payments")
                self._enough = there >= self._report.wanted

    async def _buy(self) -> None:
        while not self._enough:
            await self._customers.one()

    async def _tick(self, task: str, every_s: float, over: Callable[[], bool]) -> None:
        """Have a worker do it, again and again."""
        while not over():
            self._beat.send_task(task, ignore_result=True)
            self._report.ticks[task] = self._report.ticks.get(task, 0) + 1
            await asyncio.sleep(every_s)

    async def _forge(self) -> None:
        """As soon as there are events whose bodies can be copied; in ten pieces."""
        each = max(1, self._report.wanted // FORGED_PER_EVENTS)
        real = []
        while len(real) < 20:
            await asyncio.sleep(0.5)
            real = await self._stripe.sample()
        for piece in range(10):
            await self._forgers.send(real, each * (piece + 1) // 10 - each * piece // 10)
            await asyncio.sleep(0.2)

    async def _drain(self) -> None:
        """Until everything is done and every event that asks for something is in the inbox, each in its own way."""
        deadline, stalled_at = time.monotonic() + DRAIN_S, time.monotonic() + STALLED_S
        wanted = await self._judge.wanted_events()
        while True:
            for task in ("payments.inbox", "payments.poll", "payments.refunds"):
                self._beat.send_task(task, ignore_result=True)
            await asyncio.sleep(0.5)
            left = await self._judge.undone()
            unheard = await self._judge.unheard(wanted)
            if not left and not unheard:
                wanted = await self._judge.wanted_events()
                if not await self._judge.unheard(wanted):
                    return
                continue
            if time.monotonic() > deadline:
                self._report.findings.append(f"liveness: after {DRAIN_S:.0f} s still {left}, {len(unheard)} unheard")
                return
            if time.monotonic() > stalled_at:
                self._say(f"waits for its next try: {left}, {len(unheard)} unheard")
                await self._pass_time(PAUSE_S)
                stalled_at = time.monotonic() + STALLED_S

    async def _pass_time(self, seconds: int) -> None:
        """On Stripe's clock and on the ledger's."""
        await asyncio.to_thread(self._stack.sql, "UPDATE clock SET ahead_us = ahead_us + %s", seconds * 1_000_000)
        await self._stripe.tell("/clock", advance_s=seconds)

    async def _judged(self) -> None:
        report, refused = self._report, self._forgers.refused
        await self._judge.purchases()
        await self._judge.refunds_and_disputes()
        stored = await self._judge.inbox(self._forgers.sent)
        await self._judge.verify()
        state = await self._stripe.ask()
        report.mishaps, report.deliveries = state["struck"], state["deliveries"]
        sent = Counter(self._forgers.sent.values())
        report.forged = {kind: (count, stored[kind], refused[kind]) for kind, count in sent.items()}
        report.faults, report.kills = counted(+self._weather.faults), dict(self._weather.kills)
        report.did = counted(self._customers.did)
        report.told = {str(status): count for status, count in self._customers.told.items()}
        report.findings += self._customers.findings
        report.findings += [f"not refused: {kind}" for kind, count in sent.items() if count != refused[kind]]
        if self._customers.did["paid"] != report.charged:
            report.findings.append(f"{self._customers.did['paid']} customers paid, {report.charged} charges at Stripe")
