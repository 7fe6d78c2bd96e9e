"""Behaviours 6 and 7: PaymentIntents, off-session, declines, authentication; the fee that comes later."""

from typing import Any

import pytest
import stripe

from ledger.sandbox.rules.cards import BY_NAME
from tests.sandbox.asking import charge_params, charged, refused, settled
from tests.support.sandbox import SandboxAt

OFF_SESSION: dict[str, Any] = {"off_session": True}


def attached(client: stripe.StripeClient, customer: str, method: str) -> str:
    return client.v1.payment_methods.attach(method, {"customer": customer}).id


def test_an_intent_is_paid_step_by_step(client: stripe.StripeClient) -> None:
    """Made, given a payment method, confirmed."""
    intent = client.v1.payment_intents.create({"amount": 1000, "currency": "usd"})
    assert ("requires_payment_method", None) == (intent.status, intent.latest_charge)
    intent = client.v1.payment_intents.update(intent.id, {"payment_method": "pm_card_visa"})
    assert "requires_confirmation" == intent.status
    intent = client.v1.payment_intents.confirm(intent.id, {"return_url": "https://shop.example"})
    assert ("succeeded", 1000) == (intent.status, intent.amount_received)
    error = refused(lambda: client.v1.payment_intents.confirm(intent.id))
    assert "payment_intent_unexpected_state" == error.code
    assert "payment_intent_unexpected_state" == refused(lambda: client.v1.payment_intents.cancel(intent.id)).code


def test_an_intent_is_given_up(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 1000, "currency": "usd"})
    gone = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert ("canceled", "abandoned") == (gone.status, gone.cancellation_reason)
    assert gone.canceled_at is not None


def test_money_is_held_and_taken_later(client: stripe.StripeClient) -> None:
    """A part of it, and the rest is let go."""
    held = client.v1.payment_intents.create(charge_params(capture_method="manual"))
    assert ("requires_capture", 1000, 0) == (held.status, held.amount_capturable, held.amount_received)
    taken = client.v1.payment_intents.capture(held.id, {"amount_to_capture": 600})
    assert ("succeeded", 600) == (taken.status, taken.amount_received)
    charge = settled(client, str(taken.latest_charge))
    assert (600, 400, True) == (charge.amount_captured, charge.amount_refunded, charge.captured)


def test_without_a_way_back_a_confirmation_is_refused(client: stripe.StripeClient) -> None:
    """The account may have payment methods that redirect."""
    wanted = {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    error = refused(lambda: client.v1.payment_intents.create(wanted))
    assert "return_url" in str(error)


@pytest.mark.parametrize(
    ("method", "code", "reason"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_decline_leaves_a_failed_charge(
    client: stripe.StripeClient, method: str, code: str, reason: str | None
) -> None:
    """And an intent that waits for another card, with what was wrong in it."""
    error = refused(lambda: client.v1.payment_intents.create(charge_params(method)), stripe.CardError)
    assert (402, code) == (error.http_status, error.code)
    if reason is not None:
        assert reason == error.error.decline_code
    intent = client.v1.payment_intents.retrieve(error.error.payment_intent.id, {"expand": ["latest_charge"]})
    charge: Any = intent.latest_charge
    assert ("requires_payment_method", None) == (intent.status, intent.payment_method)
    assert intent.last_payment_error is not None
    assert (code, charge.id) == (intent.last_payment_error.code, intent.last_payment_error.charge)
    assert ("failed", False, code) == (charge.status, charge.paid, charge.failure_code)


def test_a_decline_says_what_to_do(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Advice, and the code of the network."""
    expected = {
        "pm_card_visa_chargeDeclinedInsufficientFunds": ("try_again_later", "51"),
        "pm_card_visa_chargeDeclinedStolenCard": ("do_not_try_again", "43"),
        "pm_card_chargeDeclinedExpiredCard": ("confirm_card_data", "54"),
    }
    for method, advice in expected.items():
        error = refused(lambda m=method: client.v1.payment_intents.create(charge_params(m)), stripe.CardError)
        assert advice == (error.error.advice_code, error.error.network_decline_code)


def test_a_saved_card_pays_with_nobody_there(client: stripe.StripeClient, customer: str) -> None:
    method = attached(client, customer, "pm_card_visa")
    intent = client.v1.payment_intents.create(charge_params(method, customer=customer, **OFF_SESSION))
    assert "succeeded" == intent.status


def test_a_card_that_can_be_saved_and_fails_then(client: stripe.StripeClient, customer: str) -> None:
    """The one for tests of automatic refills."""
    method = attached(client, customer, "pm_card_chargeCustomerFail")
    params = charge_params(method, customer=customer, **OFF_SESSION)
    error = refused(lambda: client.v1.payment_intents.create(params), stripe.CardError)
    assert "card_declined" == error.code
    assert method == client.v1.payment_methods.retrieve(method).id


def test_cards_that_are_declined_cannot_be_saved(client: stripe.StripeClient, customer: str) -> None:
    error = refused(lambda: attached(client, customer, "pm_card_visa_chargeDeclined"), stripe.CardError)
    assert "card_declined" == error.code
    assert [] == client.v1.customers.payment_methods.list(customer).data


@pytest.mark.parametrize("method", ["pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup"])
def test_a_card_that_asks_for_its_holder_is_declined_off_session(
    client: stripe.StripeClient, customer: str, method: str
) -> None:
    saved = attached(client, customer, method)
    params = charge_params(saved, customer=customer, **OFF_SESSION)
    error = refused(lambda: client.v1.payment_intents.create(params), stripe.CardError)
    assert (402, "authentication_required") == (error.http_status, error.code)
    assert "requires_payment_method" == error.error.payment_intent.status
    assert error.error.payment_intent.latest_charge is not None


def test_a_card_that_is_set_up_already_pays_off_session(client: stripe.StripeClient, customer: str) -> None:
    saved = attached(client, customer, "pm_card_authenticationRequiredSetupForOffSession")
    params = charge_params(saved, customer=customer, **OFF_SESSION)
    assert "succeeded" == client.v1.payment_intents.create(params).status


def test_with_the_holder_there_it_waits_for_authentication(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(
        charge_params("pm_card_authenticationRequired", return_url="https://shop.example/back")
    )
    assert ("requires_action", "redirect_to_url") == (intent.status, intent.next_action and intent.next_action.type)


@pytest.mark.parametrize(("result", "status"), [("complete", "succeeded"), ("fail", "requires_payment_method")])
def test_the_holder_authenticates_or_does_not(
    client: stripe.StripeClient, sandbox: SandboxAt, result: str, status: str
) -> None:
    intent = client.v1.payment_intents.create(
        charge_params("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
    )
    sandbox.tell(f"/3ds/{intent.id}", result=result)
    after = client.v1.payment_intents.retrieve(intent.id)
    assert status == after.status
    if result == "fail":
        assert after.last_payment_error is not None
        assert "payment_intent_authentication_failure" == after.last_payment_error.code


def test_who_cannot_show_a_page_says_so(client: stripe.StripeClient) -> None:
    params = charge_params(
        "pm_card_authenticationRequired", error_on_requires_action=True, return_url="https://shop.example"
    )
    error = refused(lambda: client.v1.payment_intents.create(params), stripe.CardError)
    assert "authentication_required" == error.code


def test_somebody_elses_card_does_not_pay(client: stripe.StripeClient, customer: str) -> None:
    """400, and nothing happens: no charge, no event."""
    other = client.v1.customers.create({}).id
    method = attached(client, other, "pm_card_visa")
    error = refused(lambda: client.v1.payment_intents.create(charge_params(method, customer=customer)))
    assert (400, "invalid_request_error") == (error.http_status, error.error.type)
    assert [] == client.v1.charges.list({"customer": customer}).data


def test_a_detached_card_is_gone_for_good(client: stripe.StripeClient, customer: str) -> None:
    method = attached(client, customer, "pm_card_visa")
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
    client.v1.payment_methods.detach(method)
    after = client.v1.customers.retrieve(customer)
    assert after.invoice_settings is not None
    assert after.invoice_settings.default_payment_method is None
    refused(lambda: client.v1.payment_methods.attach(method, {"customer": customer}))


def test_the_fee_comes_later(client: stripe.StripeClient, customer: str) -> None:
    """First there is no balance transaction; then ``charge.updated`` brings one, with 2.9 % + 30¢ here."""
    intent = client.v1.payment_intents.create(charge_params(expand=["latest_charge"]))
    assert intent.latest_charge is not None
    charge = settled(client, intent.latest_charge.id)
    transaction: Any = charge.balance_transaction
    assert (1000, transaction.amount - transaction.fee) == (transaction.amount, transaction.net)
    assert (charge.id, "charge") == (transaction.source, transaction.type)


def test_the_charge_is_booked_after_it_was_told(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The event of the success has no balance transaction, the later one has, and says that it is new."""
    charge = charged(client)
    transaction: Any = charge.balance_transaction
    assert (59, 941, 1000) == (transaction.fee, transaction.net, transaction.amount)
    events = client.v1.events.list({"types": ["charge.succeeded", "charge.updated"], "limit": 10}).data
    told = {event.type: event.data for event in events if event.data.object["id"] == charge.id}
    assert told["charge.succeeded"].object["balance_transaction"] is None
    assert transaction.id == told["charge.updated"].object["balance_transaction"]
    before = told["charge.updated"].previous_attributes
    assert before is not None
    assert {"balance_transaction": None} == before.to_dict()


@pytest.mark.parametrize(("currency", "amount", "fee"), [("jpy", 1500, 89), ("kwd", 3070, 181)])
def test_money_is_exchanged_into_the_currency_of_the_balance(
    client: stripe.StripeClient, sandbox: SandboxAt, currency: str, amount: int, fee: int
) -> None:
    """Also into one without decimals, and one with three: 10 USD are 1,500 JPY or 3.070 KWD here."""
    sandbox.tell("/config", settlement_currency=currency)
    try:
        transaction: Any = charged(client).balance_transaction
    finally:
        sandbox.tell("/config", settlement_currency="usd")
    assert (currency, amount, fee) == (transaction.currency, transaction.amount, transaction.fee)
    assert transaction.exchange_rate is not None


def test_raw_card_numbers_are_refused(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    card: Any = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2040, "cvc": "123"}
    error = refused(lambda: client.v1.payment_methods.create({"type": "card", "card": card}), stripe.CardError)
    assert 402 == error.http_status
    token: Any = {"token": "tok_visa"}
    assert client.v1.payment_methods.create({"type": "card", "card": token}).id


def test_every_test_card_does_something(sandbox: SandboxAt) -> None:
    """No name of a payment method is told twice."""
    assert len({name for name in BY_NAME if name.startswith("pm_")}) > 30
