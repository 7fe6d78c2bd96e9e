"""Events as Stripe would send them, and what is in the inbox."""

import hashlib
import hmac
import itertools
import json
import time
from typing import Any

import httpx
import stripe

from tests.support.api import run_sql
from tests.support.desk import SECRET

HOOK = "/stripe/webhooks"

_number = itertools.count(1)


def event(kind: str = "charge.updated", thing: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One that says nothing wrong, unless ``more`` does."""
    number = next(_number)
    return {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(time.time()),
        "data": {"object": thing or {"id": f"ch_{number}", "object": "charge"}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    } | more


def signed(body: bytes, secret: str = SECRET, ago_s: float = 0) -> str:
    """The header that Stripe sends with these bytes; written out here, as the SDK signs texts alone."""
    at = int(time.time() - ago_s)
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


async def send(client: httpx.AsyncClient, told: Any, signature: str | None = None) -> httpx.Response:
    """Deliver an event, or a body as it is, by default signed as Stripe does."""
    body = told if isinstance(told, bytes) else json.dumps(told, indent=2).encode()
    header = signed(body) if signature is None else signature
    return await client.post(HOOK, content=body, headers={"Stripe-Signature": header})


def inbox(database_url: str) -> dict[str, str]:
    """Events by id, each with its state."""
    return dict(run_sql(database_url, "SELECT event, state FROM stripe_events"))
