"""A wallet's payments whose money is on its way, which are few: each balance asks for them."""

from alembic import op

from migrations.online import create_index

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("payments_processing_idx", "payments (wallet_id) WHERE state = 'processing'")


def downgrade() -> None:
    op.drop_index("payments_processing_idx", table_name="payments")
