"""Money that is given back is not taken again by itself: a refund pauses, as a dispute does, until a person resumes."""

from datetime import timedelta
from typing import Any

import pytest

from tests.refill.scene import Scene

pytestmark = pytest.mark.anyio

AFTER_THE_COOLDOWN = timedelta(minutes=11)


async def refilled(scene: Scene) -> tuple[str, str]:
    """A wallet that a refill took from 10 credits to 510, and the refill's payment."""
    wallet = await scene.wallet("10")
    await scene.work()
    [attempt] = await scene.attempts(wallet)
    assert attempt["status"] == "succeeded"
    return wallet, attempt["payment_id"]


async def refund(scene: Scene, payment: str, **wanted: Any) -> None:
    answer = await scene.api.post(f"/v1/payments/{payment}/refunds", {"reason": "not wanted"} | wanted)
    assert answer.status_code == 201, answer.text


async def bought(scene: Scene, wallet: str) -> str:
    """500 credits by a link; the payment."""
    link = (await scene.api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "50.00"})).json()
    page = await scene.api.client.get(link["payment_url"].partition(".com")[2])
    scene.sandbox.pay(page.headers["location"].partition("?")[0].rpartition("/")[2])
    await scene.hear()
    return str(link["payment_id"])


def pauses(scene: Scene, wallet: str) -> list[str]:
    return [each["reason"] for each in scene.told(wallet) if each["type"] == "paused"]


async def later(scene: Scene) -> None:
    scene.ahead(AFTER_THE_COOLDOWN)
    await scene.work()


async def test_a_refund_of_a_refill_is_not_followed_by_another_charge(scene: Scene) -> None:
    """The wallet is as low as it was before the refill. A person resumes, and only then is it charged."""
    wallet, payment = await refilled(scene)
    await refund(scene, payment)
    assert await scene.balance(wallet) == "10"
    await later(scene)
    await scene.use(wallet, "1")
    await later(scene)
    assert len(scene.charges(wallet)) == 1
    shown = await scene.shown(wallet)
    assert (shown["status"], shown["paused"]["reason"], shown["next_charge"]) == ("paused", "refunded", None)
    assert pauses(scene, wallet) == ["refunded"]
    await scene.api.post(f"/v1/wallets/{wallet}/auto-refill/resume")
    await scene.work()
    assert len(scene.charges(wallet)) == 2


async def test_a_refund_that_is_made_at_stripe_pauses_too(scene: Scene) -> None:
    wallet, _ = await refilled(scene)
    [charge] = scene.charges(wallet)
    scene.sandbox.client().v1.refunds.create({"charge": charge.id})
    await scene.hear()
    assert await scene.balance(wallet) == "10"
    await later(scene)
    assert pauses(scene, wallet) == ["refunded"]
    assert len(scene.charges(wallet)) == 1


async def test_a_part_of_a_refill_that_is_refunded_pauses_too(scene: Scene) -> None:
    """Whoever complained of a charge is not charged again, although the wallet is not low yet."""
    wallet, payment = await refilled(scene)
    await refund(scene, payment, amount="10.00")
    await scene.use(wallet, "400")
    await later(scene)
    assert pauses(scene, wallet) == ["refunded"]
    assert len(scene.charges(wallet)) == 1


async def test_a_purchase_that_is_refunded_is_not_made_good_by_a_charge(scene: Scene) -> None:
    """A person bought these, and gives them back: the card is not charged for others at once."""
    wallet = await scene.wallet("150")
    payment = await bought(scene, wallet)
    await scene.use(wallet, "100")
    await refund(scene, payment)
    assert await scene.balance(wallet) == "50"
    await scene.work()
    assert (pauses(scene, wallet), len(scene.charges(wallet))) == (["refunded"], 1)


async def test_a_purchase_that_is_refunded_where_enough_is_left_changes_nothing(scene: Scene) -> None:
    wallet = await scene.wallet("150")
    await refund(scene, await bought(scene, wallet))
    assert pauses(scene, wallet) == []
    await scene.use(wallet, "100")
    await scene.work()
    assert await scene.balance(wallet) == "550"


async def test_late_money_that_opens_a_closed_wallet_is_no_consent(scene: Scene) -> None:
    """Who closed the wallet is not charged because a link of before was paid afterwards."""
    wallet = await scene.wallet("150")
    await scene.set(wallet, enabled=False)
    link = (await scene.api.post(f"/v1/wallets/{wallet}/payment-links", {"amount": "10.00"})).json()
    page = await scene.api.client.get(link["payment_url"].partition(".com")[2])
    await scene.use(wallet, "150")
    await scene.api.send("POST", f"/v1/wallets/{wallet}/freeze")
    await scene.set(wallet, threshold="700")
    closed = await scene.api.send("POST", f"/v1/wallets/{wallet}/close")
    assert closed.json()["status"] == "closed", closed.text
    await scene.work()
    scene.sandbox.pay(page.headers["location"].partition("?")[0].rpartition("/")[2])
    await scene.hear()
    assert await scene.balance(wallet) == "100"
    await later(scene)
    assert [charge.amount for charge in scene.charges(wallet)] == [1_000], "what the person paid"
    assert pauses(scene, wallet) == ["reopened"]


async def test_a_debit_that_somebody_cancels_at_stripe_is_not_asked_for_again_at_once(scene: Scene) -> None:
    scene.sandbox.tell("/config", debit_after_s=3_600)
    wallet = await scene.wallet("10", card="pm_usBankAccount_success")
    await scene.work()
    assert await scene.states(wallet) == ["processing"]
    newest = scene.sandbox.client().v1.payment_intents.list({"limit": 1}).data[0]
    assert newest.status == "processing"
    scene.sandbox.client().v1.payment_intents.cancel(newest.id)
    await scene.hear()
    await scene.work()
    assert await scene.states(wallet) == ["canceled"]
    assert scene.told(wallet)[-1]["reason"] == "cooldown"
