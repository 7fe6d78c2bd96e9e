"""The outbox: events, numbered without a gap per wallet, written in the transaction of what they report.

The log of what happened. ``position`` is an event's place in the order in which everybody hears of them; who reads the
log (ledger/events) gives it, since transactions commit in any order.
"""

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text, text

from ledger.kit.tables import metadata

LEDGER: Final = 0
"""In the place of a wallet: the anchors, which belong to no wallet."""

outbox = Table(
    "outbox",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("position", BigInteger),
    CheckConstraint("event > 0", name="event"),
    Index("outbox_new_idx", "recorded_at", "wallet_id", "event", postgresql_where=text("position IS NULL")),
    Index("outbox_position_idx", "position", unique=True, postgresql_where=text("position IS NOT NULL")),
)
