"""Events are judged with what they carry."""

import ast
from typing import Any

import pytest

from tests.contract.stripe import events, sources
from tests.contract.stripe.more_samples import DISPUTE, PAYOUT
from tests.contract.stripe.samples import CHARGE, CUSTOMER, PAYMENT_INTENT, REFUND, SESSION, event

SUBSCRIBED = {
    "checkout.session.completed": "checkout.session",
    "checkout.session.async_payment_succeeded": "checkout.session",
    "checkout.session.async_payment_failed": "checkout.session",
    "checkout.session.expired": "checkout.session",
    "payment_intent.succeeded": "payment_intent",
    "payment_intent.payment_failed": "payment_intent",
    "payment_intent.requires_action": "payment_intent",
    "charge.updated": "charge",
    "charge.refunded": "charge",
    "refund.created": "refund",
    "refund.updated": "refund",
    "refund.failed": "refund",
    "charge.dispute.created": "dispute",
    "charge.dispute.closed": "dispute",
    "charge.dispute.funds_withdrawn": "dispute",
    "charge.dispute.funds_reinstated": "dispute",
    "radar.early_fraud_warning.created": "radar.early_fraud_warning",
    "setup_intent.succeeded": "setup_intent",
    "payment_method.attached": "payment_method",
    "payment_method.automatically_updated": "payment_method",
    "customer.updated": "customer",
    "customer.deleted": "customer",
    "invoice.paid": "invoice",
    "payout.paid": "payout",
    "payout.reconciliation_completed": "payout",
}


def test_what_events_carry_is_known_of_all_that_we_subscribe_to() -> None:
    assert SUBSCRIBED == {kind: events.carries().get(kind) for kind in SUBSCRIBED}


def test_these_are_types_of_events() -> None:
    (hint,) = [hint for name, hint, _ in sources.read("stripe._event").find("Event").fields() if name == "type"]
    assert isinstance(hint, ast.Subscript) and SUBSCRIBED.keys() <= set(ast.literal_eval(hint.slice))


@pytest.mark.parametrize(
    "right",
    [
        event("charge.updated", CHARGE | {"balance_transaction": "txn_1"}, balance_transaction=None),
        event("checkout.session.completed", SESSION | {"status": "complete", "payment_status": "paid", "url": None}),
        event("customer.updated", CUSTOMER, invoice_settings={"default_payment_method": None}),
        event("customer.updated", CUSTOMER, metadata={"added": None, "changed": "before"}),
        event("charge.dispute.funds_withdrawn", DISPUTE, balance_transactions=[]),
        event("payout.paid", PAYOUT) | {"request": {"id": None, "idempotency_key": None}},
        event(
            "refund.failed", REFUND | {"status": "failed", "failure_reason": "lost_or_stolen_card"}, status="succeeded"
        ),
    ],
)
def test_right_events(right: dict[str, Any]) -> None:
    assert [] == events.judged(right)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (event("charge.updated", REFUND), "data.object.object: charge.updated carries a charge, and not a refund"),
        (event("charge.updated", CHARGE | {"invoice": None}), "data.object.invoice: the API knows no such field"),
        (event("charge.updated", CHARGE, fee=1), "data.previous_attributes.fee: the API knows no such field"),
        (event("charge.updated", CHARGE | {"metadata": {"a": None}}), "data.object.metadata.a: None is not of type"),
        (event("charge.updated", CHARGE, amount="1"), "data.previous_attributes.amount: '1' is not of type 'integer'"),
        (event("charge.updated", {"object": "purchase"}), "data.object.object: charge.updated carries a charge"),
        (event("charge.exploded", CHARGE), "type: 'charge.exploded' is none of"),
        (event("charge.updated", CHARGE) | {"api_version": "2017-08-15"}, "api_version: '2017-08-15' is not that of"),
        (event("charge.updated", CHARGE) | {"pending_webhooks": None}, "pending_webhooks: None is not of type"),
        (
            event("payment_intent.succeeded", PAYMENT_INTENT | {"latest_charge": CHARGE}),
            "data.object.latest_charge: the object, where only its id was asked for",
        ),
        (event("charge.updated", CHARGE) | {"data": {"object": 1}}, "data.object: 1 is not of type 'object'"),
        (event("charge.updated", CHARGE) | {"data": None}, "data: None is not of type 'object'"),
    ],
)
def test_wrong_events(wrong: dict[str, Any], said: str) -> None:
    assert str(events.judged(wrong)[0]).startswith(said), events.judged(wrong)
