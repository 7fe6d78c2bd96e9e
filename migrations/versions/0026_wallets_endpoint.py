"""An endpoint may be of one wallet: the webhook in the settings of its auto-refill."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_endpoints", sa.Column("wallet_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("webhook_endpoints", "wallet_id")
