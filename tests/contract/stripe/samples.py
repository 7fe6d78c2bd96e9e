"""One purchase as Stripe would tell it: a card customer buys credits for $105.00, gets half back, and disputes the rest."""

from __future__ import annotations

from typing import Any

AT = 1_793_000_000
"""Seconds since 1970, in the autumn that the pinned version of the API is of."""

COMMON: dict[str, Any] = {"created": AT, "livemode": False}
ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
BILLING: dict[str, Any] = {"address": ADDRESS, "email": "ada@example.com", "name": None, "phone": None, "tax_id": None}
CHECKS = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
CARD = {
    "brand": "visa",
    "checks": CHECKS,
    "country": "US",
    "exp_month": 8,
    "exp_year": 2031,
    "fingerprint": "AOB934RVNwzk6xtn",
    "funding": "credit",
    "last4": "4242",
    "regulated_status": "unregulated",
    "wallet": None,
}
OURS = {"payment_id": "0195d4a2-7c1e-7b3a-9f6e-2a5b8c1d4e7f"}


def page(url: str, *items: dict[str, Any]) -> dict[str, Any]:
    """A page of a list, the last one."""
    return {"object": "list", "data": list(items), "has_more": False, "url": url}


def error(kind: str, **more: Any) -> dict[str, Any]:
    """The body of an answer that is no success."""
    return {"error": {"type": kind, "message": "No such customer: 'cus_x'"} | more}


def event(kind: str, about: dict[str, Any], **before: Any) -> dict[str, Any]:
    """A snapshot event, as an endpoint gets it."""
    data = {"object": about} | ({"previous_attributes": before} if before else {})
    return COMMON | {
        "id": "evt_1Sx7m2B7WZ01zgkW8vQnTe5r",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "data": data,
        "pending_webhooks": 1,
        "request": {"id": "req_Kx93hTqWm2Ls7d", "idempotency_key": "cs:0195d4a2:1"},
        "type": kind,
    }


CUSTOMER = COMMON | {
    "id": "cus_TQh4mVd81Wc0Zs",
    "object": "customer",
    "address": None,
    "balance": 0,
    "currency": None,
    "default_source": None,
    "delinquent": False,
    "description": None,
    "email": "ada@example.com",
    "invoice_prefix": "7FE1103A",
    "invoice_settings": dict.fromkeys(("custom_fields", "default_payment_method", "footer", "rendering_options")),
    "metadata": {"account_id": "user-42"},
    "name": "Ada",
    "phone": None,
    "preferred_locales": [],
    "shipping": None,
    "tax_exempt": "none",
    "test_clock": None,
}

PAYMENT_METHOD = COMMON | {
    "id": "pm_1Sx7kQB7WZ01zgkWlHVgdEGJ",
    "object": "payment_method",
    "allow_redisplay": "limited",
    "billing_details": BILLING,
    "card": CARD
    | {
        "display_brand": "visa",
        "generated_from": None,
        "networks": {"available": ["visa"], "preferred": None},
        "three_d_secure_usage": {"supported": True},
    },
    "customer": CUSTOMER["id"],
    "metadata": {},
    "type": "card",
}

SESSION = COMMON | {
    "id": "cs_test_a1YS1URlnyQCN5fUUduORoQ7Pw41PJqDWkIVQCpJPqkfIhd6tVY8XB1OLY",
    "object": "checkout.session",
    "adaptive_pricing": {"enabled": False},
    "after_expiration": None,
    "amount_subtotal": 10_500,
    "amount_total": 10_500,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "cancel_url": "https://example.com/cancel",
    "client_reference_id": OURS["payment_id"],
    "currency": "usd",
    "custom_fields": [],
    "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
    "customer": CUSTOMER["id"],
    "expires_at": AT + 86_400,
    "metadata": OURS,
    "mode": "payment",
    "payment_intent": None,
    "payment_method_types": ["card"],
    "payment_status": "unpaid",
    "shipping_options": [],
    "status": "open",
    "success_url": "https://example.com/paid?session={CHECKOUT_SESSION_ID}",
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "ui_mode": "hosted_page",
    "url": "https://checkout.stripe.com/c/pay/cs_test_a1YS1URlnyQCN5fUUduORoQ7Pw41PJqDWkIVQCpJPqkfIhd6tVY8XB1OLY",
}

PRODUCT = COMMON | {
    "id": "prod_TQh4kPq2Zr7uXe",
    "object": "product",
    "active": True,
    "default_price": None,
    "description": None,
    "images": [],
    "marketing_features": [],
    "metadata": {},
    "name": "1000 credits",
    "type": "service",
    "updated": AT,
}

PRICE = COMMON | {
    "id": "price_1Sx7kRB7WZ01zgkW6dKueIc5",
    "object": "price",
    "active": True,
    "billing_scheme": "per_unit",
    "currency": "usd",
    "metadata": {},
    "product": PRODUCT["id"],
    "recurring": None,
    "tax_behavior": "unspecified",
    "type": "one_time",
    "unit_amount": 10_500,
    "unit_amount_decimal": "10500",
}

LINE_ITEM = {
    "id": "li_1Sx7kSB7WZ01zgkWx8kcmZPK",
    "object": "item",
    "amount_discount": 0,
    "amount_subtotal": 10_500,
    "amount_tax": 0,
    "amount_total": 10_500,
    "currency": "usd",
    "description": "1000 credits",
    "price": PRICE,
    "quantity": 1,
}

DECLINED = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "advice_code": "try_again_later",
    "network_decline_code": "51",
    "message": "Your card has insufficient funds.",
    "charge": "ch_3Sx7lYB7WZ01zgkW0bN4wQzd",
}

PAYMENT_INTENT = COMMON | {
    "id": "pi_3Sx7lYB7WZ01zgkW0S0Wdm2c",
    "object": "payment_intent",
    "amount": 10_500,
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 10_500,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "client_secret": "pi_3Sx7lYB7WZ01zgkW0S0Wdm2c_secret_Dm43xiq1k0ywrRRjDoi8y1gkM",
    "confirmation_method": "automatic",
    "currency": "usd",
    "customer": CUSTOMER["id"],
    "description": None,
    "last_payment_error": None,
    "latest_charge": "ch_3Sx7lYB7WZ01zgkW0bN4wQzd",
    "metadata": OURS,
    "next_action": None,
    "payment_method": PAYMENT_METHOD["id"],
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "setup_future_usage": "off_session",
    "status": "succeeded",
}

CHARGE = COMMON | {
    "id": "ch_3Sx7lYB7WZ01zgkW0bN4wQzd",
    "object": "charge",
    "amount": 10_500,
    "amount_captured": 10_500,
    "amount_refunded": 0,
    "balance_transaction": None,
    "billing_details": BILLING,
    "captured": True,
    "currency": "usd",
    "customer": CUSTOMER["id"],
    "disputed": False,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "metadata": OURS,
    "outcome": {
        "advice_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "Payment complete.",
        "type": "authorized",
    },
    "paid": True,
    "payment_intent": PAYMENT_INTENT["id"],
    "payment_method": PAYMENT_METHOD["id"],
    "payment_method_details": {"card": CARD | {"amount_authorized": 10_500, "network": "visa"}, "type": "card"},
    "receipt_url": "https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8xUGdhZlRCN1daMDF6Z2tX",
    "refunded": False,
    "status": "succeeded",
}

BALANCE_TRANSACTION = {
    "id": "txn_3Sx7lYB7WZ01zgkW0EV3TLf4",
    "object": "balance_transaction",
    "amount": 10_500,
    "available_on": AT + 172_800,
    "balance_type": "payments",
    "created": AT,
    "currency": "usd",
    "description": None,
    "exchange_rate": None,
    "fee": 335,
    "fee_details": [
        {
            "amount": 335,
            "application": None,
            "currency": "usd",
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ],
    "net": 10_165,
    "reporting_category": "charge",
    "source": CHARGE["id"],
    "status": "pending",
    "type": "charge",
}

REFUND = {
    "id": "re_3Sx7lYB7WZ01zgkW0QmTrR9x",
    "object": "refund",
    "amount": 5_250,
    "balance_transaction": "txn_3Sx7lYB7WZ01zgkW0Rf2Kd8s",
    "charge": CHARGE["id"],
    "created": AT + 60,
    "currency": "usd",
    "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
    "metadata": {},
    "payment_intent": PAYMENT_INTENT["id"],
    "reason": "requested_by_customer",
    "status": "succeeded",
}
