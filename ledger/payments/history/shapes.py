"""A wallet's payments as they are shown."""

from calendar import monthrange
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ledger.kit.http.fields import Decimal, Time, shown, shown_or_none
from ledger.kit.ids import row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.payments.fields import money
from ledger.payments.history.sums import Month, Whole
from ledger.payments.rows import Payment, payment_public

Status = Literal[
    "pending",
    "open",
    "processing",
    "paid",
    "partially_refunded",
    "refunded",
    "disputed",
    "failed",
    "expired",
    "canceled",
]
Origin = Literal["link", "reusable", "refill"]


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """What it was paid by."""

    type: str | None = None
    brand: str | None = None
    last4: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    bank_name: str | None = None


class PaymentShape(msgspec.Struct, frozen=True, kw_only=True):
    """A payment. ``amount`` is without tax, ``total`` what was paid; ``fee`` is what Stripe kept, once it says so."""

    payment_id: Annotated[str, Meta(examples=["pay_0GJkz3mQx7B1a"])]
    wallet_id: str
    status: Status
    origin: Origin
    amount: Decimal
    tax: Decimal | None
    total: Decimal | None
    fee: Decimal | None
    refunded: Decimal
    currency: str
    credits: Decimal
    method: Method | None
    description: str | None
    receipt_url: str | None
    invoice_url: str | None
    transaction_id: str | None
    created_at: Time
    paid_at: Time | None
    metadata: dict[str, Any]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid in all, tax included, what it bought, and what was used. ``total_purchased_usd`` is null where
    payments are in another currency; the average is over the months from the first payment to now."""

    total_transactions: int
    total_purchased: Decimal
    total_purchased_usd: Decimal | None
    currency: str
    tax: Decimal
    refunded: Decimal
    total_credits_purchased: Decimal
    total_credits_used: Decimal
    current_balance: Decimal
    average_monthly_spend: Decimal
    first_paid_at: Time | None
    last_paid_at: Time | None


class PeriodStats(msgspec.Struct, frozen=True, kw_only=True):
    """The same of one month, which is the wallet's, with its first and its last day."""

    period: Annotated[str, Meta(examples=["2026-11"])]
    start_date: Annotated[str, Meta(examples=["2026-11-01"])]
    end_date: Annotated[str, Meta(examples=["2026-11-30"])]
    transactions_count: int
    total_spend: Decimal
    tax: Decimal
    refunded: Decimal
    credits_purchased: Decimal
    credits_used: Decimal


class PaymentList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of payments, the newest first; ``summary`` is of all of them, ``period_stats`` of the last 12 months."""

    items: list[PaymentShape]
    next_cursor: str | None
    summary: Summary
    period_stats: list[PeriodStats]


_method = msgspec.json.Decoder(Method).decode


def payment_of(payment: Payment) -> PaymentShape:
    """The payment as it stands."""
    currency = payment.currency
    return PaymentShape(
        payment_id=payment_public(payment),
        wallet_id=wallet_public(payment.wallet_id),
        status=_status(payment),
        origin=payment.origin,  # type: ignore[arg-type] # the table's CHECK has the same words
        amount=format_amount(payment.amount, currency),
        tax=money(payment.tax, currency),
        total=money(payment.paid, currency),
        fee=money(payment.fee, currency),
        refunded=format_amount(payment.refunded, currency),
        currency=currency,
        credits=format_amount(payment.credits_micro),
        method=None if payment.method is None else _method(payment.method),
        description=payment.description,
        receipt_url=payment.receipt_url,
        invoice_url=payment.invoice_url,
        transaction_id=None if payment.number is None else row_public("txn", payment.wallet_id, payment.number),
        created_at=shown(payment.created_at),
        paid_at=shown_or_none(payment.paid_at),
        metadata=msgspec.json.decode(payment.metadata),
    )


def summary_of(whole: Whole, currency: str, *, used_micro: int, balance_micro: int) -> Summary:
    paid = format_amount(whole.paid, currency)
    return Summary(
        total_transactions=whole.payments,
        total_purchased=paid,
        total_purchased_usd=paid if currency == "USD" else None,
        currency=currency,
        tax=format_amount(whole.tax, currency),
        refunded=format_amount(whole.refunded, currency),
        total_credits_purchased=format_amount(whole.credits_micro),
        total_credits_used=format_amount(used_micro),
        current_balance=format_amount(balance_micro),
        average_monthly_spend=format_amount(whole.paid // whole.months, currency),
        first_paid_at=shown_or_none(whole.first_at),
        last_paid_at=shown_or_none(whole.last_at),
    )


def stats_of(month: Month, currency: str) -> PeriodStats:
    days = monthrange(month.begins.year, month.begins.month)[1]
    return PeriodStats(
        period=f"{month.begins:%Y-%m}",
        start_date=month.begins.isoformat(),
        end_date=month.begins.replace(day=days).isoformat(),
        transactions_count=month.payments,
        total_spend=format_amount(month.paid, currency),
        tax=format_amount(month.tax, currency),
        refunded=format_amount(month.refunded, currency),
        credits_purchased=format_amount(month.credits_micro),
        credits_used=format_amount(month.used_micro),
    )


def _status(payment: Payment) -> Status:
    if payment.state != "paid":
        return payment.state  # type: ignore[return-value] # the table's CHECK has the same words
    if payment.disputed:
        return "disputed"
    if payment.refunded:
        return "refunded" if payment.refunded == payment.paid else "partially_refunded"
    return "paid"
