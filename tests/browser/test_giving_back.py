"""Money that goes back: by us, or by the bank of the customer."""

from typing import Any

from tests.browser.buyer import DISPUTES, PAYS
from tests.browser.customer import Customer
from tests.support.waiting import until


def test_unspent_credits_are_refunded_and_spent_ones_are_a_loss(customer: Customer) -> None:
    """Of $50, 400 of whose 500 credits are spent, $10 are refundable; more is refused whole, or forced."""
    payment = customer.bought(PAYS)
    customer.uses("400")
    path = f"/v1/payments/{payment}/refunds"
    refused = customer.product.post(path, amount="20.00", reason="unhappy")
    assert (422, "REFUND_EXCEEDS_UNSPENT") == (refused.status_code, refused.json()["code"])
    assert "10.00" == refused.json()["refundable"]
    assert "100" == customer.balance()["balance"]

    refund(customer, path, credits="100", lost="0.00", amount="10.00")
    assert "0" == customer.balance()["balance"]
    customer.books_become(stripe_clearing="38.25", stripe_fees="1.75", deferred_revenue="-40")

    refund(customer, path, credits="0", lost="10.00", amount="10.00", force=True)
    assert "0" == customer.balance()["balance"]
    customer.books_become(stripe_clearing="28.25", stripe_fees="1.75", deferred_revenue="-40", loss_refund="10")
    [paid] = customer.payments()
    assert "20.00" == paid["refunded"]
    customer.buyer.open(paid["receipt_url"], "Receipt")
    assert "Refunded -$20.00" in customer.buyer.text
    customer.product.tie()


def refund(customer: Customer, path: str, *, credits: str, lost: str, **wanted: Any) -> None:
    """One that Stripe pays."""
    answer = customer.product.post(path, reason="unhappy", **wanted)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (credits, lost) == (made["credits"], made["lost"])
    until(lambda: customer.product.get(f"/v1/refunds/{made['id']}")["state"] == "succeeded", "the refund is paid")


def test_a_dispute_that_is_won(customer: Customer) -> None:
    """By a card whose holder disputes what is paid: everything is as before, but for the fee."""
    customer.opened()
    customer.buyer.pay(DISPUTES)
    customer.is_set_aside("0", owed="0")
    customer.books_become(
        stripe_clearing="-16.75", stripe_fees="1.75", dispute_fees="15", deferred_revenue="-50", dispute_receivable="50"
    )

    customer.decide("won")
    customer.is_credited("500")
    customer.books_become(stripe_clearing="33.25", stripe_fees="1.75", dispute_fees="15", deferred_revenue="-50")
    customer.product.tie()


def test_a_dispute_that_is_lost(customer: Customer) -> None:
    """What is unspent is gone, and what is spent is owed, and a loss."""
    customer.bought(PAYS)
    customer.uses("200")
    customer.decide("open")
    customer.is_set_aside("-200", owed="200")
    customer.decide("lost")
    customer.books_become(
        stripe_clearing="-16.75", stripe_fees="1.75", dispute_fees="15", deferred_revenue="-20", loss_dispute="20"
    )
    assert ("-200", "200") == tuple(customer.balance()[name] for name in ("balance", "owed"))
    customer.product.tie()
