"""Budgets, what was spent of them, and the hours that spikes are told from."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budgets",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("budget", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("of", sa.Text(), nullable=True),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("limit_micro", sa.BigInteger(), nullable=False),
        sa.Column("hard", sa.Boolean(), nullable=False),
        sa.Column("alerts", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.CheckConstraint("budget > 0", name=op.f("budgets_budget_check")),
        sa.CheckConstraint(
            "scope IN ('wallet', 'service', 'member') AND (scope = 'wallet') = (of IS NULL)",
            name=op.f("budgets_scope_check"),
        ),
        sa.CheckConstraint("period IN ('day', 'week', 'month')", name=op.f("budgets_period_check")),
        sa.CheckConstraint("limit_micro > 0", name=op.f("budgets_limit_check")),
        sa.PrimaryKeyConstraint("wallet_id", "budget", name=op.f("budgets_pkey")),
    )
    op.create_table(
        "budget_spent",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("budget", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_micro", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("spent_micro >= 0 AND number >= 0", name=op.f("budget_spent_not_negative_check")),
        sa.PrimaryKeyConstraint("wallet_id", "budget", "start", name=op.f("budget_spent_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "usage_hours",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_micro", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used_micro >= 0", name=op.f("usage_hours_not_negative_check")),
        sa.PrimaryKeyConstraint("wallet_id", "hour", name=op.f("usage_hours_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "usage_watch",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("told_hour", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_day", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("number >= 0", name=op.f("usage_watch_number_check")),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("usage_watch_pkey")),
        postgresql_with={"fillfactor": "70"},
    )


def downgrade() -> None:
    op.drop_table("usage_watch")
    op.drop_table("usage_hours")
    op.drop_table("budget_spent")
    op.drop_table("budgets")
