"""Cards that are saved for later: SetupIntents, and what they change."""

from typing import Any

import httpx
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


def test_a_brand_has_two_names(client: stripe.StripeClient, customer: str) -> None:
    card: Any = client.v1.payment_methods.attach("pm_card_amex", {"customer": customer}).card
    assert ("amex", "american_express") == (card.brand, card.display_brand)


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


def test_what_a_session_has_made_is_the_sessions(client: stripe.StripeClient) -> None:
    """It can be neither confirmed nor given up otherwise."""
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "currency": "usd", "success_url": "https://shop.example"}
    )
    for call in (client.v1.setup_intents.cancel, client.v1.setup_intents.confirm):
        error = refused(lambda call=call: call(str(session.setup_intent)))
        assert "created by a Checkout Session" in str(error)


def test_what_is_over_cannot_be_changed(client: stripe.StripeClient) -> None:
    intent = client.v1.setup_intents.create({"payment_method": "pm_card_visa"})
    client.v1.setup_intents.cancel(intent.id)
    error = refused(lambda: client.v1.setup_intents.update(intent.id, {"payment_method": "pm_card_visa"}))
    assert "may be updated: requires_payment_method, " in str(error)


def test_a_session_saves_a_card(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    """Mode setup: nothing is paid."""
    wanted: Any = {"mode": "setup", "currency": "usd", "customer": customer, "line_items": None}
    params = {name: value for name, value in session_params(**wanted).items() if value is not None}
    session = client.v1.checkout.sessions.create(params)
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
    sandbox.pay(session.id, card="4000002500003155", outcome="authenticate_complete")
    (saved,) = client.v1.customers.payment_methods.list(customer).data
    params = charge_params(saved.id, customer=customer, off_session=True)
    assert "succeeded" == client.v1.payment_intents.create(params).status


def test_a_customer_changes_the_card_on_the_portal(
    client: stripe.StripeClient, sandbox: SandboxAt, customer: str
) -> None:
    """A new one, which becomes the default; the old one again; and one that asks for its holder."""
    flow: Any = {"type": "payment_method_update"}
    session = client.v1.billing_portal.sessions.create(
        {"customer": customer, "return_url": "https://shop.example/account", "flow_data": flow}
    )
    card = {"method": "card", "expiry": "12/39", "cvc": "123"}

    def default() -> Any:
        after = client.v1.customers.retrieve(customer, {"expand": ["invoice_settings.default_payment_method"]})
        assert after.invoice_settings is not None
        return after.invoice_settings.default_payment_method

    assert 402 == httpx.post(session.url, data=card | {"number": "4000000000000002"}).status_code
    answer = httpx.post(session.url, data=card | {"number": "4242424242424242"})
    assert (303, "https://shop.example/account") == (answer.status_code, answer.headers["Location"])
    first = default()
    assert "4242" == first.card.last4
    answer = httpx.post(session.url, data=card | {"number": "4000002760003184"})
    httpx.post(httpx.URL(session.url).join(answer.headers["Location"]), data={"result": "complete"})
    assert "3184" == default().card.last4
    assert "Visa ending in 4242" in httpx.get(session.url).text
    httpx.post(session.url, data={"method": first.id})
    assert first.id == default().id
    sandbox.pass_time(3601)
    assert 404 == httpx.get(session.url).status_code
