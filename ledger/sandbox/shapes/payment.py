"""Intents and charges."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import letters, new_id
from ledger.sandbox.rules.declines import Decline
from ledger.sandbox.shapes.base import billing, new

_PAYMENT_INTENT: Final[Object] = {
    "allowed_payment_method_types": None,
    "amount": 0,
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "client_secret": None,
    "confirmation_method": "automatic",
    "currency": "usd",
    "customer": None,
    "customer_account": None,
    "description": None,
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "requires_payment_method",
    "transfer_data": None,
    "transfer_group": None,
}
_SETUP_INTENT: Final[Object] = {
    "allowed_payment_method_types": None,
    "application": None,
    "automatic_payment_methods": None,
    "cancellation_reason": None,
    "client_secret": None,
    "customer": None,
    "customer_account": None,
    "description": None,
    "excluded_payment_method_types": None,
    "flow_directions": None,
    "last_setup_error": None,
    "latest_attempt": None,
    "mandate": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "single_use_mandate": None,
    "status": "requires_payment_method",
    "usage": "off_session",
}
_CHARGE: Final[Object] = {
    "amount": 0,
    "amount_captured": 0,
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "balance_transaction": None,
    "billing_details": {},
    "calculated_statement_descriptor": None,
    "captured": False,
    "currency": "usd",
    "customer": None,
    "description": None,
    "disputed": False,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "metadata": {},
    "on_behalf_of": None,
    "outcome": None,
    "paid": False,
    "payment_intent": None,
    "payment_method": None,
    "payment_method_details": None,
    "radar_options": {},
    "receipt_email": None,
    "receipt_number": None,
    "receipt_url": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "succeeded",
    "transfer_data": None,
    "transfer_group": None,
}


def payment_intent(now: int, **given: Any) -> Object:
    """A PaymentIntent."""
    named = new_id("pi")
    given = {"client_secret": f"{named}_secret_{letters(25)}", **given}
    return new("payment_intent", "pi", _PAYMENT_INTENT, now, {"id": named, **given})


def setup_intent(now: int, **given: Any) -> Object:
    """A SetupIntent."""
    named = new_id("seti")
    given = {"client_secret": f"{named}_secret_{letters(25)}", **given}
    return new("setup_intent", "seti", _SETUP_INTENT, now, {"id": named, **given})


def charge(now: int, base: str, intent: Object, method: Object, merchant: str, **given: Any) -> Object:
    """A charge of an intent. ``base`` is where its receipt is found."""
    named = new_id("py" if method["type"] == "us_bank_account" else "ch")
    copied = ("amount", "currency", "customer", "description", "metadata", "receipt_email", "shipping")
    made = {
        "id": named,
        **{name: intent[name] for name in copied},
        "billing_details": billing(method["billing_details"]),
        "calculated_statement_descriptor": (intent["statement_descriptor"] or merchant).upper()[:22],
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": paid_with(method, intent["amount"]),
        "receipt_url": f"{base}/receipts/{named}",
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        **given,
    }
    return new("charge", "ch", _CHARGE, now, made)


def paid_with(method: Object, amount: int) -> Object:
    """What a charge says of the payment method."""
    kind = method["type"]
    if kind == "us_bank_account":
        account_has = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
        account = {name: method[kind][name] for name in account_has}
        return {"type": kind, kind: {**account, "mandate": None, "payment_reference": None}}
    named = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "regulated_status",
    )
    card = {name: method[kind][name] for name in named}
    more = {
        "amount_authorized": amount,
        "authorization_code": letters(6).upper(),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": letters(15).upper(),
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "three_d_secure": None,
        "wallet": None,
    }
    return {"type": kind, kind: {**card, **more}}


def outcome(decline: Decline | None) -> Object:
    """What the network and Radar said of a charge."""
    if decline is None:
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "risk_score": 12,
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "advice_code": decline.advice,
        "network_advice_code": None,
        "network_decline_code": decline.network_code,
        "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
        "reason": "highest_risk_level" if decline.blocked else decline.decline_code,
        "risk_level": "highest" if decline.blocked else "normal",
        "risk_score": 92 if decline.blocked else 12,
        "seller_message": "Stripe blocked this payment as too risky."
        if decline.blocked
        else "The bank did not return any further details with this decline.",
        "type": "blocked" if decline.blocked else "issuer_declined",
    }
