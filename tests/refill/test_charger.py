"""The charger, as a worker runs it: it makes room for the next one before what it has begun is over."""

import asyncio

import pytest

from ledger.refill.charge.charger import DUTY, Charger
from tests.refill.scene import Scene
from tests.support.api import run_sql
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0
SLOW_S = 5.0
TAKEN = "SELECT 1 FROM duties WHERE duty = %s"
ASKED = "SELECT 1 FROM refill_attempts WHERE state = 'charging'"


async def test_who_leaves_lets_no_card_wait_for_a_slow_stripe(scene: Scene) -> None:
    """His place is free, and he says so, while Stripe has not answered him yet; another charges meanwhile."""
    slow, quick = await scene.wallet(), await scene.wallet()
    scene.sandbox.tell("/faults", kind="slow", path="/v1/payment_intents", method="POST", delay_s=SLOW_S)
    await scene.use(slow, "60")
    over = asyncio.Event()
    asked = False

    def stopping() -> bool:
        return asked

    leaving = asyncio.create_task(Charger(scene.desk).run(60, stopping, left=over.set))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(until, lambda: run_sql(scene.url, ASKED), "Stripe is asked")
        asked = True
        await over.wait()
        assert not leaving.done()
        await scene.use(quick, "60")
        next_ = asyncio.create_task(Charger(scene.desk).run(60, lambda: leaving.done()))
        await asyncio.to_thread(until, lambda: scene.charges(quick), "the other is charged")
        assert not leaving.done(), "that was no wait"
        assert await leaving == 1
        assert await next_ is not None
    assert await scene.balance(slow) == "590"


async def test_there_is_one_charger_at_a_time(scene: Scene) -> None:
    over = asyncio.Event()
    first = asyncio.create_task(Charger(scene.desk).run(60, over.is_set))
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(until, lambda: run_sql(scene.url, TAKEN, DUTY), "it has begun")
        assert await Charger(scene.desk).run(1) is None
        over.set()
        assert await first == 0
