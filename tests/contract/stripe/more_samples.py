"""What stands beside a purchase: disputes, cards kept for later, payouts, invoices, endpoints; and all samples by name."""

from __future__ import annotations

from typing import Any

from tests.contract.stripe.samples import (
    AT,
    BALANCE_TRANSACTION,
    CHARGE,
    COMMON,
    CUSTOMER,
    LINE_ITEM,
    PAYMENT_INTENT,
    PAYMENT_METHOD,
    PRICE,
    PRODUCT,
    REFUND,
    SESSION,
    event,
    page,
)

WITHDRAWN = BALANCE_TRANSACTION | {
    "id": "txn_1Sx9aBB7WZ01zgkWd0Lost7x",
    "amount": -5_250,
    "description": "Chargeback withdrawal for ch_3Sx7lYB7WZ01zgkW0bN4wQzd",
    "fee": 1_500,
    "fee_details": [
        {"amount": 1_500, "application": None, "currency": "usd", "description": "Dispute fee", "type": "stripe_fee"}
    ],
    "net": -6_750,
    "reporting_category": "dispute",
    "source": "du_1Sx9aAB7WZ01zgkWMevJiAUx",
    "type": "adjustment",
}

DISPUTE = COMMON | {
    "id": "du_1Sx9aAB7WZ01zgkWMevJiAUx",
    "object": "dispute",
    "amount": 5_250,
    "balance_transactions": [WITHDRAWN],
    "charge": CHARGE["id"],
    "currency": "usd",
    "enhanced_eligibility_types": [],
    "evidence": {
        "customer_email_address": "ada@example.com",
        "enhanced_evidence": {},
        "uncategorized_text": "x" * 9_000,
    },
    "evidence_details": {
        "due_by": AT + 604_800,
        "enhanced_eligibility": {},
        "has_evidence": False,
        "past_due": False,
        "submission_count": 0,
        "submission_method": "not_submitted",
    },
    "is_charge_refundable": False,
    "metadata": {},
    "payment_intent": PAYMENT_INTENT["id"],
    "payment_method_details": {
        "card": {"brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4"},
        "type": "card",
    },
    "reason": "fraudulent",
    "status": "needs_response",
}

SETUP_INTENT = COMMON | {
    "id": "seti_1Sx7kTB7WZ01zgkWSgwGdb8Z",
    "object": "setup_intent",
    "client_secret": "seti_1Sx7kTB7WZ01zgkWSgwGdb8Z_secret_QXg2AQLdBxJwtY51IkwvUaBVsnCqPSp",
    "customer": CUSTOMER["id"],
    "last_setup_error": None,
    "latest_attempt": "setatt_1Sx7kUB7WZ01zgkWkL0pQw3e",
    "metadata": {},
    "next_action": None,
    "payment_method": PAYMENT_METHOD["id"],
    "payment_method_options": {
        "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    },
    "payment_method_types": ["card"],
    "status": "succeeded",
    "usage": "off_session",
}

SETUP_ATTEMPT = COMMON | {
    "id": "setatt_1Sx7kUB7WZ01zgkWkL0pQw3e",
    "object": "setup_attempt",
    "application": None,
    "customer": CUSTOMER["id"],
    "flow_directions": None,
    "on_behalf_of": None,
    "payment_method": PAYMENT_METHOD["id"],
    "payment_method_details": {"card": {"three_d_secure": None}, "type": "card"},
    "setup_error": None,
    "setup_intent": SETUP_INTENT["id"],
    "status": "succeeded",
    "usage": "off_session",
}

PAYMENT_LINK = COMMON | {
    "id": "plink_1Sx7kVB7WZ01zgkWC75kX0jg",
    "object": "payment_link",
    "active": True,
    "after_completion": {"redirect": {"url": "https://example.com/paid"}, "type": "redirect"},
    "allow_promotion_codes": False,
    "automatic_tax": {"enabled": False, "liability": None},
    "billing_address_collection": "auto",
    "currency": "usd",
    "custom_fields": [],
    "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
    "customer_creation": "if_required",
    "metadata": {},
    "payment_method_collection": "always",
    "phone_number_collection": {"enabled": False},
    "restrictions": {"completed_sessions": {"count": 0, "limit": 1}},
    "shipping_options": [],
    "submit_type": "auto",
    "tax_id_collection": {"enabled": False, "required": "never"},
    "url": "https://buy.stripe.com/test_eVa16Q1Vd7yU1Ne8ww",
}
del PAYMENT_LINK["created"]

PAYOUT = COMMON | {
    "id": "po_1Sx9bCB7WZ01zgkWu1KToYf4",
    "object": "payout",
    "amount": 10_165,
    "arrival_date": AT + 172_800,
    "automatic": True,
    "balance_transaction": "txn_1Sx9bDB7WZ01zgkWpAy0uT5b",
    "currency": "usd",
    "description": "STRIPE PAYOUT",
    "destination": "ba_1Sx7aaB7WZ01zgkWoU5vBiXt",
    "failure_code": None,
    "metadata": {},
    "method": "standard",
    "reconciliation_status": "completed",
    "source_type": "card",
    "status": "paid",
    "trace_id": {"status": "pending", "value": None},
    "type": "bank_account",
}

MONEY = [{"amount": 10_165, "currency": "usd", "source_types": {"card": 10_165}}]
BALANCE: dict[str, Any] = {"object": "balance", "available": MONEY, "livemode": False, "pending": MONEY}

INVOICE = COMMON | {
    "id": "in_1Sx9cEB7WZ01zgkWu9fdqL6I",
    "object": "invoice",
    "amount_due": 2_900,
    "amount_overpaid": 0,
    "amount_paid": 2_900,
    "amount_remaining": 0,
    "amount_shipping": 0,
    "attempt_count": 1,
    "attempted": True,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "billing_reason": "subscription_cycle",
    "collection_method": "charge_automatically",
    "currency": "usd",
    "customer": CUSTOMER["id"],
    "default_tax_rates": [],
    "discounts": [],
    "issuer": {"type": "self"},
    "lines": page("/v1/invoices/in_1Sx9cEB7WZ01zgkWu9fdqL6I/lines"),
    "number": "7FE1103A-0002",
    "payment_settings": dict.fromkeys(("default_mandate", "payment_method_options", "payment_method_types")),
    "period_end": AT,
    "period_start": AT - 2_592_000,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "starting_balance": 0,
    "status": "paid",
    "status_transitions": {
        "finalized_at": AT,
        "marked_uncollectible_at": None,
        "paid_at": AT + 3,
        "voided_at": None,
    },
    "subtotal": 2_900,
    "total": 2_900,
}

WEBHOOK_ENDPOINT = COMMON | {
    "id": "we_1Sx7kWB7WZ01zgkWzAudq4eU",
    "object": "webhook_endpoint",
    "api_version": "2026-10-28.endive",
    "application": None,
    "description": None,
    "enabled_events": ["checkout.session.completed", "charge.updated"],
    "metadata": {},
    "status": "enabled",
    "url": "https://example.com/webhooks/stripe",
}

SAMPLES: dict[str, dict[str, Any]] = {
    str(each["object"]): each
    for each in (
        {"object": "account", "id": "acct_1SgafTB7WZ01zgkW", "charges_enabled": True, "type": "standard"},
        BALANCE,
        BALANCE_TRANSACTION,
        CHARGE,
        SESSION,
        CUSTOMER,
        DISPUTE,
        event("charge.updated", CHARGE),
        INVOICE,
        LINE_ITEM,
        PAYMENT_INTENT,
        PAYMENT_LINK,
        PAYMENT_METHOD,
        PAYOUT,
        PRICE,
        PRODUCT,
        REFUND,
        SETUP_ATTEMPT,
        SETUP_INTENT,
        WEBHOOK_ENDPOINT,
    )
}
"""One of every kind that we use, by what it calls itself."""
