"""Refunds as they are asked for: the unspent credits of a payment and their money, or nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ledger.kit.ids import wallet_public
from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.rows import Payment, payment_public
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import Api, fresh
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Api]:
    async with selling(database_url, sandbox) as found:
        yield found


async def ask(api: Api, payment: Payment, key: str | None = None, **body: Any) -> httpx.Response:
    return await api.post(f"/v1/payments/{payment_public(payment)}/refunds", {"reason": "duplicate"} | body, key=key)


async def test_what_is_unspent_is_refunded_and_no_more(api: Api, shop: Shop) -> None:
    """$50 for 500 credits, 400 spent: $20 is refused whole and told what can be, $10 goes through."""
    payment = await shop.buy()
    await shop.use(payment, 400)
    refused = await ask(api, payment, amount="20.00")
    assert (422, "REFUND_EXCEEDS_UNSPENT", "10.00") == (
        refused.status_code,
        refused.json()["code"],
        refused.json()["refundable"],
    )
    made = await ask(api, payment, amount="10.00")
    assert 201 == made.status_code, made.text
    told = made.json()
    assert {
        "payment_id": payment_public(payment),
        "state": "succeeded",
        "amount": "10.00",
        "currency": "USD",
        "credits": "100",
        "lost": "0.00",
        "reason": "duplicate",
    } == {name: value for name, value in told.items() if name not in ("id", "transaction_id", "created_at")}
    assert f"/v1/refunds/{told['id']}" == made.headers["location"]
    assert told == (await api.get(f"/v1/refunds/{told['id']}")).json()
    assert (0, 0, 0) == shop.credits(payment)
    assert {"stripe_clearing": 3_825, "stripe_fees": 175, "deferred_revenue": -4_000} == shop.money(payment)
    [refund] = shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data
    assert (1_000, "duplicate", {"payment_id": payment_public(payment), "refund_id": told["id"]}) == (
        refund.amount,
        refund.reason,
        dict(refund.metadata.to_dict() if refund.metadata else {}),
    )
    nothing = await ask(api, payment, amount="0.01")
    assert ("REFUND_EXCEEDS_UNSPENT", "0.00") == (nothing.json()["code"], nothing.json()["refundable"])


async def test_by_force_what_is_spent_is_a_loss(api: Api, shop: Shop) -> None:
    payment = await shop.buy()
    await shop.use(payment, 400)
    told = (await ask(api, payment, amount="20.00", force=True)).json()
    assert ("succeeded", "20.00", "100", "10.00") == (told["state"], told["amount"], told["credits"], told["lost"])
    assert 1_000 == shop.money(payment)["loss:refund"]
    assert 2_000 == (await shop.again(payment)).refunded


async def test_parts_that_are_less_than_a_cent_each_are_refunded_together(api: Api, shop: Shop) -> None:
    """Half a cent that is unspent and half a cent that is spent are a cent, by force."""
    payment = await shop.buy()
    wallet = f"/v1/wallets/{wallet_public(payment.wallet_id)}"
    assert 201 == (await api.post(f"{wallet}/usage", {"service": "jobs", "credits": "399.9"})).status_code
    assert 201 == (await api.post(f"{wallet}/holds", {"service": "jobs", "amount": "100.05"})).status_code
    refused = await ask(api, payment, credits="0.1")
    assert ("REFUND_EXCEEDS_UNSPENT", "0.00") == (refused.json()["code"], refused.json()["refundable"])
    made = await ask(api, payment, credits="0.1", force=True)
    assert 201 == made.status_code, made.text
    told = made.json()
    assert ("succeeded", "0.01", "0.05", "0.01") == (told["state"], told["amount"], told["credits"], told["lost"])


async def test_tax_that_rounding_takes_back_is_not_refunded(api: Api, shop: Shop) -> None:
    """$50.00 and a cent of tax: the credits from 9.999 on have 100 cents of what was paid, and 101 of what is without
    tax. Stripe is asked for what the book owes."""
    payment = await shop.buy(tax=1)
    wallet = f"/v1/wallets/{wallet_public(payment.wallet_id)}"
    assert 201 == (await api.post(f"{wallet}/usage", {"service": "jobs", "credits": "9.999"})).status_code
    told = (await ask(api, payment, credits="10.0015")).json()
    assert ("succeeded", "1.00", "10.0015", "0.00") == (told["state"], told["amount"], told["credits"], told["lost"])
    assert 100 == (await shop.again(payment)).refunded
    money = shop.money(payment)
    assert (-4_899, -2) == (money["deferred_revenue"], money["tax_payable"])
    assert "refund_payable" not in money


async def test_by_credits_and_then_all_that_is_left(api: Api, shop: Shop) -> None:
    """Tax goes back with what was paid, and after two refunds all of it has."""
    payment = await shop.buy(tax=500)
    part = (await ask(api, payment, credits="200")).json()
    assert ("22.00", "200") == (part["amount"], part["credits"])
    rest = (await ask(api, payment)).json()
    assert ("33.00", "300") == (rest["amount"], rest["credits"])
    assert {"stripe_clearing": -190, "stripe_fees": 190} == shop.money(payment)
    found = await api.get(f"/v1/payments/{payment_public(payment)}/refunds")
    assert [part, rest] == found.json()["items"]
    again = await ask(api, payment, amount="1")
    assert (422, "REFUND_EXCEEDS_PAID", "0.00") == (
        again.status_code,
        again.json()["code"],
        again.json()["refundable"],
    )
    assert {"paid": "55.00", "refunded": "55.00"} == again.json()["details"]


async def test_a_replay_is_the_same_answer_and_no_second_refund(api: Api, shop: Shop) -> None:
    payment = await shop.buy()
    key = fresh("refund")
    answers = await asyncio.gather(*(ask(api, payment, key) for _ in range(6)))
    answers.append(await ask(api, payment, key))
    assert [201] * 7 == [answer.status_code for answer in answers]
    assert 1 == len({answer.content for answer in answers})
    assert 6 == sum("idempotency-replayed" in answer.headers for answer in answers)
    assert 1 == len(shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data)
    other = await ask(api, payment, key, amount="50.00")
    assert "IDEMPOTENCY_CONFLICT" == other.json()["code"]


async def test_those_who_refund_at_once_refund_no_more_than_was_paid(api: Api, shop: Shop) -> None:
    """Ten ask for $20 of $50: two get it, all others a reason."""
    payment = await shop.buy()
    answers = await asyncio.gather(*(ask(api, payment, amount="20", force=True) for _ in range(10)))
    codes = sorted(answer.json().get("code", "made") for answer in answers)
    assert 2 == codes.count("made")
    assert {"made", "REFUND_EXCEEDS_PAID", "STATE_CHANGED"} >= set(codes)
    assert 4_000 == (await shop.again(payment)).refunded


async def test_what_cannot_be_refunded_says_why(api: Api, shop: Shop) -> None:
    payment = await shop.buy()
    assert 404 == (await api.post("/v1/payments/pay_nothing/refunds", {"reason": "x"})).status_code
    both = await ask(api, payment, amount="1", credits="1")
    assert (400, "credits") == (both.status_code, both.json()["errors"][0]["path"])
    fine = await ask(api, payment, amount="1.001")
    assert "INVALID_AMOUNT" == fine.json()["code"]
    dust = await ask(api, payment, credits="0.05")
    assert (400, "credits") == (dust.status_code, dust.json()["errors"][0]["path"])
    more = await ask(api, payment, credits="501")
    assert "REFUND_EXCEEDS_PAID" == more.json()["code"]
    shop.sandbox.tell(f"/dispute/{payment.charge}", amount=1_000)
    [dispute] = shop.stripe.v1.disputes.list({"charge": str(payment.charge)}).data
    await converge_dispute(shop.desk, dispute.id)
    disputed = await ask(api, payment, amount="1")
    assert (409, "PAYMENT_DISPUTED", {"disputed": "10.00"}) == (
        disputed.status_code,
        disputed.json()["code"],
        disputed.json()["details"],
    )
