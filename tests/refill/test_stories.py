"""Auto-refill from the crossing to the credits, over the sandbox; Stripe's own list of charges is the judge."""

from datetime import timedelta

import pytest

from ledger.payments.links.due import work_off
from tests.refill.scene import Scene

pytestmark = pytest.mark.anyio


async def test_a_wallet_that_runs_low_is_refilled_once(scene: Scene) -> None:
    wallet = await scene.wallet("150")
    await scene.use(wallet, "50")
    assert await scene.work() == 0, "exactly at the threshold nothing is needed"
    await scene.use(wallet, "0.000001")
    assert await scene.work() > 0
    assert await scene.balance(wallet) == "599.999999"
    [charge] = scene.charges(wallet)
    assert (charge.amount, charge.currency) == (5000, "usd")
    [attempt] = await scene.attempts(wallet)
    assert (attempt["status"], attempt["tries"], attempt["held_and_free"]) == ("succeeded", 1, "99.999999")
    [told] = scene.told(wallet)
    assert (told["type"], told["credits"], told["amount"], told["late"]) == ("completed", "500", "50.00", False)
    payment = (await scene.api.get(f"/v1/payments/{told['payment_id']}")).json()
    assert payment["status"] == "paid"
    assert payment["method"]["last4"] == "4242"


async def test_both_units_are_understood(scene: Scene) -> None:
    """500 credits are 50 dollars, and 50 dollars are 500 credits: whichever is given, both are answered."""
    by_credits = await scene.set(await scene.api.wallet("150"), amount_credits=500)
    by_money = await scene.set(await scene.api.wallet("150"), amount_usd=50)
    for shown in (by_credits, by_money):
        assert (shown["credits_per_refill"], shown["amount_usd"], shown["amount"]) == ("500", "50.00", "50.00")
        assert shown["next_charge"] == {"amount": "50.00", "credits": "500", "expected_at": None}


async def test_a_wallet_that_is_below_is_charged_when_it_is_switched_on(scene: Scene) -> None:
    wallet = await scene.wallet("10")
    await scene.work()
    assert await scene.balance(wallet) == "510"


async def test_the_next_one_waits_for_the_cooldown_and_the_caps(scene: Scene) -> None:
    """A refill smaller than the gap is followed by another one, not at once, and not beyond the caps."""
    wallet = await scene.wallet("10", threshold="1000", amount_usd="10", maximum_per_month=2)
    await scene.work()
    assert await scene.balance(wallet) == "110"
    [_, blocked] = scene.told(wallet)
    assert (blocked["type"], blocked["reason"]) == ("blocked", "cooldown")
    scene.ahead(timedelta(seconds=601))
    await scene.work()
    assert await scene.balance(wallet) == "210"
    scene.ahead(timedelta(seconds=601))
    await scene.work()
    await scene.use(wallet, "1")
    await scene.work()
    assert [each["reason"] for each in scene.told(wallet) if each["type"] == "blocked"] == [
        "cooldown",
        "maximum_per_month",
    ]
    assert len(scene.charges(wallet)) == 2
    month = (await scene.shown(wallet))["this_month"]
    assert (month["refills"], month["refills_left"], month["spent"], month["left"]) == (2, 0, "20.00", "0.00")
    scene.ahead(timedelta(days=32))
    await scene.work()
    assert len(scene.charges(wallet)) == 3


async def test_a_declined_card_is_tried_again_and_then_a_person_is_asked(scene: Scene) -> None:
    wallet = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    await scene.work()
    assert await scene.states(wallet) == ["waiting"]
    for pause in (timedelta(hours=1), timedelta(hours=24)):
        await scene.work()
        scene.ahead(pause + timedelta(seconds=1))
        await scene.work()
    assert await scene.states(wallet) == ["link_sent"]
    told = scene.told(wallet)
    assert [each["type"] for each in told] == ["failed", "failed", "failed", "requires_action", "paused"]
    assert told[0]["reason"] == "generic_decline"
    assert (await scene.shown(wallet))["paused"]["reason"] == "failures"
    assert scene.charges(wallet) == []
    await scene.use(wallet, "1")
    await scene.work()
    assert await scene.states(wallet) == ["link_sent"], "nothing is charged while it is paused"


async def test_a_card_whose_holder_must_be_there_becomes_a_link(scene: Scene) -> None:
    wallet = await scene.wallet("10", card="pm_card_authenticationRequired")
    await scene.work()
    [needed] = [each for each in scene.told(wallet) if each["type"] == "requires_action"]
    assert needed["reason"] == "authentication_required"
    assert scene.intents(wallet) == ["canceled"], "the link is all that can be paid"
    token = needed["payment_url"].rpartition("/")[2]
    page = await scene.api.client.get(f"/pay/{token}", headers={"Authorization": ""})
    assert page.status_code == 303, page.text
    session = page.headers["location"].partition("?")[0].rpartition("/")[2]
    scene.sandbox.pay(session)
    await scene.hear()
    await scene.work()
    assert await scene.states(wallet) == ["succeeded"]
    assert await scene.balance(wallet) == "510"
    [charge] = scene.charges(wallet)
    assert charge.amount == 5000
    assert [each["type"] for each in scene.told(wallet)] == ["failed", "requires_action", "completed"]


async def test_a_wallet_without_a_card_gets_a_link_that_runs_out(scene: Scene) -> None:
    wallet = await scene.wallet("10", card=None)
    await scene.work()
    [needed] = scene.told(wallet)
    assert (needed["type"], needed["reason"]) == ("requires_action", "no_payment_method")
    assert await scene.states(wallet) == ["link_sent"]


async def test_a_link_that_somebody_cancels_is_not_followed_by_another_at_once(scene: Scene) -> None:
    wallet = await scene.wallet("10", card=None)
    await scene.work()
    [needed] = scene.told(wallet)
    canceled = await scene.api.post(f"/v1/payment-links/{needed['payment_id']}/cancel")
    assert canceled.status_code == 200, canceled.text
    scene.ahead(timedelta(minutes=16))
    await scene.work()
    assert await scene.states(wallet) == ["canceled"]
    assert scene.told(wallet)[-1]["reason"] == "cooldown"
    scene.ahead(timedelta(minutes=11))
    await scene.work()
    assert await scene.states(wallet) == ["link_sent", "canceled"]


async def test_a_link_that_could_never_be_issued_runs_out_too(scene: Scene) -> None:
    """Stripe would not have it for a week. Then the next attempt may begin."""
    wallet = await scene.wallet("10", card=None)
    scene.sandbox.tell("/faults", kind="forbidden", path="/v1/checkout/sessions", method="POST", times=100)
    await scene.work()
    await work_off(scene.desk)
    assert await scene.states(wallet) == ["link_sent"]
    scene.ahead(timedelta(days=7, minutes=16))
    await work_off(scene.desk)
    await scene.work()
    assert await scene.states(wallet) == ["expired"]
    scene.sandbox.forget_faults()


async def test_what_is_not_needed_any_more_is_not_charged(scene: Scene) -> None:
    wallet = await scene.wallet("10")
    await scene.api.grant(wallet, "500")
    await scene.work()
    [attempt] = await scene.attempts(wallet)
    assert (attempt["status"], attempt["reason"]) == ("canceled", "not_needed")
    assert scene.charges(wallet) == []
    assert (await scene.shown(wallet))["this_month"]["refills"] == 0


async def test_the_kill_switch_stops_everything_at_once(scene: Scene) -> None:
    wallet = await scene.wallet("10")
    await scene.api.send("PUT", "/v1/auto-refill/switch", json={"stopped": True, "reason": "odd charges"})
    other = await scene.wallet("10")
    await scene.work()
    assert (await scene.states(wallet), await scene.states(other)) == (["due"], [])
    [blocked] = scene.told(other)
    assert (blocked["reason"], blocked["until"]) == ("stopped", None)
    assert (await scene.shown(wallet))["status"] == "stopped"
    assert scene.charges(wallet) == scene.charges(other) == []
    await scene.api.send("PUT", "/v1/auto-refill/switch", json={"stopped": False})
    await scene.work()
    assert [len(scene.charges(each)) for each in (wallet, other)] == [1, 1]


async def test_switched_off_it_charges_nothing(scene: Scene) -> None:
    wallet = await scene.wallet("10")
    shown = await scene.set(wallet, enabled=False)
    assert (shown["status"], shown["threshold"]) == ("off", "100"), "what was set stays"
    await scene.work()
    assert scene.charges(wallet) == []
    assert await scene.states(wallet) == ["canceled"]


async def test_a_dispute_pauses_and_a_person_resumes(scene: Scene) -> None:
    wallet = await scene.wallet("10", card="pm_card_createDispute")
    await scene.work()
    await scene.hear()
    assert (await scene.shown(wallet))["status"] == "paused"
    paused = [each for each in scene.told(wallet) if each["type"] == "paused"]
    assert [each["reason"] for each in paused] == ["disputed"]
    scene.ahead(timedelta(minutes=11))
    await scene.use(wallet, "1")
    await scene.work()
    assert len(scene.charges(wallet)) == 1
    answer = await scene.api.post(f"/v1/wallets/{wallet}/auto-refill/resume")
    assert answer.json()["status"] == "on"
