"""Examples of payments, which need a Stripe: the sandbox."""

from __future__ import annotations

import re
from typing import Any, Protocol

from ledger.kit.http.answers import encode
from ledger.kit.ids import parse_wallet
from ledger.payments.customers import customer_of
from ledger.payments.gateway import plain
from ledger.payments.methods.converge import converge_customer
from ledger.payments.reconcile.service import reconcile
from ledger.refill import attempts
from ledger.refill.charge.steps import step
from tests.payments.events import HOOK, signed
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt


class Call(Protocol):
    """``examples.Recorder``."""

    api: Any
    examples: dict[str, dict[str, Any]]

    async def __call__(self, operation: str, method: str, path: str, body: Any = None, *, keep: bool = True) -> Any: ...


async def record_payments(call: Call, wallet: str, sandbox: SandboxAt) -> None:
    """One link that is paid, one that is canceled."""
    wanted = {"amount": "50.00", "description": "500 credits", "success_url": "https://example.com/thanks"}
    link = await call("create_payment_link", "POST", f"{wallet}/payment-links", wanted)
    several = {"links": [{"amount": "20.00"}, {"amount": "100.00", "reusable": True}]}
    made = await call("create_payment_links", "POST", f"{wallet}/payment-links/batch", several)
    await call("get_payment_link", "GET", f"/v1/payment-links/{link['payment_id']}")
    await call("list_payment_links", "GET", f"{wallet}/payment-links?limit=1")
    await call("cancel_payment_link", "POST", f"/v1/payment-links/{made['links'][0]['payment_id']}/cancel")
    path = "/pay/" + link["payment_url"].rpartition("/")[2]
    page = await call.api.send("GET", path)
    session = re.findall(r"cs_test_\w+", page.headers["location"])[0]
    sandbox.pay(session)
    await call.api.send("GET", f"{path}/done?session_id={session}")
    await call("get_payment", "GET", f"/v1/payments/{link['payment_id']}")
    await call("list_payments", "GET", f"{wallet}/payments?limit=1")
    await _refunds(call, link["payment_id"], sandbox)
    await _methods(call, wallet, sandbox)
    await _refill(call, sandbox)
    await _event(call, sandbox)


async def _refunds(call: Call, payment: str, sandbox: SandboxAt) -> None:
    """A part is refunded, the rest disputed; and all of it reconciled."""
    path = f"/v1/payments/{payment}"
    refunded = await call(
        "refund_payment", "POST", f"{path}/refunds", {"amount": "10.00", "reason": "requested_by_customer"}
    )
    await call("list_refunds", "GET", f"{path}/refunds")
    await call("get_refund", "GET", f"/v1/refunds/{refunded['id']}")
    [refund] = sandbox.client().v1.refunds.list({"limit": 1}).data
    sandbox.tell(f"/dispute/{refund.charge}", reason="product_not_received")
    async with desk_at(call.api.database_url, sandbox) as desk:
        await reconcile(desk, desk.database)
    await call("list_disputes", "GET", f"{path}/disputes")
    await call("get_reconciliation", "GET", "/v1/finance/reconciliation")


async def _methods(call: Call, wallet: str, sandbox: SandboxAt) -> None:
    """A card that is saved, and taken away."""
    urls = {"success_url": "https://example.com/saved", "cancel_url": "https://example.com/account"}
    link = await call("create_setup_link", "POST", f"{wallet}/payment-methods/setup-link", urls)
    sandbox.pay(re.findall(r"cs_test_\w+", link["setup_url"])[0])
    [customer] = sandbox.client().v1.customers.list({"limit": 1}).data
    async with desk_at(call.api.database_url, sandbox) as desk:
        await converge_customer(desk, customer.id)
    listed = await call("list_payment_methods", "GET", f"{wallet}/payment-methods")
    method = f"{wallet}/payment-methods/{listed['items'][0]['id']}"
    await call("choose_payment_method", "POST", f"{method}/default")
    await call("detach_payment_method", "DELETE", method)


async def _refill(call: Call, sandbox: SandboxAt) -> None:
    """A wallet with a card that runs low, and is refilled as a worker does it."""
    opened = await call("open_wallet", "POST", "/v1/wallets", {"owner_id": "user-46"}, keep=False)
    wallet = f"/v1/wallets/{opened['id']}"
    given = {"amount": "120", "source": "promotional", "reason": "Trial"}
    await call("give_credits", "POST", f"{wallet}/credits", given, keep=False)
    async with desk_at(call.api.database_url, sandbox) as desk:
        customer = await customer_of(desk, parse_wallet(opened["id"]))
        sandbox.client().v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        await converge_customer(desk, customer)
        terms = {"threshold": "100", "amount_usd": "50", "maximum_per_month": 5, "monthly_spend_cap": "200"}
        hours = {"business_hours_only": True, "business_hours": {"opens": "00:00", "closes": "24:00"}}
        consent = {"consent": {"given_by": "ada@example.com"}}
        webhook = {"notification_webhook": "https://example.com/hooks/refills"}
        path = f"{wallet}/auto-refill"
        await call("set_auto_refill", "PUT", path, {"enabled": True} | terms | hours | consent | webhook)
        await call("charge_usage", "POST", f"{wallet}/usage", {"service": "chat", "credits": "30"}, keep=False)
        async with desk.database.transaction() as connection:
            [due] = await attempts.claim(connection, 1)
        await step(desk, due)
    listed = await call("list_refill_attempts", "GET", f"{path}/attempts")
    await call("get_refill_attempt", "GET", f"{path}/attempts/{listed['items'][0]['id']}")
    await call("get_auto_refill", "GET", path)
    await call("resume_auto_refill", "POST", f"{path}/resume")
    await call("set_refill_switch", "PUT", "/v1/auto-refill/switch", {"stopped": True, "reason": "Odd charges"})
    await call("get_refill_switch", "GET", "/v1/auto-refill/switch")


async def _event(call: Call, sandbox: SandboxAt) -> None:
    """As Stripe sends it."""
    [event] = sandbox.client().v1.events.list({"limit": 1}).data
    body = encode(plain(event))
    answer = await call.api.send("POST", HOOK, content=body, headers={"Stripe-Signature": signed(body)})
    assert answer.status_code == 200, answer.text
    call.examples["take_stripe_event"] = {"response": answer.json()}
