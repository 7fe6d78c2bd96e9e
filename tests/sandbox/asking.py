"""What tests ask for again and again."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.support.waiting import until


def session_params(**more: Any) -> Any:
    """A session that sells credits for 10.50 USD."""
    price = {"currency": "usd", "unit_amount": 1050, "product_data": {"name": "Credits"}}
    return {
        "mode": "payment",
        "success_url": "https://shop.example/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/cancelled",
        "line_items": [{"quantity": 1, "price_data": price}],
    } | more


def charge_params(method: str = "pm_card_visa", **more: Any) -> Any:
    """A payment of 10 USD with nobody there."""
    alone = {"enabled": True, "allow_redirects": "never"}
    return {
        "amount": 1000,
        "currency": "usd",
        "payment_method": method,
        "confirm": True,
        "automatic_payment_methods": alone,
    } | more


def charged(client: stripe.StripeClient, method: str = "pm_card_visa", **more: Any) -> stripe.Charge:
    """A charge, with its balance transaction as soon as it has one."""
    intent = client.v1.payment_intents.create(charge_params(method, **more))
    assert isinstance(intent.latest_charge, str)
    return settled(client, intent.latest_charge)


def settled(client: stripe.StripeClient, charge: str) -> stripe.Charge:
    found: list[stripe.Charge] = []

    def known() -> bool:
        found[:] = [client.v1.charges.retrieve(charge, {"expand": ["balance_transaction"]})]
        return found[0].balance_transaction is not None

    until(known, "the charge has a balance transaction")
    return found[0]


def refused(call: Callable[[], Any], kind: type[stripe.StripeError] = stripe.InvalidRequestError) -> Any:
    """The error that a call is answered with."""
    with pytest.raises(kind) as raised:
        call()
    return raised.value
