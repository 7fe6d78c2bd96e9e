"""Movements by what they are of: a payment without one is looked for in each reconciliation."""

from alembic import op

from migrations.online import create_index

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("stripe_movements_source_idx", "stripe_movements (source)")


def downgrade() -> None:
    op.drop_index("stripe_movements_source_idx", table_name="stripe_movements")
