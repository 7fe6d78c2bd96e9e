"""Accounts of Stripe that were in use before the books: since when the books have what happens there."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stripe_openings",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("currency", name=op.f("stripe_openings_pkey")),
        sa.CheckConstraint("(number IS NULL) = (balance = 0)", name=op.f("stripe_openings_booked_check")),
    )


def downgrade() -> None:
    op.drop_table("stripe_openings")
