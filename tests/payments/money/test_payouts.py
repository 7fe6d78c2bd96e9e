"""Payouts leave the clearing account for the bank in the house's own book, and tie to their parts."""

from collections.abc import Iterator
from typing import Any

import pytest

from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.money import payouts
from ledger.payments.money.payouts import converge_payout
from ledger.payments.refunds.converge import converge_refund
from tests.payments.buying import Shop
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio

AT_ONCE = "pm_card_bypassPending"


@pytest.fixture(autouse=True)
def _no_payouts_by_themselves(sandbox: SandboxAt) -> Iterator[None]:
    sandbox.tell("/config", payout_daily=False)
    yield


async def paid_out(shop: Shop) -> str:
    """All that is available, on its way."""
    payout = shop.sandbox.tell("/payout")["payout"]
    return str(payout["id"])


def tied(shop: Shop, payout: str) -> Any:
    row = shop.row("stripe_payouts", payout=payout)
    return row["status"], row["tied"], row["difference"]


async def test_a_payout_is_booked_when_it_has_arrived_and_ties_to_its_parts(shop: Shop) -> None:
    """Two payments, a refund and a dispute; whatever was not booked before is."""
    first, second = await shop.buy(card=AT_ONCE, fee=False), await shop.buy(card=AT_ONCE, fee=False)
    shop.stripe.v1.refunds.create({"charge": str(first.charge), "amount": 700})
    shop.sandbox.tell(f"/dispute/{second.charge}", amount=1_000)
    await shop.settled(str(first.charge))
    await shop.settled(str(second.charge))
    payout = await paid_out(shop)
    await converge_payout(shop.desk, payout)
    assert ("pending", None, None) == tied(shop, payout)
    assert "bank" not in shop.money()
    shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
    for _ in range(2):
        await converge_payout(shop.desk, payout)
    assert ("paid", True, 0) == tied(shop, payout)
    expected = 2 * (5_000 - 175) - 700 - 1_000 - 1_500
    assert expected == shop.money()["bank"]
    assert ["purchase", "fee", "payment_refund", "refund_paid"] == shop.kinds(first)
    assert ["purchase", "fee", "dispute"] == shop.kinds(second)
    parts = shop.rows("stripe_movements", payout=payout)
    assert 4 == len(parts)
    assert all(part["number"] is not None for part in parts)


async def test_a_payout_that_is_short_does_not_tie(shop: Shop) -> None:
    """Of a cent more than its parts; what Stripe says of it later is looked at anew."""
    await shop.buy(card=AT_ONCE)
    payout = await paid_out(shop)
    shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
    told = await payouts.book_payout(shop.desk, payout)
    await payouts.tie(shop.desk, told | {"amount": told["amount"] + 1})
    assert ("paid", False, -1) == tied(shop, payout)
    await converge_payout(shop.desk, payout)
    assert ("paid", True, 0) == tied(shop, payout)


async def test_a_payout_that_fails_goes_back(shop: Shop) -> None:
    """After it had seemed paid; it is a part of the next one."""
    before = shop.money().get("bank", 0)
    payment = await shop.buy(card=AT_ONCE)
    payout = await paid_out(shop)
    shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
    await converge_payout(shop.desk, payout)
    assert before + 4_825 == shop.money()["bank"]
    shop.sandbox.tell(f"/payout/{payout}", outcome="failed")
    for _ in range(2):
        await converge_payout(shop.desk, payout)
    assert before == shop.money().get("bank", 0)
    assert "failed" == tied(shop, payout)[0]
    again = await paid_out(shop)
    shop.sandbox.tell(f"/payout/{again}", outcome="paid")
    await converge_payout(shop.desk, again)
    assert ("paid", True, 0) == tied(shop, again)
    assert before + 4_825 == shop.money()["bank"]
    assert ["purchase", "fee"] == shop.kinds(payment)


async def test_a_payout_that_never_arrived_leaves_nothing(shop: Shop) -> None:
    """And one that the account asked for itself is of nothing in particular."""
    await shop.buy(card=AT_ONCE)
    before = shop.money().get("bank", 0)
    made = shop.stripe.v1.payouts.create({"amount": 500, "currency": "usd"})
    shop.stripe.v1.payouts.cancel(made.id)
    await converge_payout(shop.desk, made.id)
    assert ("canceled", None, None) == tied(shop, made.id)
    assert before == shop.money().get("bank", 0)
    assert 2 == len([row for row in shop.rows("stripe_movements", source=made.id) if row["number"] is not None])


async def test_what_fee_an_answer_to_a_dispute_costs_is_booked_with_it(shop: Shop) -> None:
    payment = await shop.buy(card=AT_ONCE)
    shop.sandbox.tell("/config", countered_fee_cents=1_500)
    dispute = shop.sandbox.tell(f"/dispute/{payment.charge}")["id"]
    shop.stripe.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})
    shop.sandbox.pass_time(3)
    shop.sandbox.tell("/config", countered_fee_cents=0)
    for _ in range(2):
        await converge_dispute(shop.desk, dispute)
    assert ["purchase", "fee", "dispute", "dispute_won", "fee", "fee"] == shop.kinds(payment)
    assert 1_500 == shop.money(payment)["dispute_fees"]


async def test_an_unknown_charge_stays_out_of_the_book_and_is_told(shop: Shop) -> None:
    """It ties, as it is a part of the payout; but it has no transaction, and a reason."""
    intent = shop.charge(3_000, AT_ONCE)
    charge = str(intent.latest_charge)
    await shop.settled(charge)
    refund = shop.stripe.v1.refunds.create({"charge": charge, "amount": 100})
    payout = await paid_out(shop)
    shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
    await converge_payout(shop.desk, payout)
    assert ("paid", True, 0) == tied(shop, payout)
    assert {charge: "charge", refund.id: "refund"} == {
        row["object"]: row["kind"] for row in shop.rows("stripe_problems")
    }
    unbooked = [row for row in shop.rows("stripe_movements", payout=payout) if row["number"] is None]
    assert {charge, refund.id} == {row["source"] for row in unbooked}
    await shop.book(intent, 300, 3_000)
    await converge_refund(shop.desk, refund.id)
    assert [] == shop.rows("stripe_problems")
