"""Requests for every route: something for each to work on, and a value for each parameter, as the contract has it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import stripe

from tests.contract.stripe.annotations import Schema
from tests.contract.stripe.operations import find
from tests.contract.stripe.schemas import lookup
from tests.sandbox.asking import charged, session_params
from tests.support.sandbox import SandboxAt

DEPTH_MAX = 4
FROZEN = 1_800_000_000
"""What time it is on test clocks."""
PRICE: Any = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}}
ALONE = {"enabled": True, "allow_redirects": "never"}
TEXTS = {"url": "https://shop.example/x", "email": "ada@example.com", "currency": "usd", "country": "US"}
"""By what the parameter's name ends in; any other text is "text"."""


def values(method: str, path: str) -> Iterator[tuple[str, Any]]:
    """Each parameter of a route that may be left out, with a value that has all there can be in it."""
    operation = find(method, path.replace("{id}", "x"))
    assert operation is not None, f"the API has no {method} {path}"
    for name, schema in operation.request["properties"].items():
        if name not in ("expand", *operation.request["required"]):
            yield name, value(name, schema)


def value(name: str, schema: Schema, depth: int = 0) -> Any:
    """A value of this schema: an object where it may be one, and the first of choices."""
    branches = [_plain(each) for each in _plain(schema).get("anyOf", [schema])]
    branch = min(branches, key=_rank)
    if "enum" in branch:
        return next(each for each in branch["enum"] if each)
    match branch.get("type"):
        case "object" if "properties" in branch:
            wanted = branch["properties"] if depth < DEPTH_MAX else branch["required"]
            return {each: value(each, branch["properties"][each], depth + 1) for each in wanted}
        case "object":
            return {"eur": value(name, branch["additionalProperties"], depth + 1)}
        case "array":
            return [value(name, branch["items"], depth + 1)]
        case "integer":
            return int(time.time()) + 7200 if name == "expires_at" else 500
        case "number":
            return 1.5
        case "boolean":
            return True
    return next((text for end, text in TEXTS.items() if name.endswith(end)), "100" if "decimal" in name else "text")


def _plain(schema: Schema) -> Schema:
    return lookup(schema["$ref"]) if "$ref" in schema else schema


def _rank(branch: Schema) -> int:
    """Objects first, choices next; null and the text that unsets last."""
    if branch.get("type") == "null" or ("enum" in branch and not any(branch["enum"])):
        return 9
    return 0 if branch.get("type") == "object" else 1 if "enum" in branch else 2


class Maker:
    """Makes what a route works on, and says what a request for it must say."""

    def __init__(self, client: stripe.StripeClient, at: SandboxAt) -> None:
        self.client = client
        self.at = at
        self.customer = client.v1.customers.create({"email": "ada@example.com"}).id
        self.price = client.v1.prices.create(PRICE)
        monthly: Any = {"interval": "month"}
        self.monthly = client.v1.prices.create({**PRICE, "recurring": monthly}).id
        charged(client, "pm_card_bypassPending", amount=90_000)  # to be paid out

    def path(self, path: str) -> str:
        """The path of a route with ids of what was made for it."""
        if "{id}" not in path:
            return path
        made = MADE.get(path) or MADE[path[: path.index("{id}") + len("{id}")]]
        found = made(self)
        for each in found if isinstance(found, tuple) else (found,):
            path = path.replace("{id}", each, 1)
        return path

    def params(self, method: str, path: str) -> dict[str, Any]:
        """What must be said; nothing of most routes."""
        said: Callable[[Maker], dict[str, Any]] | None = SAID.get(f"{method} {path}")
        return {} if said is None else said(self)

    def charge(self) -> str:
        return charged(self.client).id

    def intent(self, **more: Any) -> str:
        return self.client.v1.payment_intents.create({"amount": 1000, "currency": "usd", **more}).id

    def method(self) -> str:
        return self.client.v1.payment_methods.attach("pm_card_visa", {"customer": self.customer}).id

    def dispute(self) -> str:
        return str(self.at.tell(f"/dispute/{self.charge()}")["id"])

    def refund(self) -> str:
        return self.client.v1.refunds.create({"charge": self.charge(), "amount": 100}).id

    def waiting_refund(self) -> str:
        return str(self.at.tell(f"/refund/{self.refund()}", status="requires_action")["id"])

    def subscription(self) -> str:
        return self.client.v1.subscriptions.create(_subscription(self)).id  # type: ignore[arg-type]

    def clock(self) -> str:
        return self.client.v1.test_helpers.test_clocks.create({"frozen_time": FROZEN}).id

    def invoice(self) -> str:
        session = self.client.v1.checkout.sessions.create(session_params(invoice_creation={"enabled": True}))
        return str(self.at.pay(session.id)["session"]["invoice"])


MADE: dict[str, Callable[[Maker], Any]] = {
    "/v1/customers/{id}": lambda m: m.client.v1.customers.create({}).id,
    "/v1/customers/{id}/payment_methods/{id}": lambda m: (m.customer, m.method()),
    "/v1/payment_methods/{id}": Maker.method,
    "/v1/payment_methods/{id}/attach": lambda m: "pm_card_visa",
    "/v1/setup_intents/{id}": lambda m: m.client.v1.setup_intents.create({"payment_method": "pm_card_visa"}).id,
    "/v1/payment_intents/{id}": Maker.intent,
    "/v1/payment_intents/{id}/capture": lambda m: m.intent(
        capture_method="manual", payment_method="pm_card_visa", confirm=True, automatic_payment_methods=ALONE
    ),
    "/v1/charges/{id}": Maker.charge,
    "/v1/checkout/sessions/{id}": lambda m: m.client.v1.checkout.sessions.create(session_params()).id,
    "/v1/payment_links/{id}": lambda m: m.client.v1.payment_links.create(_lines(m)).id,  # type: ignore[arg-type]
    "/v1/products/{id}": lambda m: m.client.v1.products.create({"name": "Credits"}).id,
    "/v1/prices/{id}": lambda m: m.price.id,
    "/v1/refunds/{id}": Maker.refund,
    "/v1/refunds/{id}/cancel": Maker.waiting_refund,
    "/v1/disputes/{id}": Maker.dispute,
    "/v1/payouts/{id}": lambda m: m.client.v1.payouts.create({"amount": 100, "currency": "usd"}).id,
    "/v1/balance_transactions/{id}": lambda m: m.client.v1.balance_transactions.list({"limit": 1}).data[0].id,
    "/v1/invoices/{id}": Maker.invoice,
    "/v1/subscriptions/{id}": Maker.subscription,
    "/v1/test_helpers/test_clocks/{id}": Maker.clock,
    "/v1/events/{id}": lambda m: m.client.v1.events.list({"limit": 1}).data[0].id,
    "/v1/webhook_endpoints/{id}": lambda m: m.client.v1.webhook_endpoints.create(_endpoint(m)).id,  # type: ignore[arg-type]
}
"""By the path, or by its beginning."""


def _lines(maker: Maker) -> dict[str, Any]:
    return {"line_items": [{"price": maker.price.id, "quantity": 1}]}


def _endpoint(maker: Maker) -> dict[str, Any]:
    return {"url": "http://127.0.0.1:9/", "enabled_events": ["topup.failed"]}


def _subscription(maker: Maker) -> dict[str, Any]:
    items = [{"price": maker.monthly, "quantity": 1}]
    return {"customer": maker.customer, "items": items, "default_payment_method": maker.method()}


SAID: dict[str, Callable[[Maker], dict[str, Any]]] = {
    "POST /v1/payment_methods": lambda m: {"type": "card", "card": {"token": "tok_visa"}},
    "POST /v1/payment_methods/{id}/attach": lambda m: {"customer": m.customer},
    "POST /v1/setup_intents/{id}/confirm": lambda m: {"return_url": "https://shop.example"},
    "POST /v1/payment_intents": lambda m: {"amount": 1000, "currency": "usd"},
    "POST /v1/payment_intents/{id}/confirm": lambda m: {
        "payment_method": "pm_card_visa",
        "return_url": "https://shop.example",
    },
    "POST /v1/checkout/sessions": lambda m: session_params(),
    "POST /v1/payment_links": _lines,
    "POST /v1/billing_portal/sessions": lambda m: {"customer": m.customer},
    "POST /v1/products": lambda m: {"name": "Credits"},
    "POST /v1/prices": lambda m: {"currency": "usd", "product": str(m.price.product), "unit_amount": 500},
    "POST /v1/refunds": lambda m: {"charge": m.charge(), "amount": 100},
    "POST /v1/payouts": lambda m: {"amount": 100, "currency": "usd"},
    "POST /v1/webhook_endpoints": _endpoint,
    "POST /v1/subscriptions": _subscription,
    "POST /v1/test_helpers/test_clocks": lambda m: {"frozen_time": FROZEN},
    "POST /v1/test_helpers/test_clocks/{id}/advance": lambda m: {"frozen_time": FROZEN + 60},
}
