"""Asking for a refund: what is checked before the book is asked, and the command that it is asked with.

The book knows what is unspent, the payment's row what was refunded before. Both are decided in one transaction: the
row changes as a rider of the posting (``store.begin``). Here is what can be said in words before that.
"""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Metadata, RefundPayment
from ledger.book.tables import transactions
from ledger.errors import NotFound, PaymentDisputed, PaymentNotPaid, RefundExceedsPaid
from ledger.kit.http.strict import invalid
from ledger.kit.ids import parse_row
from ledger.kit.money import format_amount, parse_amount
from ledger.payments import rows
from ledger.payments.fields import money_with_code
from ledger.payments.fulfil import refill_facts
from ledger.payments.limits import check_movable, step_of
from ledger.payments.money.posting import facts_of, hash_of
from ledger.payments.refunds import store
from ledger.payments.refunds.shapes import NewRefund
from ledger.payments.refunds.store import Refund
from ledger.payments.rows import Payment

_t = transactions.c


class Asked(NamedTuple):
    """The payment that a refund is asked of, and the number that was posted under the request's key before, if any."""

    payment: Payment
    posted: int | None


async def get_refund(connection: AsyncConnection, refund_id: str) -> Refund:
    """The refund of a public id. Raises NotFound."""
    wallet_id, number = parse_row("rfd", refund_id, "refund")
    found = await store.load(connection, wallet_id, number)
    if found is None:
        raise NotFound(f"there is no refund {refund_id}")
    return found


async def look(connection: AsyncConnection, payment_id: str, namespace: str, key: str) -> Asked:
    """In this order: a refund that the payment's row shows already is found by its key, too. Raises NotFound."""
    payment = await rows.find(connection, payment_id)
    known = select(_t.number).where(_t.wallet_id == payment.wallet_id, _t.key_hash == hash_of(key, namespace))
    return Asked(payment, (await connection.execute(known)).scalar_one_or_none())


async def plan(connection: AsyncConnection, asked: Asked, wanted: NewRefund) -> RefundPayment:
    """The command of a refund; of one that was posted before, what it was then.

    Raises PaymentNotPaid, PaymentDisputed, RefundExceedsPaid, InvalidAmount, InvalidRequest.
    """
    payment = asked.payment
    if wanted.amount is not None and wanted.credits is not None:
        raise invalid("credits", "name `amount` or `credits`, not both")
    if payment.number is None or payment.paid is None:
        raise PaymentNotPaid(f"the payment is {payment.state}: there is nothing to refund", state=payment.state)
    credits = None if wanted.credits is None else parse_amount(wanted.credits, path="credits")
    money = None if wanted.amount is None else parse_amount(wanted.amount, payment.currency)
    if money is not None:
        check_movable(money, payment.currency, "amount")
    whole = money is None and credits is None
    step = step_of(payment.currency)
    if credits is not None and step > 1:
        # What they have cost, as far as Stripe can move it.
        _check_cost(payment, credits, step)
        money, credits = payment.paid * credits // payment.credits_micro // step * step, None
    if asked.posted is None:
        money = payment.paid - payment.refunded if whole else money
        _check(payment, money, credits)
    elif whole:
        before = await store.load(connection, payment.wallet_id, asked.posted)
        money = 0 if before is None else before.amount
    facts: Metadata = {"whole": True} if whole else {}
    return RefundPayment(
        wallet_id=payment.wallet_id,
        number=payment.number,
        paid=payment.paid,
        money=money,
        credits=credits,
        force=wanted.force,
        description=wanted.reason,
        facts=facts | facts_of(payment=rows.payment_public(payment), charge=payment.charge) | refill_facts(payment),
    )


def _check(payment: Payment, money: int | None, credits: int | None) -> None:
    assert payment.paid is not None
    if payment.disputed:
        disputed = format_amount(payment.disputed, payment.currency)
        raise PaymentDisputed(
            f"the bank has taken {disputed} {payment.currency} of the payment back; it can be refunded when the dispute"
            " is won",
            disputed=disputed,
        )
    if credits is not None:
        _check_cost(payment, credits, 1)
    left = payment.paid - payment.refunded
    most = payment.credits_micro * left // payment.paid
    if not left or (money or 0) > left or (credits or 0) > most:
        raise _exceeds(payment, left)


def _check_cost(payment: Payment, credits: int, step: int) -> None:
    """Raises InvalidRequest for credits that have cost less than can be given back."""
    assert payment.paid is not None
    if credits * payment.paid < payment.credits_micro * step:
        least = money_with_code(step, payment.currency)
        raise invalid("credits", f"so few have cost less than {least}")


def _exceeds(payment: Payment, left: int) -> RefundExceedsPaid:
    shown = {
        "refundable": format_amount(left, payment.currency),
        "paid": format_amount(payment.paid or 0, payment.currency),
        "refunded": format_amount(payment.refunded, payment.currency),
    }
    return RefundExceedsPaid(
        f"{shown['refundable']} {payment.currency} is left of this payment: {shown['paid']} was paid, and"
        f" {shown['refunded']} is refunded",
        **shown,
    )
