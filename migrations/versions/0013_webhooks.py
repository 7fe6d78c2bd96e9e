"""Webhooks: endpoints, the secrets that sign for them, deliveries, and each attempt at one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NOW = sa.text("ledger_now()")


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("endpoint", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("events", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'enabled'"), nullable=False),
        sa.Column("disabled_for", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("slots", sa.Integer(), server_default=sa.text("4"), nullable=False),
        sa.CheckConstraint("endpoint > 0", name=op.f("webhook_endpoints_id_check")),
        sa.CheckConstraint("cardinality(events) > 0", name=op.f("webhook_endpoints_events_check")),
        sa.CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name=op.f("webhook_endpoints_state_check")),
        sa.CheckConstraint(
            "disabled_for IN ('request', 'gone', 'failing')", name=op.f("webhook_endpoints_disabled_for_check")
        ),
        sa.CheckConstraint(
            "(disabled_for IS NULL) = (disabled_at IS NULL)", name=op.f("webhook_endpoints_disabled_check")
        ),
        sa.CheckConstraint("state <> 'enabled' OR disabled_for IS NULL", name=op.f("webhook_endpoints_enabled_check")),
        sa.CheckConstraint("slots > 0 AND failures >= 0", name=op.f("webhook_endpoints_health_check")),
        sa.PrimaryKeyConstraint("endpoint", name=op.f("webhook_endpoints_pkey")),
    )
    op.create_index("webhook_endpoints_owner_idx", "webhook_endpoints", ["owner_id", "endpoint"], unique=False)
    op.create_table(
        "webhook_secrets",
        sa.Column("endpoint", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=NOW, nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("secret > 0", name=op.f("webhook_secrets_secret_check")),
        sa.ForeignKeyConstraint(
            ["endpoint"],
            ["webhook_endpoints.endpoint"],
            name=op.f("webhook_secrets_endpoint_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("endpoint", "secret", name=op.f("webhook_secrets_pkey")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("endpoint", sa.BigInteger(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'due'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exhausted_for", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('due', 'sending', 'delivered', 'exhausted')", name=op.f("webhook_deliveries_state_check")
        ),
        sa.CheckConstraint(
            "exhausted_for IN ('attempts', 'gone', 'failing', 'deleted')",
            name=op.f("webhook_deliveries_exhausted_for_check"),
        ),
        sa.CheckConstraint(
            "(state = 'exhausted') = (exhausted_for IS NOT NULL)", name=op.f("webhook_deliveries_exhausted_check")
        ),
        sa.CheckConstraint(
            "(state IN ('delivered', 'exhausted')) = (finished_at IS NOT NULL)",
            name=op.f("webhook_deliveries_finished_check"),
        ),
        sa.CheckConstraint("0 <= round AND round <= attempts", name=op.f("webhook_deliveries_attempts_check")),
        sa.ForeignKeyConstraint(
            ["endpoint"],
            ["webhook_endpoints.endpoint"],
            name=op.f("webhook_deliveries_endpoint_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery", name=op.f("webhook_deliveries_pkey")),
        sa.UniqueConstraint(
            "endpoint", "wallet_id", "event", name=op.f("webhook_deliveries_endpoint_wallet_id_event_key")
        ),
    )
    op.create_index(
        "webhook_deliveries_due_idx",
        "webhook_deliveries",
        ["endpoint", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'due'"),
    )
    op.create_index(
        "webhook_deliveries_sending_idx",
        "webhook_deliveries",
        ["endpoint", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index("webhook_deliveries_endpoint_idx", "webhook_deliveries", ["endpoint", "delivery"], unique=False)
    op.create_index("webhook_deliveries_event_idx", "webhook_deliveries", ["wallet_id", "event"], unique=False)
    op.create_table(
        "webhook_attempts",
        sa.Column("delivery", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.CheckConstraint("attempt > 0 AND duration_ms >= 0", name=op.f("webhook_attempts_numbers_check")),
        sa.ForeignKeyConstraint(
            ["delivery"],
            ["webhook_deliveries.delivery"],
            name=op.f("webhook_attempts_delivery_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery", "attempt", name=op.f("webhook_attempts_pkey")),
    )
    op.create_table(
        "duties",
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("place > 0", name=op.f("duties_place_check")),
        sa.PrimaryKeyConstraint("duty", "place", name=op.f("duties_pkey")),
    )


def downgrade() -> None:
    op.drop_table("duties")
    op.drop_table("webhook_attempts")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_secrets")
    op.drop_table("webhook_endpoints")
