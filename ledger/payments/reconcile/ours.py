"""What is here: rows of the objects that Stripe has, the lines that their movements became, and sums of the book."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database
from ledger.kit.ids import row_public

PATIENCE: Final = "1 hour"
"""How long something may be pending before it is told of."""


class Booked(NamedTuple):
    """A movement's row; ``cleared``: what its transaction did to the clearing account, None where there is none."""

    ours: str | None
    amount: int
    fee: int
    net: int
    currency: str
    cleared: int | None


class Ours(NamedTuple):
    """Rows by Stripe's ids, each with our public id first. ``paid`` has, of each charge, what was paid and what of it
    Stripe has refunded; ``late`` what is pending for too long; ``problems`` what could not be booked, and why;
    ``unseen`` ids of what was made here since, by kind."""

    paid: Mapping[str, tuple[str, int, int]]
    refunds: Mapping[str, tuple[str, str, int]]
    disputes: Mapping[str, tuple[str, str]]
    payouts: Mapping[str, tuple[str, int, bool | None, int | None]]
    movements: Mapping[str, Booked]
    late: list[tuple[int, int, str | None, str, int, str | None]]
    problems: list[tuple[str, str, str]]
    unseen: Mapping[str, list[str]]


_PAID: Final = """
SELECT charge, wallet_id, payment, paid, (SELECT coalesce(sum(r.amount), 0)::bigint FROM payment_refunds r
    WHERE r.wallet_id = p.wallet_id AND r.payment = p.payment AND r.refund IS NOT NULL AND r.state <> 'failed')
FROM stripe_objects o JOIN payments p USING (wallet_id, payment)
WHERE o.object = ANY(%(names)s) AND p.charge = o.object AND p.state = 'paid'"""

_REFUNDS: Final = """
SELECT r.refund, wallet_id, r.number, r.state, r.amount FROM stripe_objects o JOIN payment_refunds r USING (wallet_id)
WHERE o.object = ANY(%(names)s) AND r.refund = o.object"""

_DISPUTES: Final = """
SELECT d.dispute, d.wallet_id, d.payment, d.status FROM stripe_objects o
JOIN payment_disputes d ON d.wallet_id = o.wallet_id AND d.dispute = o.object
WHERE o.object = ANY(%(names)s)"""

_PAYOUTS: Final = "SELECT payout, status, amount, tied, difference FROM stripe_payouts WHERE payout = ANY(%(names)s)"

_MOVEMENTS: Final = """
SELECT m.movement, m.wallet_id, m.number, m.amount, m.fee, m.net, m.currency, CASE WHEN m.number IS NOT NULL THEN (
    SELECT coalesce(sum(CASE WHEN p.debit = 'stripe_clearing' THEN p.amount WHEN p.credit = 'stripe_clearing'
        THEN -p.amount END), 0)::bigint
    FROM postings p WHERE p.wallet_id = m.wallet_id AND p.number = m.number) END
FROM stripe_movements m WHERE m.movement = ANY(%(names)s)"""

_LATE: Final = f"""
SELECT wallet_id, number, refund, currency, amount, problem FROM payment_refunds
WHERE state = 'pending' AND requested_at < ledger_now() - interval '{PATIENCE}' ORDER BY requested_at LIMIT 1000"""

_PROBLEMS: Final = "SELECT object, kind, problem FROM stripe_problems ORDER BY since LIMIT 1000"

_UNSEEN: Final = """
SELECT 'charges', charge FROM payments WHERE paid_at >= %(since)s AND charge IS NOT NULL
UNION ALL SELECT 'refunds', refund FROM payment_refunds WHERE requested_at >= %(since)s AND refund IS NOT NULL
UNION ALL SELECT 'disputes', dispute FROM payment_disputes WHERE created_at >= %(since)s
UNION ALL SELECT 'payouts', payout FROM stripe_payouts WHERE created_at >= %(since)s
UNION ALL SELECT 'balance_transactions', movement FROM stripe_movements WHERE created_at >= %(since)s"""

_CLEARING: Final = """
SELECT coalesce(sum(CASE debit WHEN 'stripe_clearing' THEN amount ELSE -amount END), 0)::bigint FROM postings
WHERE asset = %(currency)s AND (debit = 'stripe_clearing' OR credit = 'stripe_clearing')"""
"""Of all books, and yet of few lines: an index has those, and no others (`postings_clearing_idx`)."""

_EXPECTED: Final = """
SELECT coalesce(sum(paid), 0)::bigint FROM payments p WHERE state = 'paid' AND fee IS NULL
    AND NOT EXISTS (SELECT FROM stripe_movements m WHERE m.source = p.charge)"""

_UNBOOKED: Final = """
SELECT coalesce(sum(CASE WHEN m.type IN ('charge', 'payment') AND EXISTS (
        SELECT FROM stripe_objects o JOIN payments p USING (wallet_id, payment)
        WHERE o.object = m.source AND p.charge = m.source AND p.state = 'paid')
    THEN -m.fee ELSE m.net END), 0)::bigint
FROM stripe_movements m LEFT JOIN stripe_openings b ON b.currency = m.currency
WHERE m.number IS NULL AND m.currency = %(currency)s AND (b.at IS NULL OR m.created_at >= b.at) AND NOT EXISTS (
    SELECT FROM stripe_payouts o WHERE o.payout = m.source AND o.status IN ('pending', 'in_transit'))"""


class Sums(NamedTuple):
    """Of the clearing account: what the book has, what Stripe has no movement of yet, and what the book has not."""

    book: int
    expected: int
    unbooked: int


async def load(reading: Database, names: Mapping[str, Collection[str]], since: datetime) -> Ours:
    """What is here of these objects (by kind, as Stripe's lists are called)."""
    async with reading.transaction() as connection:

        async def of(kind: str, statement: str) -> list[Any]:
            return await _rows(connection, statement, {"names": list(names[kind])})

        paid = {row[0]: (row_public("pay", *row[1:3]), *row[3:]) for row in await of("charges", _PAID)}
        refunds = {row[0]: (row_public("rfd", *row[1:3]), *row[3:]) for row in await of("refunds", _REFUNDS)}
        disputes = {row[0]: (row_public("pay", *row[1:3]), row[3]) for row in await of("disputes", _DISPUTES)}
        payouts = {row[0]: row[1:] for row in await of("payouts", _PAYOUTS)}
        movements = {
            row[0]: Booked(_transaction(*row[1:3]), *row[3:]) for row in await of("balance_transactions", _MOVEMENTS)
        }
        unseen: dict[str, list[str]] = {}
        for kind, name in await _rows(connection, _UNSEEN, {"since": since}):
            if name not in names[kind]:
                unseen.setdefault(kind, []).append(name)
        late, problems = await _rows(connection, _LATE, {}), await _rows(connection, _PROBLEMS, {})
    return Ours(paid, refunds, disputes, payouts, movements, late, problems, unseen)


async def sums(reading: Database, currency: str) -> Sums:
    """Of all books, by indexes of what is at Stripe."""
    async with reading.transaction() as connection:
        found = [
            (await _rows(connection, statement, {"currency": currency}))[0][0]
            for statement in (_CLEARING, _EXPECTED, _UNBOOKED)
        ]
    return Sums(*found)


def _transaction(wallet_id: int | None, number: int | None) -> str | None:
    return None if wallet_id is None or number is None else row_public("txn", wallet_id, number)


async def _rows(connection: AsyncConnection, statement: str, params: dict[str, Any]) -> list[Any]:
    return [tuple(row) for row in (await connection.exec_driver_sql(statement, params)).fetchall()]
