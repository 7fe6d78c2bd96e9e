"""Events are kept: each gets a position in the order in which all are heard, and consumers read by position."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("gone", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("one", name=op.f("feed_one_check")),
        sa.CheckConstraint("0 <= gone AND gone <= last", name=op.f("feed_positions_check")),
        sa.PrimaryKeyConstraint("one", name=op.f("feed_pkey")),
    )
    op.create_table(
        "consumers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("position >= 0", name=op.f("consumers_position_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("consumers_pkey")),
    )
    op.execute("INSERT INTO feed DEFAULT VALUES")
    op.execute("INSERT INTO consumers (name) VALUES ('webhooks'), ('notifications')")
    op.add_column("outbox", sa.Column("position", sa.BigInteger(), nullable=True))
    op.alter_column("outbox", "due_at", server_default=sa.text("ledger_now()"))


def downgrade() -> None:
    op.alter_column("outbox", "due_at", server_default=None)
    op.drop_column("outbox", "position")
    op.drop_table("consumers")
    op.drop_table("feed")
