"""The fee of a payment is booked when Stripe knows it, once, and in the payment's own book."""

import asyncio

import pytest

from ledger.payments import papers
from ledger.payments.money.charges import book_charge
from tests.payments.buying import Shop

pytestmark = pytest.mark.anyio


async def test_a_fee_is_booked_once(shop: Shop) -> None:
    """$50 leave 48.25 at Stripe: 2.9 % and 30 cents are a fee, whoever hears of it."""
    payment = await shop.buy()
    assert payment.charge is not None
    await asyncio.gather(*(book_charge(shop.desk, payment.charge) for _ in range(5)))
    assert {"stripe_clearing": 4_825, "deferred_revenue": -5_000, "stripe_fees": 175} == shop.money(payment)
    assert ["purchase", "fee"] == shop.kinds(payment)
    assert 175 == (await shop.again(payment)).fee
    movement = shop.row("stripe_movements", source=payment.charge)
    assert (payment.wallet_id, 2, 175, 4_825) == (
        movement["wallet_id"],
        movement["number"],
        movement["fee"],
        movement["net"],
    )


async def test_a_fee_that_is_not_known_yet_is_waited_for(shop: Shop) -> None:
    shop.sandbox.tell("/config", fee_known_after_s=60)
    payment = await shop.buy(fee=False)
    assert payment.charge is not None
    await book_charge(shop.desk, payment.charge)
    assert ["purchase"] == shop.kinds(payment)
    shop.sandbox.pass_time(61)
    shop.sandbox.tell("/config", fee_known_after_s=0)
    await book_charge(shop.desk, payment.charge)
    assert ["purchase", "fee"] == shop.kinds(payment)


async def test_a_charge_that_is_heard_of_early_is_kept_until_its_payment_is_booked(shop: Shop) -> None:
    intent = shop.charge(5_000)
    charge = str(intent.latest_charge)
    await shop.settled(charge)
    await book_charge(shop.desk, charge)
    assert "charge" == shop.row("stripe_problems", object=charge)["kind"]
    payment = await shop.book(intent, 500, 5_000)
    assert 175 == payment.fee
    assert [] == shop.rows("stripe_problems")


async def test_a_receipt_that_comes_later_than_the_money_is_kept(shop: Shop) -> None:
    """The first address stays."""
    payment = await shop.buy(fee=False)
    assert payment.charge is not None and payment.receipt_url is None
    await book_charge(shop.desk, payment.charge)
    receipt = (await shop.again(payment)).receipt_url
    assert receipt is not None and receipt == shop.stripe.v1.charges.retrieve(payment.charge).receipt_url
    await papers.keep(shop.desk, payment, receipt="https://example.com/another")
    assert receipt == (await shop.again(payment)).receipt_url
