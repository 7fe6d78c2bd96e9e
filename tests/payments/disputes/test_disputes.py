"""A dispute sets credits aside while the bank has the money, and ends as the bank decides."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.money.work import look_again
from ledger.payments.refunds.converge import converge_refund
from ledger.payments.refunds.send import work
from ledger.payments.rows import Payment, payment_public
from tests.book.conftest import Clock
from tests.payments.api import selling
from tests.payments.buying import Shop

pytestmark = pytest.mark.anyio


async def disputed(shop: Shop, payment: Payment, **wanted: Any) -> str:
    """A dispute of the payment, booked."""
    dispute = str(shop.sandbox.tell(f"/dispute/{payment.charge}", **wanted)["id"])
    await converge_dispute(shop.desk, dispute)
    return dispute


async def decided(shop: Shop, dispute: str, outcome: str) -> None:
    shop.sandbox.tell(f"/dispute/{dispute}", outcome=outcome)
    await asyncio.gather(*(converge_dispute(shop.desk, dispute) for _ in range(3)))


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_what_is_unspent_is_set_aside_and_the_rest_is_owed(shop: Shop, outcome: str) -> None:
    """400 of 500 are spent. Won, all is as it was but for the fee; lost, the debt and the loss stay."""
    payment = await shop.buy()
    await shop.use(payment, 400)
    dispute = await disputed(shop, payment)
    assert (0, 500, 400) == shop.credits(payment)
    assert (5_000, 1_500) == (shop.money(payment)["dispute_receivable"], shop.money(payment)["dispute_fees"])
    assert 5_000 == (await shop.again(payment)).disputed
    await decided(shop, dispute, outcome)
    row = shop.row("payment_disputes", dispute=dispute)
    assert (outcome, 4, 5) == (row["status"], row["number"], row["settled_number"])
    about = {"payment_id": payment_public(payment), "credits": "500", "amount": "50.00", "currency": "USD"}
    assert [
        ("payment.disputed", about),
        ("dispute.opened", about | {"dispute_id": dispute}),
        (f"dispute.{outcome}", about | {"dispute_id": dispute}),
    ] == [told for told in shop.told(payment) if "dispute" in told[0]]
    if outcome == "won":
        assert (100, 0, 0) == shop.credits(payment)
        assert {"stripe_clearing": 3_325, "stripe_fees": 175, "dispute_fees": 1_500, "deferred_revenue": -5_000} == (
            shop.money(payment)
        )
        assert 0 == (await shop.again(payment)).disputed
    else:
        assert (0, 0, 400) == shop.credits(payment)
        assert 4_000 == shop.money(payment)["loss:dispute"]
        assert 5_000 == (await shop.again(payment)).disputed


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_those_who_hear_of_all_of_it_at_once_book_it_once(shop: Shop, outcome: str) -> None:
    """Each step is decided by what the others have not booked yet, seen at one moment."""
    for _ in range(4):
        payment = await shop.buy()
        dispute = str(shop.sandbox.tell(f"/dispute/{payment.charge}")["id"])
        shop.sandbox.tell(f"/dispute/{dispute}", outcome=outcome)
        await asyncio.gather(*(converge_dispute(shop.desk, dispute) for _ in range(5)))
        assert ["purchase", "fee", "dispute", f"dispute_{outcome}"] == shop.kinds(payment)
        assert "dispute_receivable" not in shop.money(payment)


async def test_an_inquiry_moves_nothing_until_it_is_a_dispute(shop: Shop) -> None:
    payment = await shop.buy()
    dispute = await disputed(shop, payment, outcome="inquiry")
    assert (500, 0, 0) == shop.credits(payment)
    assert "warning_needs_response" == shop.row("payment_disputes", dispute=dispute)["status"]
    await decided(shop, dispute, "escalated")
    assert (0, 500, 0) == shop.credits(payment)
    await decided(shop, dispute, "won")
    assert (500, 0, 0) == shop.credits(payment)
    assert ["purchase", "fee", "dispute", "dispute_won"] == shop.kinds(payment)


async def test_a_dispute_is_about_no_more_than_refunds_have_left(shop: Shop) -> None:
    """$20 of $50 went back with 200 credits; the bank takes the other $30, and 300 credits are set aside."""
    payment = await shop.buy()
    refund = shop.stripe.v1.refunds.create({"charge": str(payment.charge), "amount": 2_000})
    await converge_refund(shop.desk, refund.id)
    dispute = await disputed(shop, payment)
    assert (0, 300, 0) == shop.credits(payment)
    await decided(shop, dispute, "lost")
    assert (0, 0, 0) == shop.credits(payment)
    assert {"stripe_clearing", "stripe_fees", "dispute_fees"} == set(shop.money(payment))


async def test_a_dispute_that_is_heard_of_early_is_not_lost(shop: Shop, clock: Clock) -> None:
    """It waits with its reason, and the worker books it once the payment is."""
    intent = shop.charge(5_000)
    charge = str(intent.latest_charge)
    await shop.settled(charge)
    dispute = str(shop.sandbox.tell(f"/dispute/{charge}")["id"])
    await converge_dispute(shop.desk, dispute)
    assert "dispute" == shop.row("stripe_problems", object=dispute)["kind"]
    payment = await shop.book(intent, 500, 5_000)
    await look_again(shop.desk)
    assert (500, 0, 0) == shop.credits(payment)  # not due yet
    clock.advance(timedelta(minutes=1))
    assert 1 == await look_again(shop.desk)
    assert (0, 500, 0) == shop.credits(payment)
    assert [] == shop.rows("stripe_problems")


async def test_disputes_of_a_payment_are_shown(shop: Shop) -> None:
    payment = await shop.buy()
    dispute = await disputed(shop, payment, reason="duplicate")
    async with selling(shop.url, shop.sandbox) as api:
        [shown] = (await api.get(f"/v1/payments/{payment_public(payment)}/disputes")).json()["items"]
    assert (dispute, "needs_response", "duplicate", "50.00", None) == (
        shown["id"],
        shown["status"],
        shown["reason"],
        shown["amount"],
        shown["settled_transaction_id"],
    )


@pytest.mark.parametrize("outcome", ["won", "lost"])
async def test_a_refund_that_never_reached_stripe_leaves_no_credits_beside_a_dispute(
    shop: Shop, clock: Clock, outcome: str
) -> None:
    """The bank takes all of the money while a refund waits for Stripe, which refuses it then: its credits come back, and
    belong to the dispute, too."""
    payment = await shop.buy()
    shop.sandbox.tell("/faults", kind="unavailable", path="/v1/refunds", times=9)
    async with selling(shop.url, shop.sandbox) as api:
        body = {"amount": "20", "reason": "asked for"}
        made = await api.post(f"/v1/payments/{payment_public(payment)}/refunds", body)
    assert "pending" == made.json()["state"]
    dispute = await disputed(shop, payment)
    assert 5_000 == (await shop.again(payment)).disputed
    shop.sandbox.forget_faults()
    clock.advance(timedelta(hours=2))
    await work(shop.desk)
    assert "failed" == shop.row("payment_refunds", payment=payment.payment)["state"]
    assert (0, 500, 0) == shop.credits(payment), "what came back pays what the dispute made the customer owe"
    await decided(shop, dispute, outcome)
    assert ((500, 0, 0) if outcome == "won" else (0, 0, 0)) == shop.credits(payment)
