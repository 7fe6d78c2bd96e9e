"""T7: kill -9 of the API, at random moments and at every failpoint, while clients post."""

import asyncio
import random
import signal
import time

import pytest

from ledger.kit import failpoints
from tests.faults.scene import Scene
from tests.faults.sizes import scaled
from tests.faults.stack import wait_until_gone

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

KILLS = scaled(18)
"""At random moments: of the whole API, or of Granian's worker alone, which Granian starts again."""

CLIENTS = 6


async def test_an_api_that_is_killed_at_any_moment_loses_and_doubles_nothing(
    scene: Scene, chance: random.Random
) -> None:
    wallets = await scene.open(6)
    api = scene.stack.api
    async with scene.load(CLIENTS, lambda: scene.mixed(chance, wallets)):
        for number in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            if number % 3 == 2:
                [worker] = api.children()
                await asyncio.to_thread(api.signal, signal.SIGKILL, whom="children")
                await asyncio.to_thread(wait_until_gone, worker)
                await scene.recovered(time.monotonic())
            else:
                await asyncio.to_thread(api.kill)
                await asyncio.to_thread(api.start)
                await scene.recovered(time.monotonic())
    found = scene.judged(f"{KILLS} kills of the API")
    assert found.unanswered, "no request was interrupted: that was no test"
    assert found.ambiguous == 0


@pytest.mark.parametrize("point", [point for point in failpoints.POINTS if point.startswith(("unit.", "door."))])
async def test_an_api_that_dies_at_a_failpoint_is_settled_by_the_same_keys(
    scene: Scene, chance: random.Random, point: str
) -> None:
    wallets = await scene.open(4)
    api = scene.stack.api
    await asyncio.to_thread(api.restart, LEDGER_FAILPOINTS=f"{point}:kill@{chance.randint(1, 20)}")
    [worker] = api.children()
    async with scene.load(CLIENTS, lambda: scene.mixed(chance, wallets)):
        await asyncio.to_thread(wait_until_gone, worker)
        await asyncio.to_thread(api.kill)
        await asyncio.to_thread(api.start)
        await scene.recovered(time.monotonic())
    found = scene.judged(f"killed at {point}")
    assert found.unanswered
    assert found.ambiguous == 0
    if point in ("unit.after_commit", "door.after_unit"):
        assert found.absorbed, "it was committed, and asked for again"
