"""What Stripe tells of an intent brings its attempt up, and changes nothing of when a card is tried again."""

import pytest

from tests.refill.scene import Scene

pytestmark = pytest.mark.anyio


async def test_a_decline_that_is_heard_of_is_no_reason_to_try_again(scene: Scene) -> None:
    """Stripe tells of each: the next try is an hour later all the same."""
    wallet = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    await scene.work()
    before = await scene.attempts(wallet)
    for _ in range(3):
        await scene.hear()
        await scene.work()
    assert await scene.attempts(wallet) == before
    assert (before[0]["status"], before[0]["tries"]) == ("waiting", 1)
