"""Rollups of what wallets used, the marks up to which they go, and forecasts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rollups",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("charged_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("operations", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("slot = date_bin('15 minutes', slot, 'epoch')", name=op.f("rollups_slot_check")),
        sa.CheckConstraint("charged_micro >= 0 AND refunded_micro >= 0", name=op.f("rollups_not_negative_check")),
        sa.PrimaryKeyConstraint(
            "wallet_id", "slot", "service", "meter", "user_id", "purpose", name=op.f("rollups_pkey")
        ),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "rollup_days",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("charged_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("operations", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("by IN ('all', 'hour', 'meter', 'user', 'purpose')", name=op.f("rollup_days_by_check")),
        sa.CheckConstraint("charged_micro >= 0 AND refunded_micro >= 0", name=op.f("rollup_days_not_negative_check")),
        sa.PrimaryKeyConstraint("wallet_id", "by", "day", "key", "meter", name=op.f("rollup_days_pkey")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_table(
        "rollup_sessions",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("session", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", "session", name=op.f("rollup_sessions_pkey")),
    )
    op.create_table(
        "rollup_marks",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("earned_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("charged_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded_micro", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("operations", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sessions", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("recent", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("rolled_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.CheckConstraint("number >= 0", name=op.f("rollup_marks_number_check")),
        sa.CheckConstraint(
            "(first_day IS NULL) = (last_day IS NULL) AND first_day <= last_day", name=op.f("rollup_marks_days_check")
        ),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("rollup_marks_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "forecasts",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(made_at IS NULL) = (until IS NULL) AND (made_at IS NULL) = (body IS NULL)",
            name=op.f("forecasts_made_check"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("forecasts_pkey")),
    )
    op.create_index(
        "forecasts_due_idx",
        "forecasts",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("forecasts")
    op.drop_table("rollup_marks")
    op.drop_table("rollup_sessions")
    op.drop_table("rollup_days")
    op.drop_table("rollups")
