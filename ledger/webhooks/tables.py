"""Endpoints, the secrets that sign for them, what is delivered to them, and each attempt at it."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ledger.kit.tables import metadata

Instant = DateTime(timezone=True)

DISABLED_FOR: Final = ("request", "gone", "failing")
EXHAUSTED_FOR: Final = ("attempts", "gone", "failing", "deleted")


def _named(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("endpoint", BigInteger, primary_key=True, autoincrement=False),
    Column("owner_id", Text),
    Column("url", Text, nullable=False),
    Column("description", Text),
    Column("events", ARRAY(Text), nullable=False),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default=text("'enabled'")),
    Column("disabled_for", Text),
    Column("disabled_at", Instant),
    Column("told_at", Instant),
    Column("created_at", Instant, nullable=False, server_default=text("ledger_now()")),
    Column("updated_at", Instant, nullable=False, server_default=text("ledger_now()")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", Instant),
    Column("warned_at", Instant),
    Column("paused_until", Instant),
    Column("slots", Integer, nullable=False, server_default=text("4")),
    Column("wallet_id", BigInteger),
    CheckConstraint("endpoint > 0", name="id"),
    CheckConstraint("cardinality(events) > 0", name="events"),
    CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name="state"),
    CheckConstraint(f"disabled_for IN ({_named(DISABLED_FOR)})", name="disabled_for"),
    CheckConstraint("(disabled_for IS NULL) = (disabled_at IS NULL)", name="disabled"),
    CheckConstraint("state <> 'enabled' OR disabled_for IS NULL", name="enabled"),
    CheckConstraint("slots > 0 AND failures >= 0", name="health"),
    Index("webhook_endpoints_owner_idx", "owner_id", "endpoint"),
    Index(
        "webhook_endpoints_wallet_idx",
        "wallet_id",
        unique=True,
        postgresql_where=text("wallet_id IS NOT NULL AND state <> 'deleted'"),
    ),
    Index("webhook_endpoints_disabled_idx", "disabled_for", postgresql_where=text("state = 'disabled'")),
)
"""``failures`` in a row, ``failing_since`` the first of them; ``slots``: deliveries at once; ``told_at``: when it was
told that it is disabled; ``wallet_id``: of one that hears of this wallet alone, for its settings of auto-refill."""

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("endpoint", BigInteger, ForeignKey("webhook_endpoints.endpoint", ondelete="CASCADE"), primary_key=True),
    Column("secret", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("ledger_now()")),
    Column("ends_at", Instant),
    CheckConstraint("secret > 0", name="secret"),
)
"""``secret``: 1, 2, 3 … of its endpoint; ``sealed``: encrypted; ``ends_at``: null for the newest, which has no end."""

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("delivery", BigInteger, Identity(), primary_key=True),
    Column("endpoint", BigInteger, ForeignKey("webhook_endpoints.endpoint", ondelete="CASCADE"), nullable=False),
    Column("wallet_id", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'due'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("round", Integer, nullable=False, server_default=text("0")),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("exhausted_for", Text),
    UniqueConstraint("endpoint", "wallet_id", "event"),
    CheckConstraint("state IN ('due', 'sending', 'delivered', 'exhausted')", name="state"),
    CheckConstraint(f"exhausted_for IN ({_named(EXHAUSTED_FOR)})", name="exhausted_for"),
    CheckConstraint("(state = 'exhausted') = (exhausted_for IS NOT NULL)", name="exhausted"),
    CheckConstraint("(state IN ('delivered', 'exhausted')) = (finished_at IS NOT NULL)", name="finished"),
    CheckConstraint("0 <= round AND round <= attempts", name="attempts"),
    Index("webhook_deliveries_due_idx", "endpoint", "due_at", postgresql_where=text("state = 'due'")),
    Index("webhook_deliveries_sending_idx", "endpoint", "due_at", postgresql_where=text("state = 'sending'")),
    Index("webhook_deliveries_exhausted_idx", "finished_at", postgresql_where=text("state = 'exhausted'")),
    Index("webhook_deliveries_endpoint_idx", "endpoint", "delivery"),
    Index("webhook_deliveries_event_idx", "wallet_id", "event"),
)
"""``due_at``: of the next attempt; while one is on its way, when its lease ends. ``attempts``: ever; those up to
``round`` belong to earlier rounds, before somebody asked for the delivery again."""

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("delivery", BigInteger, ForeignKey("webhook_deliveries.delivery", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("url", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("reply", Text),
    CheckConstraint("attempt > 0 AND duration_ms >= 0", name="numbers"),
)
"""``outcome``: ``delivered``, ``status`` (not 2xx), ``lost`` (the worker died), or why there was no answer."""
