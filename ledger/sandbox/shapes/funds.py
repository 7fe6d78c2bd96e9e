"""The account's money: balance transactions, refunds, disputes, payouts."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.shapes.base import new

_TRANSACTION: Final[Object] = {
    "amount": 0,
    "available_on": 0,
    "balance_type": "payments",
    "currency": "usd",
    "description": None,
    "exchange_rate": None,
    "fee": 0,
    "fee_details": [],
    "net": 0,
    "reporting_category": "charge",
    "source": None,
    "status": "pending",
    "type": "charge",
}
_REFUND: Final[Object] = {
    "amount": 0,
    "balance_transaction": None,
    "charge": None,
    "currency": "usd",
    "customer": None,
    "customer_account": None,
    "destination_details": None,
    "metadata": {},
    "payment_intent": None,
    "payment_method": None,
    "reason": None,
    "receipt_number": None,
    "source_transfer_reversal": None,
    "status": "succeeded",
    "transfer_reversal": None,
}
_ALL: Final = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)
_EVIDENCE: Final = tuple(_ALL.split())
_DISPUTE: Final[Object] = {
    "amount": 0,
    "balance_transactions": [],
    "charge": None,
    "currency": "usd",
    "enhanced_eligibility_types": [],
    "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
    "evidence_details": {
        "due_by": None,
        "enhanced_eligibility": {},
        "has_evidence": False,
        "past_due": False,
        "submission_count": 0,
        "submission_method": "not_submitted",
    },
    "is_charge_refundable": False,
    "metadata": {},
    "payment_intent": None,
    "payment_method_details": None,
    "reason": "fraudulent",
    "status": "needs_response",
}
_PAYOUT: Final[Object] = {
    "amount": 0,
    "application_fee": None,
    "application_fee_amount": None,
    "arrival_date": 0,
    "automatic": True,
    "balance_transaction": None,
    "currency": "usd",
    "description": None,
    "destination": None,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "metadata": {},
    "method": "standard",
    "original_payout": None,
    "payout_method": None,
    "reconciliation_status": "not_applicable",
    "reversed_by": None,
    "source_type": "card",
    "statement_descriptor": None,
    "status": "pending",
    "trace_id": None,
    "type": "bank_account",
}
RESPONSE_S: Final = 9 * 86_400
"""How long a dispute can be answered."""


def balance_transaction(now: int, **given: Any) -> Object:
    """A movement of the balance. It has no ``livemode``."""
    made = new("balance_transaction", "txn", _TRANSACTION, now, given)
    return {name: value for name, value in made.items() if name != "livemode"}


def fee_details(fee: int, currency: str, description: str) -> list[Object]:
    """What a fee is made of."""
    if not fee:
        return []
    return [
        {"amount": fee, "application": None, "currency": currency, "description": description, "type": "stripe_fee"}
    ]


def refund(now: int, charge: Object, **given: Any) -> Object:
    """A refund of a charge. It has no ``livemode``."""
    copied = {name: charge[name] for name in ("currency", "customer", "payment_intent", "payment_method")}
    made = new("refund", "re" if charge["id"].startswith("ch") else "pyr", _REFUND, now, {**copied, **given})
    made["charge"] = charge["id"]
    return {name: value for name, value in made.items() if name != "livemode"}


def dispute(now: int, charge: Object, *, inquiry: bool, **given: Any) -> Object:
    """A dispute of a charge, or an inquiry."""
    made = new("dispute", "du", _DISPUTE, now, given)
    made.update({name: charge[name] for name in ("currency", "payment_intent")}, charge=charge["id"])
    made["status"] = "warning_needs_response" if inquiry else "needs_response"
    made["is_charge_refundable"] = inquiry
    made["evidence_details"]["due_by"] = now + RESPONSE_S
    kind = charge["payment_method_details"]["type"]
    if kind == "card":
        brand = charge["payment_method_details"]["card"]["brand"]
        case = "inquiry" if inquiry else "chargeback"
        card = {"brand": brand, "case_type": case, "network": brand, "network_reason_code": "83"}
        made["payment_method_details"] = {"card": card, "type": kind}
    return made


def payout(now: int, **given: Any) -> Object:
    """Money on its way to the account's bank."""
    return new("payout", "po", _PAYOUT, now, {"destination": "ba_sandbox", **given})
