"""Notifications: the channels of wallets, and what is to be sent to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NOW = sa.text("ledger_now()")


def upgrade() -> None:
    op.create_table(
        "notification_channels",
        sa.Column("channel", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("disabled_for", sa.Text(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("enabled_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel > 0", name=op.f("notification_channels_id_check")),
        sa.CheckConstraint("kind IN ('email', 'slack')", name=op.f("notification_channels_kind_check")),
        sa.CheckConstraint("(kind = 'slack') = (sealed IS NOT NULL)", name=op.f("notification_channels_sealed_check")),
        sa.CheckConstraint("cardinality(events) > 0", name=op.f("notification_channels_events_check")),
        sa.CheckConstraint(
            "disabled_for IN ('request', 'gone')", name=op.f("notification_channels_disabled_for_check")
        ),
        sa.CheckConstraint("enabled = (disabled_for IS NULL)", name=op.f("notification_channels_enabled_check")),
        sa.CheckConstraint(
            "(problem IS NULL) = (problem_at IS NULL)", name=op.f("notification_channels_problem_check")
        ),
        sa.PrimaryKeyConstraint("channel", name=op.f("notification_channels_pkey")),
    )
    op.create_index("notification_channels_wallet_idx", "notification_channels", ["wallet_id", "channel"])
    op.create_table(
        "notifications",
        sa.Column("notification", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("channel", sa.BigInteger(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("left_out", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'sending', 'sent', 'failed')", name=op.f("notifications_state_check")),
        sa.CheckConstraint(
            "(state IN ('sent', 'failed')) = (finished_at IS NOT NULL)", name=op.f("notifications_finished_check")
        ),
        sa.CheckConstraint("attempts >= 0 AND left_out >= 0", name=op.f("notifications_numbers_check")),
        sa.ForeignKeyConstraint(
            ["channel"],
            ["notification_channels.channel"],
            name=op.f("notifications_channel_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notification", name=op.f("notifications_pkey")),
        sa.UniqueConstraint("channel", "event", name=op.f("notifications_channel_event_key")),
    )
    op.create_index(
        "notifications_due_idx",
        "notifications",
        ["due_at"],
        postgresql_where=sa.text("state IN ('queued', 'sending')"),
    )
    op.create_index(
        "notifications_fresh_idx",
        "notifications",
        ["channel", "type"],
        unique=True,
        postgresql_where=sa.text("state = 'queued' AND attempts = 0"),
    )
    op.create_index("notifications_slot_idx", "notifications", ["channel", "type", "slot_at"])
    op.create_index(
        "notifications_finished_idx",
        "notifications",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("notifications")
    op.drop_table("notification_channels")
