"""Refunds that were not asked for here, that fail, or that are heard of in any order: the book says what Stripe says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from ledger.payments.money.work import look_again
from ledger.payments.refunds.converge import converge_refund
from ledger.payments.refunds.send import work
from ledger.payments.rows import Payment, payment_public
from tests.book.conftest import Clock
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import Api
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio

REFUND_FAILS = "pm_card_refundFail"
PENDING = "pm_card_pendingRefund"


@pytest.fixture
async def api(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Api]:
    async with selling(database_url, sandbox) as found:
        yield found


def at_stripe(shop: Shop, payment: Payment, cents: int) -> str:
    """A refund that is made in Stripe's dashboard."""
    return shop.stripe.v1.refunds.create({"charge": str(payment.charge), "amount": cents}).id


async def many_times(shop: Shop, refund: str) -> None:
    await asyncio.gather(*(converge_refund(shop.desk, refund) for _ in range(5)))


async def test_a_refund_of_the_dashboard_takes_what_is_unspent_and_the_rest_is_a_loss(shop: Shop) -> None:
    """Once, whoever hears of it; two of them are two."""
    payment = await shop.buy()
    await shop.use(payment, 400)
    first = at_stripe(shop, payment, 2_000)
    await many_times(shop, first)
    assert (0, 0, 0) == shop.credits(payment)
    row = shop.row("payment_refunds", refund=first)
    assert ("succeeded", 2_000, 1_000, "stripe") == (row["state"], row["amount"], row["lost"], row["actor"])
    second = at_stripe(shop, payment, 500)
    await many_times(shop, second)
    assert 2_500 == (await shop.again(payment)).refunded
    assert 1_500 == shop.money(payment)["loss:refund"]
    assert ["purchase", "fee", "usage", *["payment_refund", "refund_paid"] * 2] == shop.kinds(payment)


async def test_a_refund_that_fails_gives_everything_back(api: Api, shop: Shop) -> None:
    """It seemed paid. Money first, then credits."""
    shop.sandbox.tell("/config", refund_after_s=60)
    payment = await shop.buy(card=REFUND_FAILS)
    body = {"amount": "20", "reason": "Not what it was"}
    told = (await api.post(f"/v1/payments/{payment_public(payment)}/refunds", body)).json()
    assert "succeeded" == told["state"]
    assert (300, 0, 0) == shop.credits(payment)
    shop.sandbox.pass_time(61)
    shop.sandbox.tell("/config", refund_after_s=0)
    [refund] = shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data
    await many_times(shop, refund.id)
    assert "failed" == (await api.get(f"/v1/refunds/{told['id']}")).json()["state"]
    assert (500, 0, 0) == shop.credits(payment)
    assert 0 == (await shop.again(payment)).refunded
    assert {"stripe_clearing": 4_825, "stripe_fees": 175, "deferred_revenue": -5_000} == shop.money(payment)
    assert ["refund_paid", "refund_returned", "refund_failed"] == shop.kinds(payment)[-3:]


async def test_a_refund_that_had_failed_before_it_was_heard_of_takes_no_credits(shop: Shop) -> None:
    payment = await shop.buy(card=REFUND_FAILS)
    refund = at_stripe(shop, payment, 1_000)
    shop.sandbox.pass_time(1)
    await many_times(shop, refund)
    assert ["purchase", "fee", "refund_paid", "refund_returned"] == shop.kinds(payment)
    assert [] == shop.rows("payment_refunds", refund=refund)


async def test_a_refund_that_is_pending_is_asked_after(api: Api, shop: Shop, clock: Clock) -> None:
    """Its money has left already; no event need come."""
    shop.sandbox.tell("/config", refund_after_s=60)
    payment = await shop.buy(card=PENDING)
    told = (await api.post(f"/v1/payments/{payment_public(payment)}/refunds", {"reason": "x"})).json()
    assert "pending" == told["state"]
    assert "refund_paid" == shop.kinds(payment)[-1]
    shop.sandbox.pass_time(61)
    shop.sandbox.tell("/config", refund_after_s=0)
    assert 0 == await work(shop.desk)
    clock.advance(timedelta(minutes=2))
    assert 1 == await work(shop.desk)
    assert "succeeded" == (await api.get(f"/v1/refunds/{told['id']}")).json()["state"]


async def test_a_refund_of_the_dashboard_that_is_faster_wins(api: Api, shop: Shop, clock: Clock) -> None:
    """Ours of $30 is posted and waits; the dashboard gives all $50 back. Ours is refused and undone, and then the
    other one fits."""
    payment = await shop.buy()
    shop.sandbox.tell("/faults", kind="unavailable", times=3, method="POST", path="/v1/refunds")
    body = {"amount": "30", "reason": "x"}
    told = (await api.post(f"/v1/payments/{payment_public(payment)}/refunds", body)).json()
    assert "pending" == told["state"]
    refund = at_stripe(shop, payment, 5_000)
    await converge_refund(shop.desk, refund)
    assert "refund" == shop.row("stripe_problems", object=refund)["kind"]
    clock.advance(timedelta(minutes=2))
    await work(shop.desk)
    assert "failed" == (await api.get(f"/v1/refunds/{told['id']}")).json()["state"]
    await look_again(shop.desk)
    assert [] == shop.rows("stripe_problems")
    assert 5_000 == (await shop.again(payment)).refunded
    assert (0, 0, 0) == shop.credits(payment)
