"""Invoices, their lines, and what they are paid with."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import new_id
from ledger.sandbox.shapes.base import new, page

_INVOICE: Final[Object] = {
    "account_country": "US",
    "account_name": None,
    "account_tax_ids": None,
    "amount_due": 0,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_remaining": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "auto_advance": False,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "automatically_finalizes_at": None,
    "billing_reason": "manual",
    "collection_method": "charge_automatically",
    "currency": "usd",
    "custom_fields": None,
    "customer": None,
    "customer_account": None,
    "customer_address": None,
    "customer_email": None,
    "customer_name": None,
    "customer_phone": None,
    "customer_shipping": None,
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "due_date": None,
    "effective_at": None,
    "ending_balance": 0,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "issuer": {"type": "self"},
    "last_finalization_error": None,
    "latest_revision": None,
    "lines": {},
    "metadata": {},
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "parent": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "period_end": 0,
    "period_start": 0,
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status": "open",
    "status_transitions": {},
    "subtotal": 0,
    "subtotal_excluding_tax": 0,
    "test_clock": None,
    "total": 0,
    "total_discount_amounts": [],
    "total_excluding_tax": 0,
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}


def invoice(now: int, number: str, lines: list[Object], tax: int, **given: Any) -> Object:
    """An invoice that is final and open. A line may have a ``period`` and a ``parent``; others are of this moment."""
    named = new_id("in")
    subtotal = sum(line["amount_subtotal"] for line in lines)
    total = subtotal + tax
    amounts = {"amount_due": total, "amount_remaining": total, "subtotal": subtotal, "total": total}
    times = {"finalized_at": now, "marked_uncollectible_at": None, "paid_at": None, "voided_at": None}
    made = {
        "id": named,
        **amounts,
        "effective_at": now,
        "lines": page(f"/v1/invoices/{named}/lines", [invoice_line(named, line, now) for line in lines]),
        "number": number,
        "period_end": now,
        "period_start": now,
        "status_transitions": times,
        "subtotal_excluding_tax": subtotal,
        "total_excluding_tax": subtotal,
        **given,
        "_": {"payments": []},
    }
    return new("invoice", "in", _INVOICE, now, made)


def invoice_line(invoice_id: str, line: Object, now: int) -> Object:
    """A line of an invoice, from one of a session or a subscription."""
    price = line["price"]
    details = {"price": price["id"], "product": price["product"]}
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": line["amount_subtotal"],
        "currency": line["currency"],
        "description": line["description"],
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": {},
        "parent": line.get("parent"),
        "period": line.get("period", {"end": now, "start": now}),
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": details,
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": line["quantity"],
        "subtotal": line["amount_subtotal"],
        "taxes": [],
    }


def invoice_payment(now: int, invoice: Object, intent: str) -> Object:
    """What an invoice is to be paid with."""
    return {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
