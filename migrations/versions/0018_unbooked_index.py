"""Movements that are not booked, which are few, without reading those that are."""

from alembic import op

from migrations.online import create_index

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("stripe_movements_unbooked_idx", "stripe_movements (currency) WHERE number IS NULL")


def downgrade() -> None:
    op.drop_index("stripe_movements_unbooked_idx", table_name="stripe_movements")
