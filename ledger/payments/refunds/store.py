"""Rows of refunds. They begin and end together with what is posted: as riders of it."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.kit.db import Database
from ledger.payments.rows import Payment
from ledger.payments.tables import payment_refunds

LEASE_S: Final = 90
"""How long whoever asks Stripe may take: longer than the gateway's tries together."""

_r = payment_refunds.c

_BEGIN: Final = """
WITH posted AS (SELECT number FROM transactions WHERE wallet_id = %(wallet)s AND key_hash = %(key)s::uuid),
moved AS (
    SELECT coalesce(sum(CASE 'refund_payable' WHEN credit THEN amount WHEN debit THEN -amount END), 0)::bigint AS money,
        coalesce(sum(amount) FILTER (WHERE asset = 'CREDIT'), 0)::bigint AS credits,
        coalesce(sum(amount) FILTER (WHERE debit = 'loss:refund'), 0)::bigint AS lost
    FROM postings WHERE wallet_id = %(wallet)s AND number = (SELECT number FROM posted)),
counted AS (
    UPDATE payments SET refunded = refunded + money, version = version + 1 FROM moved
    WHERE wallet_id = %(wallet)s AND payment = %(payment)s AND state = 'paid' AND money > 0
        AND refunded + money <= paid
    RETURNING currency)
INSERT INTO payment_refunds (wallet_id, number, payment, state, refund, amount, currency, credits_micro, lost, reason,
    actor, due_at, tries)
SELECT %(wallet)s, number, %(payment)s, 'pending', %(refund)s, money, currency, credits, lost, %(reason)s, %(actor)s,
    ledger_now() + make_interval(secs => %(lease)s), 1
FROM posted, moved, counted"""

_UNDO: Final = """
WITH undone AS (
    UPDATE payment_refunds SET state = 'failed', settled_at = ledger_now(), due_at = NULL, problem = %(problem)s
    WHERE wallet_id = %(wallet)s AND number = %(number)s AND state <> 'failed'
    RETURNING payment, amount)
UPDATE payments SET refunded = refunded - undone.amount, version = version + 1 FROM undone
WHERE payments.wallet_id = %(wallet)s AND payments.payment = undone.payment"""

_SUCCEEDED: Final = """
UPDATE payment_refunds SET state = 'succeeded', settled_at = ledger_now(), due_at = NULL, problem = NULL
WHERE wallet_id = %(wallet)s AND number = %(number)s AND state = 'pending'"""

_NAMED: Final = """
UPDATE payment_refunds SET refund = %(refund)s
WHERE wallet_id = %(wallet)s AND number = %(number)s AND refund IS NULL"""

_LATER: Final = """
UPDATE payment_refunds SET problem = %(problem)s, attempt = %(attempt)s,
    due_at = ledger_now() + least(interval '1 hour', interval '5 seconds' * 2 ^ least(tries, 10))
WHERE wallet_id = %(wallet)s AND number = %(number)s AND state = 'pending'"""

_CLAIM: Final = """
UPDATE payment_refunds SET tries = tries + 1, due_at = ledger_now() + make_interval(secs => %(lease)s)
WHERE (wallet_id, number) IN (SELECT wallet_id, number FROM payment_refunds WHERE due_at <= ledger_now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING payment_refunds.*"""

_ANSWER: Final = """
UPDATE payment_refunds SET answer = coalesce(answer, %(answer)s) WHERE wallet_id = %(wallet)s AND number = %(number)s
RETURNING answer"""


class Refund(NamedTuple):
    """A row of ``payment_refunds``."""

    wallet_id: int
    number: int
    payment: int
    state: str
    refund: str | None
    amount: int
    currency: str
    credits_micro: int
    lost: int
    reason: str | None
    actor: str
    requested_at: datetime
    settled_at: datetime | None
    due_at: datetime | None
    tries: int
    problem: str | None
    attempt: int
    answer: bytes | None

    @property
    def place(self) -> dict[str, Any]:
        """What statements know it by."""
        return {"wallet": self.wallet_id, "number": self.number}


assert Refund._fields == tuple(payment_refunds.c.keys())


async def load(connection: AsyncConnection, wallet_id: int, number: int) -> Refund | None:
    return await _one(connection, _r.wallet_id == wallet_id, _r.number == number)


async def by_stripe(connection: AsyncConnection, wallet_id: int, refund_id: str) -> Refund | None:
    """The refund that has this id at Stripe."""
    return await _one(connection, _r.wallet_id == wallet_id, _r.refund == refund_id)


async def of_payment(
    connection: AsyncConnection, wallet_id: int, payment: int, after: int = 0, limit: int | None = None
) -> list[Refund]:
    """A payment's refunds, the oldest first."""
    statement = select(payment_refunds).where(_r.wallet_id == wallet_id, _r.payment == payment, _r.number > after)
    rows = await connection.execute(statement.order_by(_r.number).limit(limit))
    return [Refund(*row) for row in rows]


def begin(payment: Payment, key: str, *, reason: str | None, actor: str, refund: str | None = None) -> Rider:
    """The row of a refund that is being posted under ``key`` (its hash); and no more is refunded than was paid."""
    place = {"wallet": payment.wallet_id, "payment": payment.payment, "key": key, "lease": LEASE_S}
    return Rider(_BEGIN, place | {"reason": reason, "actor": actor, "refund": refund})


def undo(refund: Refund, problem: str) -> Rider:
    """It has failed, and the payment has that much again to be refunded."""
    return Rider(_UNDO, refund.place | {"problem": problem})


async def succeed(connection: AsyncConnection, refund: Refund) -> None:
    await connection.exec_driver_sql(_SUCCEEDED, refund.place)


async def name(connection: AsyncConnection, refund: Refund, refund_id: str) -> None:
    """Stripe's id of it is known now."""
    await connection.exec_driver_sql(_NAMED, refund.place | {"refund": refund_id})


async def later(database: Database, refund: Refund, problem: str | None, attempt: int | None = None) -> None:
    """It is still pending: somebody looks at it again, after a pause that grows."""
    params = refund.place | {"problem": problem, "attempt": refund.attempt if attempt is None else attempt}
    async with database.transaction() as connection:
        await connection.exec_driver_sql(_LATER, params)


async def claim(database: Database, limit: int = 20) -> list[Refund]:
    """Refunds that are due: the caller's for as long as the lease is."""
    async with database.transaction() as connection:
        rows = await connection.exec_driver_sql(_CLAIM, {"lease": LEASE_S, "limit": limit})
        return [Refund._make(row) for row in rows]


async def answered(database: Database, refund: Refund, answer: bytes) -> bytes:
    """What the request for it is answered with, from now on: the first answer that there was."""
    async with database.transaction() as connection:
        row = (await connection.exec_driver_sql(_ANSWER, refund.place | {"answer": answer})).one()
    return bytes(row[0])


async def _one(connection: AsyncConnection, *where: Any) -> Refund | None:
    row = (await connection.execute(select(payment_refunds).where(*where))).first()
    return None if row is None else Refund(*row)
