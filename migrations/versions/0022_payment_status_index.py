"""A wallet's payments by how they stand, the newest first."""

from alembic import op

from migrations.online import create_index

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "payments_status_idx",
        """payments (wallet_id, (CASE WHEN state <> 'paid' THEN state WHEN disputed > 0 THEN 'disputed'
        WHEN refunded = 0 THEN 'paid' WHEN refunded = paid THEN 'refunded' ELSE 'partially_refunded' END), created_at,
        payment)""",
    )


def downgrade() -> None:
    op.drop_index("payments_status_idx", table_name="payments")
