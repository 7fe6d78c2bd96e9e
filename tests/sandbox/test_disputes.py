"""Behaviour 9: disputes take the money, inquiries only ask; evidence decides."""

from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charged, refused
from tests.support.sandbox import SandboxAt
from tests.support.waiting import until


def disputed(client: stripe.StripeClient, method: str = "pm_card_createDispute") -> stripe.Dispute:
    """A payment with a card that disputes it: the dispute."""
    charge = charged(client, method)
    until(lambda: bool(client.v1.disputes.list({"charge": charge.id}).data), "the charge is disputed")
    return client.v1.disputes.list({"charge": charge.id}).data[0]


def happened(client: stripe.StripeClient, dispute: str) -> list[str]:
    events = client.v1.events.list({"limit": 50}).data
    return [event.type for event in reversed(events) if event.data.object["id"] == dispute]


def answer(client: stripe.StripeClient, dispute: str, text: str, **more: Any) -> stripe.Dispute:
    return client.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": text}, **more})


def test_a_dispute_takes_the_money(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """And a fee."""
    dispute = disputed(client)
    assert ("needs_response", "fraudulent", False, 1000) == (
        dispute.status,
        dispute.reason,
        dispute.is_charge_refundable,
        dispute.amount,
    )
    (moved,) = dispute.balance_transactions
    assert ("adjustment", -1000, 1500, -2500) == (moved.type, moved.amount, moved.fee, moved.net)
    assert ["charge.dispute.created", "charge.dispute.funds_withdrawn"] == happened(client, dispute.id)
    charge = client.v1.charges.retrieve(str(dispute.charge))
    assert charge.disputed
    assert "charge_disputed" == refused(lambda: client.v1.refunds.create({"charge": charge.id})).code


def test_an_inquiry_takes_nothing(client: stripe.StripeClient) -> None:
    """A refund ends it."""
    dispute = disputed(client, "pm_card_createDisputeInquiry")
    assert ("warning_needs_response", True, []) == (
        dispute.status,
        dispute.is_charge_refundable,
        list(dispute.balance_transactions),
    )
    assert ["charge.dispute.created"] == happened(client, dispute.id)
    client.v1.refunds.create({"charge": str(dispute.charge)})
    assert "warning_closed" == client.v1.disputes.retrieve(dispute.id).status


def test_a_card_disputes_for_another_reason(client: stripe.StripeClient) -> None:
    assert "product_not_received" == disputed(client, "pm_card_createDisputeProductNotReceived").reason


@pytest.mark.parametrize(
    ("evidence", "status", "events"),
    [
        ("winning_evidence", "won", ["charge.dispute.closed", "charge.dispute.funds_reinstated"]),
        ("losing_evidence", "lost", ["charge.dispute.closed"]),
        ("I was on holiday", "under_review", []),
    ],
)
def test_evidence_decides(
    client: stripe.StripeClient, sandbox: SandboxAt, evidence: str, status: str, events: list[str]
) -> None:
    """What was withdrawn comes back when it is won, but for the fee."""
    dispute = disputed(client)
    assert "under_review" == answer(client, dispute.id, evidence).status
    sandbox.pass_time(1)
    after = client.v1.disputes.retrieve(dispute.id)
    assert (status, 1) == (after.status, after.evidence_details.submission_count)
    assert events == happened(client, dispute.id)[3:]
    nets = [moved.net for moved in after.balance_transactions]
    assert ([-2500, 1000] if status == "won" else [-2500]) == nets


def test_evidence_can_be_kept_for_later(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    dispute = disputed(client)
    kept = answer(client, dispute.id, "winning_evidence", submit=False)
    assert ("needs_response", True, 0) == (
        kept.status,
        kept.evidence_details.has_evidence,
        kept.evidence_details.submission_count,
    )


def test_a_dispute_is_given_up(client: stripe.StripeClient) -> None:
    """Once."""
    dispute = disputed(client)
    assert "lost" == client.v1.disputes.close(dispute.id).status
    assert 400 == refused(lambda: client.v1.disputes.close(dispute.id)).http_status
    assert "charge.dispute.closed" == happened(client, dispute.id)[-1]


def test_an_inquiry_becomes_a_dispute(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    dispute = disputed(client, "pm_card_createDisputeInquiry")
    answer(client, dispute.id, "escalate_inquiry_evidence")
    sandbox.pass_time(1)
    after = client.v1.disputes.retrieve(dispute.id)
    assert ("needs_response", 1) == (after.status, len(after.balance_transactions))


def test_any_charge_can_be_disputed(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """And decided on, whatever its card does by itself."""
    charge = charged(client)
    made = sandbox.tell(f"/dispute/{charge.id}", reason="duplicate", amount=400)
    assert ("duplicate", 400) == (made["reason"], made["amount"])
    assert "won" == sandbox.tell(f"/dispute/{made['id']}", outcome="won")["status"]


def test_countering_can_cost(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """A fee of its own, which comes back when the dispute is won."""
    sandbox.tell("/config", countered_fee_cents=1500)
    dispute = disputed(client)
    answer(client, dispute.id, "winning_evidence")
    sandbox.pass_time(1)
    sandbox.tell("/config", countered_fee_cents=0)
    fees = client.v1.balance_transactions.list({"source": dispute.id, "type": "stripe_fee"}).data
    assert [1500, -1500] == [fee.amount for fee in fees]
    assert {"fee"} == {fee.reporting_category for fee in fees}
