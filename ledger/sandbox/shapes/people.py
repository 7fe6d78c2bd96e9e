"""Customers and what they pay with."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import letters
from ledger.sandbox.rules.cards import Instrument
from ledger.sandbox.shapes.base import billing, new

_CUSTOMER: Final[Object] = {
    "address": None,
    "balance": 0,
    "business_name": None,
    "currency": None,
    "default_source": None,
    "delinquent": False,
    "description": None,
    "discount": None,
    "email": None,
    "individual_name": None,
    "invoice_prefix": None,
    "invoice_settings": {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    },
    "metadata": {},
    "name": None,
    "next_invoice_sequence": 1,
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
    "test_clock": None,
}
_PAYMENT_METHOD: Final[Object] = {
    "allow_redisplay": "unspecified",
    "billing_details": {},
    "card": None,
    "customer": None,
    "customer_account": None,
    "metadata": {},
    "radar_options": {},
    "type": "card",
    "us_bank_account": None,
}
_DISPLAYED: Final = {"amex": "american_express"}
"""Brands that are another word where they are shown."""

_BANK: Final = "STRIPE TEST BANK"
_ROUTING: Final = "110000000"


def customer(now: int, **given: Any) -> Object:
    """A customer."""
    return new("customer", "cus", _CUSTOMER, now, {"invoice_prefix": letters(8).upper(), **given})


def payment_method(now: int, instrument: Instrument, expiry: tuple[int, int], **given: Any) -> Object:
    """What a customer pays with: a test card, or a test bank account."""
    kind = "us_bank_account" if instrument.bank else "card"
    details = bank_account(instrument) if instrument.bank else card(instrument, expiry)
    given = {**given, "billing_details": billing(given.get("billing_details")), "type": kind, kind: details}
    hidden = {"number": instrument.number, "set_up": False, "used": False}
    made = new("payment_method", "pm", _PAYMENT_METHOD, now, {**given, "_": hidden})
    return {name: value for name, value in made.items() if name not in ("card", "us_bank_account") or value}


def card(instrument: Instrument, expiry: tuple[int, int]) -> Object:
    """The card of a payment method."""
    month, year = expiry
    return {
        "brand": instrument.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": _DISPLAYED.get(instrument.brand, instrument.brand),
        "exp_month": month,
        "exp_year": year,
        "fingerprint": fingerprint(instrument),
        "funding": "debit" if "visa_debit" in instrument.names else "credit",
        "generated_from": None,
        "last4": instrument.last4,
        "networks": {"available": [instrument.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def bank_account(instrument: Instrument) -> Object:
    """The account of a payment method."""
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": _BANK,
        "financial_connections_account": None,
        "fingerprint": fingerprint(instrument),
        "last4": instrument.last4,
        "networks": {"preferred": "ach", "supported": ["ach", "us_domestic_wire"]},
        "routing_number": _ROUTING,
        "status_details": {},
    }


def fingerprint(instrument: Instrument) -> str:
    """The same for the same number, and not the number."""
    value = int(instrument.number) * 2_654_435_761 % 36**16
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(digits[value // 36**place % 36] for place in range(16))
