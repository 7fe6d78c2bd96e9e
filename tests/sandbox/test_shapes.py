"""Every object has the members that the SDK names, and no other."""

from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charged, session_params
from tests.support.sandbox import SandboxAt

CLASSES: dict[str, type] = {
    "balance_transaction": stripe.BalanceTransaction,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "payment_intent": stripe.PaymentIntent,
    "payment_link": stripe.PaymentLink,
    "payment_method": stripe.PaymentMethod,
    "payout": stripe.Payout,
    "price": stripe.Price,
    "product": stripe.Product,
    "refund": stripe.Refund,
    "setup_intent": stripe.SetupIntent,
    "subscription": stripe.Subscription,
    "test_helpers.test_clock": stripe.test_helpers.TestClock,
    "webhook_endpoint": stripe.WebhookEndpoint,
}


def faults(thing: Any, described: type) -> list[str]:
    """What is wrong with an object: strange members, and missing ones that are never null."""
    hints = {name: hint for name, hint in described.__annotations__.items() if name != "OBJECT_NAME"}
    inner = {name: value for name, value in vars(described).items() if isinstance(value, type)}
    found = [f"{name} is strange" for name in thing if name not in hints]
    for name, hint in hints.items():
        nullable = "Optional" in str(hint) or "NoneType" in str(hint)
        if name not in thing:
            found += [] if nullable else [f"{name} is missing"]
        elif thing[name] is None:
            found += [] if nullable else [f"{name} is null"]
        else:
            found += [f"{name}.{fault}" for fault in _inside(thing[name], hint, inner)]
    return found


def _inside(value: Any, hint: Any, inner: dict[str, type]) -> list[str]:
    """The faults of a nested object, whose class stands in the class of the outer one."""
    named = [name for name in inner if f"'{name}'" in str(hint) or f".{name}]" in str(hint) or f".{name}'" in str(hint)]
    if len(named) != 1 or not hasattr(inner[named[0]], "__annotations__"):
        return []
    values = value if isinstance(value, list) else [value]
    return [fault for one in values if isinstance(one, dict) for fault in faults(one, inner[named[0]])]


@pytest.fixture(scope="module")
def things(_served: SandboxAt | None) -> dict[str, dict[str, Any]]:
    """One object of each kind, after a busy day."""
    if _served is None:
        pytest.skip("Stripe's own objects are Stripe's")
    client = _served.client()
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    session = client.v1.checkout.sessions.create(
        session_params(customer=customer, invoice_creation={"enabled": True}, automatic_tax={"enabled": False})
    )
    _served.pay(session.id, card="4000000000000259")
    client.v1.setup_intents.create({"customer": customer})
    client.v1.refunds.create({"charge": charged(client, "pm_card_bypassPending", amount=50_000).id, "amount": 100})
    price: Any = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}}
    client.v1.payment_links.create(
        {
            "line_items": [{"price_data": price, "quantity": 1}],
            "restrictions": {"completed_sessions": {"limit": 1}},
            "payment_intent_data": {"description": "x"},
        }
    )
    monthly: Any = {**price, "recurring": {"interval": "month"}}
    client.v1.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price": client.v1.prices.create(monthly).id}],
            "default_payment_method": client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id,
        }
    )
    client.v1.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    client.v1.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["topup.failed"]})
    _served.pass_time(60)
    _served.tell("/payout")
    lists: list[Any] = [client.v1.events, client.v1.balance_transactions, client.v1.webhook_endpoints]
    lists += [client.v1.payouts, client.v1.disputes, client.v1.payment_links, client.v1.invoices]
    lists += [client.v1.customers, client.v1.products, client.v1.prices, client.v1.setup_intents, client.v1.refunds]
    lists += [client.v1.payment_intents, client.v1.charges, client.v1.checkout.sessions]
    lists += [client.v1.subscriptions, client.v1.test_helpers.test_clocks]
    found = [one.to_dict(for_json=True) for listed in lists for one in listed.list({"limit": 1}).data]
    found.append(client.v1.payment_methods.retrieve("pm_card_visa").to_dict(for_json=True))
    return {thing["object"]: thing for thing in found}


@pytest.mark.parametrize("kind", CLASSES)
def test_objects_are_as_the_sdk_has_them(things: dict[str, dict[str, Any]], kind: str) -> None:
    found = faults(things[kind], CLASSES[kind])
    assert [] == found, found
