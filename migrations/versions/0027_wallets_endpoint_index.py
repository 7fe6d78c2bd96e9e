"""A wallet has one endpoint of its own at most, and it is found at once."""

from alembic import op

from migrations.online import create_index

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "webhook_endpoints_wallet_idx",
        "webhook_endpoints (wallet_id) WHERE wallet_id IS NOT NULL AND state <> 'deleted'",
        unique=True,
    )


def downgrade() -> None:
    op.drop_index("webhook_endpoints_wallet_idx", table_name="webhook_endpoints")
