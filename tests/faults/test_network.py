"""T11: the network between API and PostgreSQL, and between clients and API: slow, cut, reset, silent, half-open."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.faults.scene import Scene
from tests.faults.sizes import scaled
from tests.support.proxy import ChaosProxy
from tests.support.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

THROUGH = ("api-postgres", "client-api")
IDLE_S = 1.5
SETTINGS = {
    "LEDGER_STATEMENT_TIMEOUT_MS": "1000",
    "LEDGER_LOCK_TIMEOUT_MS": "500",
    "LEDGER_IDLE_IN_TRANSACTION_TIMEOUT_MS": str(int(IDLE_S * 1000)),
}
"""As in production, but sooner: a unit is given up after 4.5 s instead of 14."""

ANSWER_S = 8.0
"""How long clients wait: longer than the API does."""

CLIENTS = 5
READERS = 3
TIMES = scaled(6)


def slow(proxy: ChaosProxy) -> None:
    proxy.delay_s = 0.05


def drip(proxy: ChaosProxy) -> None:
    proxy.drip = True


FAULTS: dict[str, tuple[Callable[[ChaosProxy], None], float]] = {
    "slow": (slow, 1.0),
    "drip": (drip, 1.0),
    "cut": (ChaosProxy.cut, 0.1),
    "reset": (ChaosProxy.reset, 0.1),
    "silent": (ChaosProxy.freeze, 2.0),
    "half-open": (ChaosProxy.abandon, 3.0),
}
"""How a line is broken, and for how many seconds."""


@asynccontextmanager
async def nobody_idle_in_transaction(scene: Scene) -> AsyncIterator[None]:
    """During the block no session stays in a transaction without a statement for longer than its limit."""
    longest = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float8"
    of = " FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' AND application_name LIKE %s"
    seen: list[float] = []
    over = asyncio.Event()

    async def watch() -> None:
        while not over.is_set():
            [[age_s]] = await asyncio.to_thread(scene.stack.sql, longest + of, "credit-ledger %")
            seen.append(age_s)
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        try:
            yield
        finally:
            over.set()
    assert max(seen) < IDLE_S + 1, "a session kept its locks for longer than it may"


@pytest.mark.parametrize("how", FAULTS)
@pytest.mark.parametrize("line", THROUGH)
async def test_a_bad_line_loses_and_doubles_nothing(scene: Scene, chance: random.Random, line: str, how: str) -> None:
    wallets = await scene.open(6)
    scene.answer_s = ANSWER_S
    paths = [f"/v1/wallets/{wallet}/{page}" for wallet in wallets for page in ("balance", "transactions")]
    proxy, (strike, seconds) = scene.stack.proxy[line], FAULTS[how]
    async with (
        nobody_idle_in_transaction(scene),
        scene.readers(READERS, paths),
        scene.load(CLIENTS, lambda: scene.mixed(chance, wallets)),
    ):
        for _ in range(TIMES if seconds < 1 else 1):
            await asyncio.sleep(chance.uniform(0.1, 0.4))
            strike(proxy)
            await asyncio.sleep(seconds)
            if how != "half-open":
                proxy.heal()
            await scene.recovered(time.monotonic())
        slowest_s = await scene.readable(time.monotonic())
        proxy.heal()
    found = scene.judged(f"{line} {how}, reads well after {slowest_s:.2f} s")
    assert found.ambiguous == 0


def _cut_since(proxy: ChaosProxy, before: int) -> bool:
    return proxy.cuts > before


async def test_a_commit_whose_answer_is_cut_off_is_settled_by_its_key(scene: Scene, chance: random.Random) -> None:
    """The worst moment: the server has committed, and nobody may say so."""
    wallets = await scene.open(6)
    proxy = scene.stack.proxy["api-postgres"]
    async with scene.load(CLIENTS, lambda: scene.mixed(chance, wallets)):
        for _ in range(TIMES):
            before = proxy.cuts
            proxy.cut_at = b"COMMIT\x00"
            await asyncio.to_thread(until, partial(_cut_since, proxy, before), "an answer to COMMIT cut off")
            proxy.cut_at = None
            await scene.recovered(time.monotonic())
    found = scene.judged(f"{proxy.cuts} answers to COMMIT cut off")
    assert found.codes["DATABASE_UNAVAILABLE"], "clients were told that it is not known"
    assert found.absorbed, "and found it written when they asked again"
    assert found.ambiguous == 0


async def test_a_unit_that_hangs_with_its_wallets_locked_is_given_up(scene: Scene, chance: random.Random) -> None:
    """Nobody waits for it for longer than a unit may take, and its locks go with it."""
    wallets = await scene.open(6)
    await asyncio.to_thread(scene.stack.api.restart, LEDGER_FAILPOINTS="unit.before_commit:hang@10")
    async with nobody_idle_in_transaction(scene), scene.load(CLIENTS, lambda: scene.mixed(chance, wallets)):
        await asyncio.to_thread(until, partial(scene.was_told, 503), "the unit is given up", patience_s=20)
        await scene.recovered(time.monotonic())
    await asyncio.to_thread(scene.stack.api.restart)
    found = scene.judged("a unit that hangs")
    assert found.codes["DATABASE_UNAVAILABLE"]
    assert found.ambiguous == 0
