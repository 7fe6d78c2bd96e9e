"""A database that was restored to a point before a refill: the card was charged, and nothing here knows of it."""

import pytest

from ledger.kit.ids import parse_wallet
from ledger.refill.charge.steps import step
from tests.refill.scene import Scene
from tests.refill.test_races import LAPSED, claimed, dying_at
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio

BACK = (
    "DELETE FROM stripe_objects WHERE wallet_id = %s AND payment IS NOT NULL",
    "DELETE FROM pay_tokens WHERE wallet_id = %s",
    "DELETE FROM payments WHERE wallet_id = %s",
    "DELETE FROM refill_attempts WHERE wallet_id = %s",
    "DELETE FROM refill_months WHERE wallet_id = %s",
    "UPDATE refills SET attempt = 0, under_way = NULL, next_at = ledger_now() WHERE wallet_id = %s",
)
"""How things stood right after auto-refill was switched on."""


async def test_what_was_charged_behind_the_point_is_not_charged_again(scene: Scene) -> None:
    """The wallet is low, as it was: the same attempt begins, asks Stripe for the same, and is given what there is."""
    wallet = await scene.wallet("10")
    with dying_at("refill.after_charge"):
        await step(scene.desk, await claimed(scene.desk, wallet))
    assert len(scene.charges(wallet)) == 1
    for statement in BACK:
        run_sql(scene.url, statement, parse_wallet(wallet))
    scene.ahead(LAPSED)
    await scene.work()
    await scene.hear()
    assert len(scene.charges(wallet)) == 1
    assert await scene.states(wallet) == ["succeeded"]
    assert await scene.balance(wallet) == "510"
