"""Examples of payments, which need a Stripe: the sandbox."""

from __future__ import annotations

import re
from typing import Any, Protocol

from ledger.kit.http.answers import encode
from ledger.payments.gateway import plain
from ledger.payments.methods.converge import converge_customer
from ledger.payments.reconcile.service import reconcile
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


async def _event(call: Call, sandbox: SandboxAt) -> None:
    """As Stripe sends it."""
    [event] = sandbox.client().v1.events.list({"limit": 1}).data
    body = encode(plain(event))
    answer = await call.api.send("POST", HOOK, content=body, headers={"Stripe-Signature": signed(body)})
    assert answer.status_code == 200, answer.text
    call.examples["take_stripe_event"] = {"response": answer.json()}
