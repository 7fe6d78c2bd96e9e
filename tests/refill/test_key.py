"""Stripe refuses our key: that is ours to mend, and no word about the card."""

import pytest

from tests.refill.scene import Scene
from tests.refill.test_races import LAPSED

pytestmark = pytest.mark.anyio

INTENTS = "/v1/payment_intents"


@pytest.mark.parametrize("path", [INTENTS, f"{INTENTS}/*/confirm"])
async def test_a_key_that_is_refused_is_no_failure_of_the_card(scene: Scene, path: str) -> None:
    """Nobody is asked to pay, nothing is counted, and when the key is right the card is charged."""
    wallet = await scene.wallet("10")
    scene.sandbox.tell("/faults", kind="forbidden", path=path, method="POST", times=2)
    await scene.work()
    assert await scene.states(wallet) == ["charging"]
    assert scene.told(wallet) == []
    scene.sandbox.forget_faults()
    scene.ahead(LAPSED)
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert len(scene.charges(wallet)) == 1


async def test_an_intent_that_may_not_be_canceled_is_asked_about_again_later(scene: Scene) -> None:
    """And not over and over: one step is a few calls."""
    wallet = await scene.wallet("10", card="pm_card_authenticationRequired")
    scene.sandbox.tell("/faults", kind="forbidden", path=f"{INTENTS}/*/cancel", method="POST", times=100)
    await scene.work()
    assert await scene.states(wallet) == ["charging"]
    assert scene.told(wallet) == []
    [fault] = scene.sandbox.ask("/faults")
    assert fault["times"] == 99
    scene.sandbox.forget_faults()
    scene.ahead(LAPSED)
    await scene.work()
    assert await scene.states(wallet) == ["link_sent"]
