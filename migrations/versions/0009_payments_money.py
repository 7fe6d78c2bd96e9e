"""Money of payments: what could not be booked and why, reports of reconciliations, and how refunds were asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payment_refunds", sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("payment_refunds", sa.Column("answer", sa.LargeBinary(), nullable=True))
    op.create_table(
        "stripe_problems",
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("object", name=op.f("stripe_problems_pkey")),
    )
    op.create_index(
        "stripe_problems_due_idx",
        "stripe_problems",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "reconciliations",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("at", name=op.f("reconciliations_pkey")),
    )


def downgrade() -> None:
    op.drop_table("reconciliations")
    op.drop_index(
        "stripe_problems_due_idx", table_name="stripe_problems", postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.drop_table("stripe_problems")
    op.drop_column("payment_refunds", "answer")
    op.drop_column("payment_refunds", "attempt")
