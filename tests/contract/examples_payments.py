"""Examples of payments, which need a Stripe: the sandbox."""

from __future__ import annotations

import re
from typing import Any, Protocol

from tests.support.sandbox import SandboxAt


class Call(Protocol):
    """``examples.Recorder``."""

    api: Any

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
