"""Where wallets have their events told, and what is to be told there."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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
from sqlalchemy.dialects.postgresql import ARRAY

from ledger.kit.tables import metadata

Instant = DateTime(timezone=True)

notification_channels = Table(
    "notification_channels",
    metadata,
    Column("channel", BigInteger, primary_key=True, autoincrement=False),
    Column("wallet_id", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("sealed", LargeBinary),
    Column("events", ARRAY(Text), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("disabled_for", Text),
    Column("changed_by", Text, nullable=False),
    Column("created_at", Instant, nullable=False, server_default=text("ledger_now()")),
    Column("updated_at", Instant, nullable=False, server_default=text("ledger_now()")),
    Column("enabled_at", Instant, nullable=False, server_default=text("ledger_now()")),
    Column("paused_until", Instant),
    Column("tested_at", Instant),
    Column("last_sent_at", Instant),
    Column("problem", Text),
    Column("problem_at", Instant),
    CheckConstraint("channel > 0", name="id"),
    CheckConstraint("kind IN ('email', 'slack')", name="kind"),
    CheckConstraint("(kind = 'slack') = (sealed IS NOT NULL)", name="sealed"),
    CheckConstraint("cardinality(events) > 0", name="events"),
    CheckConstraint("disabled_for IN ('request', 'gone')", name="disabled_for"),
    CheckConstraint("enabled = (disabled_for IS NULL)", name="enabled"),
    CheckConstraint("(problem IS NULL) = (problem_at IS NULL)", name="problem"),
    Index("notification_channels_wallet_idx", "wallet_id", "channel"),
)
"""``shown``: the address, or what may be shown of the URL, which is encrypted in ``sealed``. Events are told from
``enabled_at`` on. ``changed_by``: the API key. ``problem``: of the last attempt, where that failed."""

notifications = Table(
    "notifications",
    metadata,
    Column("notification", BigInteger, Identity(), primary_key=True),
    Column("channel", BigInteger, ForeignKey("notification_channels.channel", ondelete="CASCADE"), nullable=False),
    Column("wallet_id", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("left_out", Integer, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("slot_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("problem", Text),
    UniqueConstraint("channel", "event"),
    CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed')", name="state"),
    CheckConstraint("(state IN ('sent', 'failed')) = (finished_at IS NOT NULL)", name="finished"),
    CheckConstraint("attempts >= 0 AND left_out >= 0", name="numbers"),
    Index("notifications_due_idx", "due_at", postgresql_where=text("state IN ('queued', 'sending')")),
    Index(
        "notifications_fresh_idx",
        "channel",
        "type",
        unique=True,
        postgresql_where=text("state = 'queued' AND attempts = 0"),
    ),
    Index("notifications_slot_idx", "channel", "type", "slot_at"),
    Index("notifications_finished_idx", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
)
"""``event``: the newest of those that it is about; ``left_out``: how many others. ``slot_at``: from when on it was to
be sent; ``due_at``: the next attempt, or while one is under way the end of its lease. ``attempts``: their number is
what the lease is held by."""
