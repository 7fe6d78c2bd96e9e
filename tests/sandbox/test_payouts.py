"""The balance and its payouts: every movement is in one, and in one only."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charged, refused
from tests.support.sandbox import SandboxAt

DAY_S = 86_400


@pytest.fixture(autouse=True)
def _empty(sandbox: SandboxAt) -> Iterator[None]:
    """An account of its own for each test."""
    sandbox.tell("/reset")
    sandbox.tell("/config", fee_known_after_s=0, refund_after_s=0, dispute_after_s=0)
    yield


def paid_out(client: stripe.StripeClient, sandbox: SandboxAt) -> stripe.Payout:
    """Everything, on its way."""
    payout = sandbox.tell("/payout")["payout"]
    return client.v1.payouts.retrieve(payout["id"])


def entries(client: stripe.StripeClient, payout: str) -> list[stripe.BalanceTransaction]:
    found = client.v1.balance_transactions.list({"payout": payout, "limit": 100}).data
    return [one for one in found if one.type != "payout"]


def test_money_is_pending_before_it_is_available(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    charged(client)
    before = client.v1.balance.retrieve()
    assert (941, 0) == (before.pending[0].amount, before.available[0].amount)
    sandbox.tell("/config", payout_daily=False)
    sandbox.pass_time(2 * DAY_S + 1)
    after = client.v1.balance.retrieve()
    assert (0, 941) == (after.pending[0].amount, after.available[0].amount)


def test_one_card_is_available_at_once(client: stripe.StripeClient) -> None:
    charged(client, "pm_card_bypassPending")
    assert 941 == client.v1.balance.retrieve().available[0].amount


def test_a_payout_ties_to_its_entries(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Their nets add up to it, the fee, a refund and a dispute included."""
    first, second = (charged(client, "pm_card_bypassPending", amount=5000) for _ in range(2))
    client.v1.refunds.create({"charge": first.id, "amount": 700})
    sandbox.tell(f"/dispute/{second.id}", amount=1000)
    payout = paid_out(client, sandbox)
    assert ("pending", True, "in_progress") == (payout.status, payout.automatic, payout.reconciliation_status)
    found = entries(client, payout.id)
    assert {"charge", "refund", "adjustment"} == {one.type for one in found}
    assert payout.amount == sum(one.net for one in found)
    assert 0 == client.v1.balance.retrieve().available[0].amount
    sandbox.pass_time(DAY_S)
    after = client.v1.payouts.retrieve(payout.id)
    assert ("paid", "completed") == (after.status, after.reconciliation_status)
    told = [event.type for event in client.v1.events.list({"limit": 5}).data]
    assert ["payout.reconciliation_completed", "payout.paid"] == told[:2]


def test_what_is_available_is_paid_out_at_midnight(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Every day, and nothing where there is nothing."""
    charged(client)
    sandbox.pass_time(6 * DAY_S)
    (payout,) = client.v1.payouts.list().data
    assert (941, 0, "paid") == (payout.amount, payout.created % DAY_S, payout.status)
    assert [payout.id] == [one.id for one in client.v1.payouts.list({"status": "paid"}).data]


def test_a_payout_fails(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The money is back, and part of the next one."""
    charged(client, "pm_card_bypassPending")
    payout = paid_out(client, sandbox)
    failed = sandbox.tell(f"/payout/{payout.id}", outcome="failed")
    assert ("failed", "account_closed") == (failed["status"], failed["failure_code"])
    assert 941 == client.v1.balance.retrieve().available[0].amount
    again = paid_out(client, sandbox)
    assert ["payout_failure"] == [one.type for one in entries(client, again.id)]
    assert "payout.failed" in {event.type for event in client.v1.events.list({"limit": 10}).data}


def test_an_amount_is_paid_out_on_demand(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """No more than is available; and reconciled with nothing."""
    error = refused(lambda: client.v1.payouts.create({"amount": 1, "currency": "usd"}))
    assert "balance_insufficient" == error.code
    charged(client, "pm_card_bypassPending")
    payout = client.v1.payouts.create({"amount": 500, "currency": "usd"})
    assert (False, "not_applicable") == (payout.automatic, payout.reconciliation_status)
    assert 441 == client.v1.balance.retrieve().available[0].amount
    assert "canceled" == client.v1.payouts.cancel(payout.id).status
    assert 941 == client.v1.balance.retrieve().available[0].amount


def test_what_stripe_holds(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """All charges, the balance, and the sums of each type of movement."""
    charge = charged(client, metadata={"payment_id": "p-1"})
    client.v1.refunds.create({"charge": charge.id, "amount": 200})
    held: Any = sandbox.ask("/money")
    (told,) = held["charges"]
    assert (charge.id, 1000, 200, {"payment_id": "p-1"}) == (
        told["id"],
        told["amount"],
        told["amount_refunded"],
        told["metadata"],
    )
    assert 741 == held["total"]
    assert {"count": 1, "amount": 1000, "fee": 59, "net": 941} == held["by_type"]["charge"]
    assert {"count": 1, "amount": -200, "fee": 0, "net": -200} == held["by_type"]["refund"]
