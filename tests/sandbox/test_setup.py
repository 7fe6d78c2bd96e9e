"""Cards that are saved for later: SetupIntents, and what they change."""

from typing import Any

import stripe

from tests.sandbox.asking import charge_params, refused, session_params
from tests.support.sandbox import SandboxAt


def set_up(client: stripe.StripeClient, customer: str, method: str) -> stripe.SetupIntent:
    return client.v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "usage": "off_session",
            "return_url": "https://shop.example/back",
        }
    )


def test_a_card_is_saved(client: stripe.StripeClient, customer: str) -> None:
    intent = set_up(client, customer, "pm_card_visa")
    assert "succeeded" == intent.status
    (saved,) = client.v1.customers.payment_methods.list(customer).data
    assert (intent.payment_method, "4242") == (saved.id, saved.card and saved.card.last4)


def test_a_declined_card_is_not_saved(client: stripe.StripeClient, customer: str) -> None:
    error = refused(lambda: set_up(client, customer, "pm_card_visa_chargeDeclined"), stripe.CardError)
    assert "requires_payment_method" == error.error.setup_intent.status
    assert [] == client.v1.customers.payment_methods.list(customer).data


def test_a_card_asks_once_and_pays_alone_then(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    """Set up with its holder, it does not ask off-session."""
    intent = set_up(client, customer, "pm_card_authenticationRequiredOnSetup")
    assert "requires_action" == intent.status
    after = sandbox.tell(f"/3ds/{intent.id}", result="complete")["intent"]
    assert "succeeded" == after["status"]
    params = charge_params(after["payment_method"], customer=customer, off_session=True)
    assert "succeeded" == client.v1.payment_intents.create(params).status


def test_a_holder_who_fails_saves_nothing(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    intent = set_up(client, customer, "pm_card_authenticationRequired")
    after = sandbox.tell(f"/3ds/{intent.id}", result="fail")["intent"]
    assert ("requires_payment_method", "setup_intent_authentication_failure") == (
        after["status"],
        after["last_setup_error"]["code"],
    )


def test_an_intent_is_given_up(client: stripe.StripeClient) -> None:
    intent = client.v1.setup_intents.create({})
    assert "canceled" == client.v1.setup_intents.cancel(intent.id).status
    assert "setup_intent_unexpected_state" == refused(lambda: client.v1.setup_intents.cancel(intent.id)).code


def test_a_session_saves_a_card(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    """Mode setup: nothing is paid."""
    wanted: Any = {"mode": "setup", "currency": "usd", "customer": customer, "line_items": None}
    params = {name: value for name, value in session_params(**wanted).items() if value is not None}
    session = client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]
    assert ("no_payment_required", None) == (session.payment_status, session.amount_total)
    sandbox.pay(session.id)
    done: Any = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
    assert ("complete", "succeeded") == (done.status, done.setup_intent.status)
    assert customer == done.setup_intent.payment_method.customer


def test_a_purchase_saves_the_card_where_that_was_asked_for(
    client: stripe.StripeClient, sandbox: SandboxAt, customer: str
) -> None:
    wanted: Any = {"setup_future_usage": "off_session"}
    session = client.v1.checkout.sessions.create(session_params(customer=customer, payment_intent_data=wanted))
    sandbox.pay(session.id, card="4000002500003155", authenticate="complete")
    (saved,) = client.v1.customers.payment_methods.list(customer).data
    params = charge_params(saved.id, customer=customer, off_session=True)
    assert "succeeded" == client.v1.payment_intents.create(params).status
