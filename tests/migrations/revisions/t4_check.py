"""Contract, first: what is written from now on has the column. (A check that is not valid judges updates of old rows
too: before the backfill it would refuse every post.)"""

from alembic import op

revision = "t4"
down_revision = "t3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE wallets ADD CONSTRAINT wallets_tier_check CHECK (tier IS NOT NULL) NOT VALID")


def downgrade() -> None:
    op.execute("ALTER TABLE wallets DROP CONSTRAINT wallets_tier_check")
