"""Rows of disputes, and what of the book belongs to them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.payments.disputes.rules import Stage, earlier
from ledger.payments.rows import Payment
from ledger.payments.tables import payment_disputes, payment_refunds, stripe_movements

_d = payment_disputes.c
_m = stripe_movements.c
_r = payment_refunds.c

_NUMBER: Final = "(SELECT number FROM transactions WHERE wallet_id = %(wallet)s AND key_hash = %(key)s::uuid)"

_OPENED: Final = f"""
UPDATE payment_disputes SET number = {_NUMBER}, settled_number = NULL
WHERE wallet_id = %(wallet)s AND dispute = %(dispute)s AND (number IS NULL OR settled_number IS NOT NULL)"""

_SETTLED: Final = f"""
UPDATE payment_disputes SET settled_number = {_NUMBER}
WHERE wallet_id = %(wallet)s AND dispute = %(dispute)s AND number = %(number)s AND settled_number IS NULL"""

_RECOVERED: Final = """
UPDATE payment_disputes SET settled_number = settled_number
WHERE wallet_id = %(wallet)s AND dispute = %(dispute)s AND settled_number IS NOT NULL"""

_DISPUTED: Final = """
UPDATE payments SET disputed = disputed + %(more)s, version = version + 1
WHERE wallet_id = %(wallet)s AND payment = %(payment)s AND version = %(version)s
    AND disputed + %(more)s BETWEEN 0 AND paid"""


class Dispute(NamedTuple):
    """A row of ``payment_disputes``."""

    wallet_id: int
    dispute: str
    payment: int
    status: str
    reason: str
    amount: int
    currency: str
    number: int | None
    settled_number: int | None
    evidence_due_by: datetime | None
    created_at: datetime


assert Dispute._fields == tuple(payment_disputes.c.keys())


async def note(connection: AsyncConnection, payment: Payment, told: Mapping[str, Any]) -> None:
    """Keep what Stripe says of a dispute, unless something later is kept already."""
    due_by = told["evidence_details"]["due_by"]
    values: dict[str, Any] = {
        "status": told["status"],
        "amount": told["amount"],
        "evidence_due_by": None if due_by is None else datetime.fromtimestamp(due_by, UTC),
    }
    statement = insert(payment_disputes).values(
        wallet_id=payment.wallet_id,
        dispute=told["id"],
        payment=payment.payment,
        reason=told["reason"],
        currency=told["currency"].upper(),
        created_at=datetime.fromtimestamp(told["created"], UTC),
        **values,
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["wallet_id", "dispute"], set_=values, where=_d.status.in_(earlier(told["status"]))
        )
    )


async def stage(connection: AsyncConnection, wallet_id: int, dispute: str, movements: Sequence[str]) -> Stage:
    """How far the book is with a dispute: in one statement, so that row and movements are of one moment."""
    booked = and_(_m.movement.in_(movements), _m.number.is_not(None))
    known = select(_d.number, _d.settled_number, _m.movement, _m.number.label("booked"))
    mine = known.select_from(payment_disputes.outerjoin(stripe_movements, booked))
    rows = (await connection.execute(mine.where(_d.wallet_id == wallet_id, _d.dispute == dispute))).all()
    return Stage(
        rows[0].number, rows[0].settled_number, {row.movement: row.booked for row in rows if row.movement is not None}
    )


async def refunded_micro(connection: AsyncConnection, payment: Payment) -> int:
    """Credits that refunds of the payment took, those that Stripe has: one that it has not made yet it will not make
    any more, and then its credits come back."""
    taken = select(func.coalesce(func.sum(_r.credits_micro), 0)).where(_r.refund.is_not(None), _r.state != "failed")
    mine = taken.where(_r.wallet_id == payment.wallet_id, _r.payment == payment.payment)
    return int((await connection.execute(mine)).scalar_one())


async def of_payment(
    connection: AsyncConnection, wallet_id: int, payment: int, after: str = "", limit: int | None = None
) -> list[Dispute]:
    """A payment's disputes."""
    mine = select(payment_disputes).where(_d.wallet_id == wallet_id, _d.payment == payment, _d.dispute > after)
    rows = await connection.execute(mine.order_by(_d.dispute).limit(limit))
    return [Dispute(*row) for row in rows]


def opened(payment: Payment, dispute: str, key: str) -> Rider:
    """The dispute's money was withdrawn by the posting under ``key`` (its hash)."""
    return Rider(_OPENED, {"wallet": payment.wallet_id, "dispute": dispute, "key": key})


def settled(payment: Payment, dispute: str, number: int, key: str) -> Rider:
    """What ``number`` set aside was given back or written off by the posting under ``key``."""
    return Rider(_SETTLED, {"wallet": payment.wallet_id, "dispute": dispute, "number": number, "key": key})


def recovered(payment: Payment, dispute: str) -> Rider:
    """It had come to its end before."""
    return Rider(_RECOVERED, {"wallet": payment.wallet_id, "dispute": dispute})


def disputed(payment: Payment, more: int) -> Rider:
    """So much more of the payment is disputed; and nothing of it has changed since it was looked at."""
    place = {"wallet": payment.wallet_id, "payment": payment.payment, "version": payment.version}
    return Rider(_DISPUTED, place | {"more": more})
