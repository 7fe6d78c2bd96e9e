"""What is kept of payments. The book says what credits and money did; these rows say what Stripe is asked and told.

``payments`` is written before Stripe is called and after it has answered, never in between: no call is made while a
transaction is open. Amounts are in the smallest unit of ``currency``, credits in micro-credits. What is due has a time
(``due_at``), and is claimed by it.

States of a payment: ``pending`` (not issued at Stripe yet), ``open`` (can be paid), ``processing`` (paid by a method
that takes days), ``paid``, ``failed``, ``expired``, ``canceled``. Money that comes late is honoured: from any state a
payment may become ``paid``, and nothing leads out of that. ``refunded`` and ``disputed`` are sums beside it.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from ledger.kit.tables import metadata

Instant = DateTime(timezone=True)
STATUS: Final = """CASE WHEN state <> 'paid' THEN state WHEN disputed > 0 THEN 'disputed' WHEN refunded = 0 THEN 'paid'
    WHEN refunded = paid THEN 'refunded' ELSE 'partially_refunded' END"""
"""How a payment stands, of ``payments``: its state, and what became of one that was paid."""

_NOW: Final = text("ledger_now()")
_ZERO: Final = text("0")


def _key(name: str, kind: Any = BigInteger) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


payments = Table(
    "payments",
    metadata,
    _key("wallet_id"),
    _key("payment"),
    Column("origin", Text, nullable=False),
    Column("parent", BigInteger),
    Column("state", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("credits_micro", BigInteger, nullable=False),
    Column("description", Text),
    Column("metadata", Text, nullable=False, server_default=text("'{}'")),
    Column("success_url", Text),
    Column("cancel_url", Text),
    Column("save_method", Boolean, nullable=False, server_default=text("false")),
    Column("token", Uuid, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=_NOW),
    Column("expires_at", Instant),
    Column("answer", Text),
    Column("attempt", Integer, nullable=False, server_default=_ZERO),
    Column("object", Text),
    Column("url", Text),
    Column("object_expires_at", Instant),
    Column("payment_intent", Text),
    Column("charge", Text),
    Column("paid", BigInteger),
    Column("tax", BigInteger),
    Column("fee", BigInteger),
    Column("method", Text),
    Column("receipt_url", Text),
    Column("invoice_url", Text),
    Column("number", BigInteger),
    Column("paid_at", Instant),
    Column("refunded", BigInteger, nullable=False, server_default=_ZERO),
    Column("disputed", BigInteger, nullable=False, server_default=_ZERO),
    Column("version", BigInteger, nullable=False, server_default=_ZERO),
    Column("due_at", Instant),
    Column("tries", Integer, nullable=False, server_default=_ZERO),
    Column("told", Boolean, nullable=False, server_default=text("false")),
    Column("problem", Text),
    Column("refill", BigInteger),
    CheckConstraint("origin IN ('link', 'reusable', 'refill')", name="origin"),
    CheckConstraint(
        "state IN ('pending', 'open', 'processing', 'paid', 'failed', 'expired', 'canceled')", name="state"
    ),
    CheckConstraint("amount > 0 AND credits_micro > 0", name="amounts"),
    CheckConstraint("tax BETWEEN 0 AND paid AND fee >= 0", name="paid"),
    CheckConstraint("refunded BETWEEN 0 AND coalesce(paid, 0)", name="refunded"),
    CheckConstraint("disputed BETWEEN 0 AND coalesce(paid, 0)", name="disputed"),
    CheckConstraint("(state = 'paid') = (number IS NOT NULL AND paid IS NOT NULL)", name="booked"),
    Index("payments_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("payments_created_idx", "wallet_id", "created_at", "payment"),
    Index("payments_status_idx", "wallet_id", text(f"({STATUS})"), "created_at", "payment"),
    Index("payments_processing_idx", "wallet_id", postgresql_where=text("state = 'processing'")),
    Index("payments_pending_idx", "created_at", postgresql_where=text("state = 'pending'")),
    Index("payments_fee_unknown_idx", "charge", postgresql_where=text("state = 'paid' AND fee IS NULL")),
    postgresql_with={"fillfactor": "70"},
)
"""``payment`` is a random number, so that an id tells nobody how many there are. ``object`` is the Checkout Session (or
Payment Link) that can be paid now, of the given ``attempt``; ``number`` the purchase in the wallet's book. ``answer``
is what the request for it was answered with. ``refill``: the attempt of an automatic refill that it is of; while a card
is charged for it, it is ``processing``, so that nobody can pay it otherwise."""

pay_tokens = Table(
    "pay_tokens",
    metadata,
    Column("token", Uuid, primary_key=True),
    Column("wallet_id", BigInteger, nullable=False),
    Column("payment", BigInteger, nullable=False),
)
"""What a stranger may hold: the last part of ``/pay/<token>``."""

stripe_customers = Table(
    "stripe_customers",
    metadata,
    _key("wallet_id"),
    Column("customer", Text),
    Column("created_at", Instant, nullable=False, server_default=_NOW),
)
"""The wallet's Customer at Stripe; null while it is being made (under a key made of the wallet)."""

stripe_objects = Table(
    "stripe_objects",
    metadata,
    Column("object", Text, primary_key=True),
    Column("wallet_id", BigInteger, nullable=False),
    Column("payment", BigInteger),
)
"""Whose an object of Stripe is: sessions, links, intents, charges, refunds, disputes, customers."""

stripe_events = Table(
    "stripe_events",
    metadata,
    Column("event", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("object", Text),
    Column("created_at", Instant, nullable=False),
    Column("payload", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("received_at", Instant, nullable=False, server_default=_NOW),
    Column("state", Text, nullable=False, server_default=text("'new'")),
    Column("tries", Integer, nullable=False, server_default=_ZERO),
    Column("due_at", Instant, server_default=_NOW),
    Column("problem", Text),
    CheckConstraint("state IN ('new', 'done', 'ignored', 'failed')", name="state"),
    CheckConstraint("via IN ('webhook', 'poll')", name="via"),
    Index("stripe_events_due_idx", "due_at", postgresql_where=text("state = 'new'")),
    Index("stripe_events_failed_idx", "received_at", postgresql_where=text("state = 'failed'")),
    Index("stripe_events_received_idx", "received_at"),
)
"""The inbox: what Stripe told, as it told it, stored before it is answered. ``object``: the id that it is about."""

stripe_cursors = Table(
    "stripe_cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)
"""Up to when a poller has seen everything."""

payment_refunds = Table(
    "payment_refunds",
    metadata,
    _key("wallet_id"),
    _key("number"),
    Column("payment", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("refund", Text),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("credits_micro", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False, server_default=_ZERO),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("requested_at", Instant, nullable=False, server_default=_NOW),
    Column("settled_at", Instant),
    Column("due_at", Instant),
    Column("tries", Integer, nullable=False, server_default=_ZERO),
    Column("problem", Text),
    Column("attempt", Integer, nullable=False, server_default=_ZERO),
    Column("answer", LargeBinary),
    CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name="state"),
    CheckConstraint("amount > 0 AND credits_micro >= 0 AND lost BETWEEN 0 AND amount", name="amounts"),
    Index("payment_refunds_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)
"""``number``: the transaction of the book that took the credits back. ``refund``: Stripe's id, once it has one.
``attempt`` is in the key that Stripe is asked under; ``answer`` what the request for it was answered with."""

payment_disputes = Table(
    "payment_disputes",
    metadata,
    _key("wallet_id"),
    _key("dispute", Text),
    Column("payment", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("number", BigInteger),
    Column("settled_number", BigInteger),
    Column("evidence_due_by", Instant),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("amount > 0 AND (settled_number IS NULL OR number IS NOT NULL)", name="amounts"),
)
"""``number``: the transaction that set the credits aside, once Stripe withdrew the money; ``settled_number``: the one
that gave them back or wrote them off."""

stripe_movements = Table(
    "stripe_movements",
    metadata,
    Column("movement", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("source", Text),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("payout", Text),
    Column("wallet_id", BigInteger),
    Column("number", BigInteger),
    CheckConstraint("net = amount - fee", name="net"),
    Index("stripe_movements_payout_idx", "payout"),
    Index("stripe_movements_source_idx", "source"),
    Index("stripe_movements_unbooked_idx", "currency", postgresql_where=text("number IS NULL")),
)
"""Stripe's balance transactions, each with the transaction of a book that it became; none where it is not booked."""

stripe_payouts = Table(
    "stripe_payouts",
    metadata,
    Column("payout", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("arrives_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("tied", Boolean),
    Column("difference", BigInteger),
)
"""``tied``: whether its movements add up to it; null until Stripe says that they are complete."""

stripe_openings = Table(
    "stripe_openings",
    metadata,
    _key("currency", Text),
    Column("at", Instant, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("number", BigInteger),
    CheckConstraint("(number IS NULL) = (balance = 0)", name="booked"),
)
"""Of an account that was in use before: what it held at the instant from which on the books have what happens there,
and the transaction of the house's book that says so."""

stripe_problems = Table(
    "stripe_problems",
    metadata,
    Column("object", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("since", Instant, nullable=False, server_default=_NOW),
    Column("tries", Integer, nullable=False, server_default=_ZERO),
    Column("due_at", Instant),
    Index("stripe_problems_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)
"""Objects of Stripe that could not be booked, each with the reason, until they can be: looked at again when they are
due, and told of by the reconciliation. ``kind``: charge, refund, dispute, payout, movement."""

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("ok", Boolean, nullable=False),
    Column("report", LargeBinary, nullable=False),
)
"""What reconciliations with Stripe said, as JSON."""

payment_methods = Table(
    "payment_methods",
    metadata,
    _key("wallet_id"),
    _key("method", Text),
    Column("type", Text, nullable=False),
    Column("brand", Text),
    Column("last4", Text),
    Column("exp_month", Integer),
    Column("exp_year", Integer),
    Column("fingerprint", Text),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("verified", Boolean, nullable=False, server_default=text("false")),
    Column("attached_at", Instant, nullable=False, server_default=_NOW),
    Column("told_expiring_at", Instant),
)
"""What a wallet can be charged by later: Stripe's ids and what people know a card by, never a number of one."""
