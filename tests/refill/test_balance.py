"""What the balance shows of auto-refill: both units, whatever was given."""

from typing import Any

import pytest

from tests.refill.scene import Scene

pytestmark = pytest.mark.anyio


async def shown(scene: Scene, wallet: str) -> Any:
    return (await scene.api.get(f"/v1/wallets/{wallet}/balance")).json()["auto_refill"]


async def test_the_balance_has_the_terms_in_credits_and_in_money(scene: Scene) -> None:
    """Null before anything was set; what was set stays when it is switched off, and the newest is shown at once."""
    wallet = await scene.api.wallet("150")
    terms = {"enabled": False, "threshold": None, "amount_credits": None, "up_to_credits": None, "amount_usd": None}
    assert terms == await shown(scene, wallet)
    await scene.set(wallet, amount_usd="50")
    terms |= {"enabled": True, "threshold": "100", "amount_credits": "500", "amount_usd": "50.00"}
    assert terms == await shown(scene, wallet)
    await scene.set(wallet, threshold="20.5", up_to_credits="1000")
    terms |= {"threshold": "20.5", "amount_credits": None, "up_to_credits": "1000", "amount_usd": "100.00"}
    assert terms == await shown(scene, wallet)
    await scene.set(wallet, enabled=False)
    assert terms | {"enabled": False} == await shown(scene, wallet)


async def test_what_was_declined_is_not_on_its_way(scene: Scene) -> None:
    """A debit is, for the days that it takes; a card that is tried again later is not, until then."""
    scene.sandbox.tell("/config", debit_after_s=86_400)
    declined = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    debited = await scene.wallet("10", card="pm_usBankAccount_success")
    await scene.work()
    assert [["waiting"], ["processing"]] == [await scene.states(wallet) for wallet in (declined, debited)]
    pending = [
        (await scene.api.get(f"/v1/wallets/{wallet}/balance")).json()["pending"] for wallet in (declined, debited)
    ]
    assert ["0", "500"] == pending
