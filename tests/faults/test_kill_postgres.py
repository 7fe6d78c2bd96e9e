"""T9: kill -9 of a backend and of the postmaster, immediate stops, a restart loop; and the pool heals."""

import asyncio
import random
import signal
import time

import pytest

from tests.faults.scene import Scene
from tests.faults.sizes import scaled

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

CLIENTS = 6
READERS = 3
FAULTS = {
    "a backend": scaled(6),
    "the postmaster": scaled(4),
    "an immediate stop": scaled(4),
    "a restart loop": scaled(6),
}


async def strike(scene: Scene, what: str, chance: random.Random) -> None:
    """One fault, healed when this returns."""
    stack = scene.stack
    if what == "a backend":
        await asyncio.to_thread(stack.kill_backend, chance)
    elif what == "a restart loop":
        await asyncio.to_thread(stack.kill_postmaster, signal.SIGINT)
    else:
        number = signal.SIGKILL if what == "the postmaster" else signal.SIGQUIT
        await asyncio.to_thread(stack.kill_postmaster, number)


@pytest.mark.parametrize("what", FAULTS)
async def test_a_database_that_is_killed_loses_and_doubles_nothing(
    scene: Scene, chance: random.Random, what: str
) -> None:
    wallets = await scene.open(6)
    paths = [f"/v1/wallets/{wallet}/{page}" for wallet in wallets for page in ("balance", "transactions")]
    slowest_s = 0.0
    async with scene.readers(READERS, paths), scene.load(CLIENTS, lambda: scene.mixed(chance, wallets)):
        for _ in range(FAULTS[what]):
            await asyncio.sleep(chance.uniform(0.05, 0.3))
            await strike(scene, what, chance)
            healed = time.monotonic()
            if what != "a restart loop":
                await scene.recovered(healed)
        await scene.recovered(time.monotonic())
        slowest_s = await scene.readable(healed)
    found = scene.judged(f"{FAULTS[what]} × {what}, reads well after {slowest_s:.2f} s")
    assert found.unanswered or found.codes["DATABASE_UNAVAILABLE"], "nothing was interrupted: that was no test"
    assert found.ambiguous == 0
