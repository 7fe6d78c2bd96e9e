"""Events, numbered without a gap per wallet, written in the transaction of what they report.

A row names the Celery task that takes it (``task``). The relay in workers/ claims rows by state and
due time (never by "id greater than the last one seen": numbers commit out of order) and publishes
them; whoever did the work marks the row done. A row that was published and not finished by its
``due_at`` is published again, so a lost broker loses nothing.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    text,
)

from ledger.kit.tables import metadata

ANNOUNCE = "events.announce"
"""The task that takes an event of the book."""

LEDGER = 0
"""In the place of a wallet: events of the ledger as a whole, which belong to no wallet."""

outbox = Table(
    "outbox",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event", BigInteger, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("task", Text, nullable=False, server_default=text(f"'{ANNOUNCE}'")),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False, server_default=text("'new'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("event > 0", name="event"),
    CheckConstraint("state IN ('new', 'published', 'done', 'dead')", name="state"),
    Index("outbox_due_idx", "due_at", postgresql_where=text("state IN ('new', 'published')")),
)
