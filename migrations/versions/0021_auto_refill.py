"""Auto-refill: settings, consents, attempts, months, cards, and the switch."""

import sqlalchemy as sa
from alembic import op

from ledger.kit.db import SERVICE_ROLE

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

AFTER = (
    "INSERT INTO refill_switch DEFAULT VALUES",
    "CREATE TRIGGER refill_consents_append_only BEFORE UPDATE OR DELETE ON refill_consents"
    " FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()",
    "CREATE TRIGGER refill_consents_no_truncate BEFORE TRUNCATE ON refill_consents"
    " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()",
    f"REVOKE UPDATE, DELETE ON refill_consents FROM {SERVICE_ROLE}",
    f"REVOKE INSERT, DELETE ON refill_switch FROM {SERVICE_ROLE}",
)


def upgrade() -> None:
    op.add_column("payments", sa.Column("refill", sa.BigInteger()))
    op.create_table(
        "refill_attempts",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("position_micro", sa.BigInteger(), nullable=False),
        sa.Column("threshold_micro", sa.BigInteger(), nullable=False),
        sa.Column("credits_micro", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("consent", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("payment", sa.BigInteger(), nullable=True),
        sa.Column("intent", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("asks", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("decline_code", sa.Text(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "(state IN ('succeeded', 'expired', 'canceled')) = (ended_at IS NOT NULL)",
            name=op.f("refill_attempts_ended_check"),
        ),
        sa.CheckConstraint("cause IN ('threshold', 'forecast')", name=op.f("refill_attempts_cause_check")),
        sa.CheckConstraint(
            "state IN ('due', 'charging', 'processing', 'waiting', 'link_sent', 'succeeded', 'expired', 'canceled')",
            name=op.f("refill_attempts_state_check"),
        ),
        sa.CheckConstraint(
            "credits_micro > 0 AND amount > 0 AND tries >= 0", name=op.f("refill_attempts_amounts_check")
        ),
        sa.CheckConstraint("ended_at IS NULL OR due_at IS NULL", name=op.f("refill_attempts_over_check")),
        sa.PrimaryKeyConstraint("wallet_id", "attempt", name=op.f("refill_attempts_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "refill_attempts_due_idx", "refill_attempts", ["due_at"], postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_index(
        "refill_attempts_open_idx",
        "refill_attempts",
        ["wallet_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "refill_cards",
        sa.Column("fingerprint", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("refill_cards_pkey")),
    )
    op.create_table(
        "refill_consents",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("consent", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", "consent", name=op.f("refill_consents_pkey")),
    )
    op.create_table(
        "refill_months",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("count_max", sa.Integer(), nullable=False),
        sa.Column("spent_max", sa.BigInteger(), nullable=False),
        sa.Column("more_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("more_spent", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "count BETWEEN 0 AND count_max AND spent BETWEEN 0 AND spent_max", name=op.f("refill_months_caps_check")
        ),
        sa.CheckConstraint("more_count >= 0 AND more_spent >= 0", name=op.f("refill_months_more_check")),
        sa.PrimaryKeyConstraint("wallet_id", "month", name=op.f("refill_months_pkey")),
    )
    op.create_table(
        "refill_switch",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("stopped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.CheckConstraint("one", name=op.f("refill_switch_one_check")),
        sa.PrimaryKeyConstraint("one", name=op.f("refill_switch_pkey")),
    )
    op.create_table(
        "refills",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("threshold_micro", sa.BigInteger(), nullable=False),
        sa.Column("credits_micro", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("least", sa.BigInteger(), nullable=False),
        sa.Column("up_to", sa.Boolean(), nullable=False),
        sa.Column("maximum_per_month", sa.Integer(), nullable=False),
        sa.Column("monthly_spend_cap", sa.BigInteger(), nullable=False),
        sa.Column("cooldown_s", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("opens_min", sa.SmallInteger(), nullable=False),
        sa.Column("closes_min", sa.SmallInteger(), nullable=False),
        sa.Column("business_hours_only", sa.Boolean(), nullable=False),
        sa.Column("weekends", sa.Boolean(), nullable=False),
        sa.Column("holidays", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("smart", sa.Boolean(), nullable=False),
        sa.Column("consent", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("under_way", sa.BigInteger(), nullable=True),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("paused_for", sa.Text(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(paused_for IS NULL) = (paused_at IS NULL) AND paused_for IN ('failures', 'disputed')",
            name=op.f("refills_paused_check"),
        ),
        sa.CheckConstraint("NOT up_to OR credits_micro > threshold_micro", name=op.f("refills_up_to_check")),
        sa.CheckConstraint("cooldown_s >= 0 AND failures >= 0", name=op.f("refills_counts_check")),
        sa.CheckConstraint("maximum_per_month > 0 AND monthly_spend_cap >= amount", name=op.f("refills_caps_check")),
        sa.CheckConstraint(
            "opens_min >= 0 AND opens_min < closes_min AND closes_min <= 1440", name=op.f("refills_hours_check")
        ),
        sa.CheckConstraint(
            "threshold_micro > 0 AND credits_micro > 0 AND amount > 0 AND least > 0", name=op.f("refills_amounts_check")
        ),
        sa.CheckConstraint("under_way = attempt", name=op.f("refills_under_way_check")),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("refills_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("refills_next_idx", "refills", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    for statement in AFTER:
        op.execute(statement)


def downgrade() -> None:
    op.drop_column("payments", "refill")
    op.drop_table("refills")
    op.drop_table("refill_switch")
    op.drop_table("refill_months")
    op.drop_table("refill_consents")
    op.drop_table("refill_cards")
    op.drop_table("refill_attempts")
