"""Payments whose fee is not known yet, which are few, without reading the others."""

from alembic import op

from migrations.online import create_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("payments_fee_unknown_idx", "payments (charge) WHERE state = 'paid' AND fee IS NULL")


def downgrade() -> None:
    op.drop_index("payments_fee_unknown_idx", table_name="payments")
