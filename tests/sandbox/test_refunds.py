"""Behaviour 8: refunds, what they do to the charge, and those that fail later."""

from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charged, refused
from tests.support.sandbox import SandboxAt


def balance(sandbox: SandboxAt) -> int:
    return int(sandbox.ask("/money")["total"])


def test_parts_add_up_to_the_whole(client: stripe.StripeClient) -> None:
    """``amount_refunded`` grows with each; the charge is refunded when all is."""
    charge = charged(client)
    first = client.v1.refunds.create({"charge": charge.id, "amount": 300, "reason": "requested_by_customer"})
    assert ("succeeded", 300, charge.payment_intent) == (first.status, first.amount, first.payment_intent)
    half = client.v1.charges.retrieve(charge.id)
    assert (300, False) == (half.amount_refunded, half.refunded)
    client.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    whole = client.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (1000, True) == (whole.amount_refunded, whole.refunded)
    assert whole.refunds is not None
    assert [700, 300] == [refund.amount for refund in whole.refunds.data]


def test_no_more_than_there_is(client: stripe.StripeClient) -> None:
    charge = charged(client)
    error = refused(lambda: client.v1.refunds.create({"charge": charge.id, "amount": 1001}))
    assert "amount" == error.param
    assert "Refund amount ($10.01) is greater than unrefunded amount on charge ($10.00)" in str(error)
    client.v1.refunds.create({"charge": charge.id})
    error = refused(lambda: client.v1.refunds.create({"charge": charge.id}))
    assert "charge_already_refunded" == error.code


def test_a_refund_moves_money_and_gives_no_fee_back(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    charge = charged(client)
    before = balance(sandbox)
    refund: Any = client.v1.refunds.create({"charge": charge.id, "amount": 400, "expand": ["balance_transaction"]})
    moved = refund.balance_transaction
    assert ("refund", -400, 0, -400, refund.id) == (moved.type, moved.amount, moved.fee, moved.net, moved.source)
    assert before - 400 == balance(sandbox)


def test_events_tell_of_a_refund(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The charge once, with what it was before; the refund when it is made and when it has a reference."""
    charge = charged(client)
    refund = client.v1.refunds.create({"charge": charge.id, "amount": 400})
    sandbox.pass_time(1)
    events = client.v1.events.list({"limit": 20}).data
    of_charge = [event for event in events if event.type == "charge.refunded" and event.data.object["id"] == charge.id]
    assert 1 == len(of_charge)
    before = of_charge[0].data.previous_attributes
    assert before is not None
    assert {"amount_refunded": 0} == before.to_dict()
    of_refund = [event.type for event in reversed(events) if event.data.object["id"] == refund.id]
    assert ["refund.created", "refund.updated", "charge.refund.updated"] == of_refund
    after: Any = client.v1.refunds.retrieve(refund.id)
    assert "available" == after.destination_details.card.reference_status


def test_what_has_not_failed_has_no_movement_back(client: stripe.StripeClient) -> None:
    """To expand it is no mistake: of one refund, and of a list."""
    refund = client.v1.refunds.create({"charge": charged(client).id})
    one = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    listed = client.v1.refunds.list({"limit": 1, "expand": ["data.failure_balance_transaction"]})
    assert [None, None] == [getattr(each, "failure_balance_transaction", None) for each in (one, *listed.data)]


def test_a_refund_fails_after_it_succeeded(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The money is back, and the charge as if there had been no refund."""
    charge = charged(client, "pm_card_refundFail")
    before = balance(sandbox)
    sandbox.tell("/config", refund_after_s=30)
    refund = client.v1.refunds.create({"charge": charge.id})
    assert "succeeded" == refund.status
    sandbox.tell("/config", refund_after_s=0)
    sandbox.pass_time(30)
    failed: Any = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert ("failed", "expired_or_canceled_card") == (failed.status, failed.failure_reason)
    assert ("refund_failure", 1000) == (
        failed.failure_balance_transaction.type,
        failed.failure_balance_transaction.amount,
    )
    after = client.v1.charges.retrieve(charge.id)
    assert (before, 0, False) == (balance(sandbox), after.amount_refunded, after.refunded)
    told = {event.type for event in client.v1.events.list({"limit": 10}).data if event.data.object["id"] == refund.id}
    assert {"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"} == told


def test_a_refund_is_pending_at_first(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    charge = charged(client, "pm_card_pendingRefund")
    sandbox.tell("/config", refund_after_s=30)
    refund = client.v1.refunds.create({"charge": charge.id})
    sandbox.tell("/config", refund_after_s=0)
    assert ("pending", "processing") == (refund.status, refund.pending_reason)
    sandbox.pass_time(30)
    assert "succeeded" == client.v1.refunds.retrieve(refund.id).status


def test_a_refund_that_waits_can_be_taken_back(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """And no other."""
    charge = charged(client)
    refund = client.v1.refunds.create({"charge": charge.id})
    refused(lambda: client.v1.refunds.cancel(refund.id))
    sandbox.tell(f"/refund/{refund.id}", status="requires_action")
    assert "canceled" == client.v1.refunds.cancel(refund.id).status
    assert 0 == client.v1.charges.retrieve(charge.id).amount_refunded


def test_refunds_are_listed(client: stripe.StripeClient) -> None:
    charge = charged(client)
    refund = client.v1.refunds.create({"charge": charge.id, "amount": 100})
    for wanted in ({"charge": charge.id}, {"payment_intent": str(charge.payment_intent)}):
        assert [refund.id] == [one.id for one in client.v1.refunds.list(wanted).data]
    assert "b" == client.v1.refunds.update(refund.id, {"metadata": {"a": "b"}}).metadata["a"]


@pytest.mark.parametrize("params", [{}, {"charge": "ch_x"}, {"payment_intent": "pi_x"}])
def test_a_refund_is_of_something(client: stripe.StripeClient, params: dict[str, str]) -> None:
    assert 400 == refused(lambda: client.v1.refunds.create(params)).http_status
