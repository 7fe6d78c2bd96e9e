"""Events without a position are found at once, and those with one by it."""

from alembic import op

from migrations.online import create_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("outbox_new_idx", "outbox (recorded_at, wallet_id, event) WHERE position IS NULL")
    create_index("outbox_position_idx", "outbox (position) WHERE position IS NOT NULL", unique=True)


def downgrade() -> None:
    op.drop_index("outbox_position_idx", table_name="outbox")
    op.drop_index("outbox_new_idx", table_name="outbox")
