"""T2: forty racers spend 30 of 100 over HTTP, two hundred rounds: three win in each, never a fourth."""

import asyncio
from collections import Counter

import pytest

from tests.faults import asks
from tests.faults.asks import CREDIT
from tests.faults.client import Client
from tests.faults.scene import Scene
from tests.faults.sizes import scaled

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

RACERS = 40
ROUNDS = scaled(200)


async def test_no_credit_is_spent_twice_over_http(scene: Scene) -> None:
    """Racers start together at a barrier; each wallet is a fresh one."""
    clients = scene.clients(RACERS)
    for wallet in await scene.open(ROUNDS, credits=100):
        start = asyncio.Barrier(RACERS)
        codes = Counter(await asyncio.gather(*(_spend(scene, client, wallet, start) for client in clients)))
        assert codes == {"posted": 3, "INSUFFICIENT_CREDITS": RACERS - 3}
    for client in clients:
        client.close()
    judged = scene.judged("double spend")
    assert judged.acknowledged == (3 + 1) * ROUNDS
    assert judged.refused == (RACERS - 3) * ROUNDS


async def _spend(scene: Scene, client: Client, wallet: str, start: asyncio.Barrier) -> str:
    ask = asks.usage(wallet, 30 * CREDIT, scene.key())
    await start.wait()
    [told] = await client.settle(ask)
    return told.code or told.outcome
