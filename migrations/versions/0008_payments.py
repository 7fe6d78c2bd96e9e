"""Payments: links, what Stripe told, refunds, disputes, payouts, cards."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pay_tokens",
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("payment", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pay_tokens_pkey")),
    )
    op.create_table(
        "payment_disputes",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dispute", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("payment", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("settled_number", sa.BigInteger(), nullable=True),
        sa.Column("evidence_due_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount > 0 AND (settled_number IS NULL OR number IS NOT NULL)", name=op.f("payment_disputes_amounts_check")
        ),
        sa.PrimaryKeyConstraint("wallet_id", "dispute", name=op.f("payment_disputes_pkey")),
    )
    op.create_table(
        "payment_methods",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("method", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("last4", sa.Text(), nullable=True),
        sa.Column("exp_month", sa.Integer(), nullable=True),
        sa.Column("exp_year", sa.Integer(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("verified", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("told_expiring_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("wallet_id", "method", name=op.f("payment_methods_pkey")),
    )
    op.create_table(
        "payment_refunds",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payment", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refund", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("credits_micro", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name=op.f("payment_refunds_state_check")),
        sa.CheckConstraint(
            "amount > 0 AND credits_micro >= 0 AND lost BETWEEN 0 AND amount",
            name=op.f("payment_refunds_amounts_check"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("payment_refunds_pkey")),
    )
    op.create_index(
        "payment_refunds_due_idx",
        "payment_refunds",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "payments",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payment", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("credits_micro", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("success_url", sa.Text(), nullable=True),
        sa.Column("cancel_url", sa.Text(), nullable=True),
        sa.Column("save_method", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("object_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payment_intent", sa.Text(), nullable=True),
        sa.Column("charge", sa.Text(), nullable=True),
        sa.Column("paid", sa.BigInteger(), nullable=True),
        sa.Column("tax", sa.BigInteger(), nullable=True),
        sa.Column("fee", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("receipt_url", sa.Text(), nullable=True),
        sa.Column("invoice_url", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("disputed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'paid') = (number IS NOT NULL AND paid IS NOT NULL)", name=op.f("payments_booked_check")
        ),
        sa.CheckConstraint("origin IN ('link', 'reusable', 'refill')", name=op.f("payments_origin_check")),
        sa.CheckConstraint(
            "state IN ('pending', 'open', 'processing', 'paid', 'failed', 'expired', 'canceled')",
            name=op.f("payments_state_check"),
        ),
        sa.CheckConstraint("amount > 0 AND credits_micro > 0", name=op.f("payments_amounts_check")),
        sa.CheckConstraint("disputed BETWEEN 0 AND coalesce(paid, 0)", name=op.f("payments_disputed_check")),
        sa.CheckConstraint("refunded BETWEEN 0 AND coalesce(paid, 0)", name=op.f("payments_refunded_check")),
        sa.CheckConstraint("tax BETWEEN 0 AND paid AND fee >= 0", name=op.f("payments_paid_check")),
        sa.PrimaryKeyConstraint("wallet_id", "payment", name=op.f("payments_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("payments_created_idx", "payments", ["wallet_id", "created_at", "payment"], unique=False)
    op.create_index(
        "payments_due_idx", "payments", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.create_table(
        "stripe_cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("stripe_cursors_pkey")),
    )
    op.create_table(
        "stripe_customers",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("stripe_customers_pkey")),
    )
    op.create_table(
        "stripe_events",
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'done', 'ignored', 'failed')", name=op.f("stripe_events_state_check")),
        sa.CheckConstraint("via IN ('webhook', 'poll')", name=op.f("stripe_events_via_check")),
        sa.PrimaryKeyConstraint("event", name=op.f("stripe_events_pkey")),
    )
    op.create_index(
        "stripe_events_due_idx", "stripe_events", ["due_at"], unique=False, postgresql_where=sa.text("state = 'new'")
    )
    op.create_index("stripe_events_received_idx", "stripe_events", ["received_at"], unique=False)
    op.create_table(
        "stripe_movements",
        sa.Column("movement", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payout", sa.Text(), nullable=True),
        sa.Column("wallet_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("net = amount - fee", name=op.f("stripe_movements_net_check")),
        sa.PrimaryKeyConstraint("movement", name=op.f("stripe_movements_pkey")),
    )
    op.create_index("stripe_movements_payout_idx", "stripe_movements", ["payout"], unique=False)
    op.create_table(
        "stripe_objects",
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("payment", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("object", name=op.f("stripe_objects_pkey")),
    )
    op.create_table(
        "stripe_payouts",
        sa.Column("payout", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("arrives_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tied", sa.Boolean(), nullable=True),
        sa.Column("difference", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("payout", name=op.f("stripe_payouts_pkey")),
    )


def downgrade() -> None:
    op.drop_table("stripe_payouts")
    op.drop_table("stripe_objects")
    op.drop_index("stripe_movements_payout_idx", table_name="stripe_movements")
    op.drop_table("stripe_movements")
    op.drop_index("stripe_events_received_idx", table_name="stripe_events")
    op.drop_index("stripe_events_due_idx", table_name="stripe_events", postgresql_where=sa.text("state = 'new'"))
    op.drop_table("stripe_events")
    op.drop_table("stripe_customers")
    op.drop_table("stripe_cursors")
    op.drop_index("payments_created_idx", table_name="payments")
    op.drop_index("payments_due_idx", table_name="payments", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("payments")
    op.drop_index(
        "payment_refunds_due_idx", table_name="payment_refunds", postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.drop_table("payment_refunds")
    op.drop_table("payment_methods")
    op.drop_table("payment_disputes")
    op.drop_table("pay_tokens")
