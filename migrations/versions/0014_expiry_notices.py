"""What was told of credits that are about to expire."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expiry_notices",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", "expires_at", name=op.f("expiry_notices_pkey")),
    )
    op.create_index("expiry_notices_expires_at_idx", "expiry_notices", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("expiry_notices")
