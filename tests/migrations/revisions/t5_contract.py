"""Contract: what now holds for all rows, the database insists on."""

from alembic import op

revision = "t5"
down_revision = "t4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE wallets VALIDATE CONSTRAINT wallets_tier_check")
    op.execute("ALTER TABLE wallets ALTER COLUMN tier SET NOT NULL")
    # Nobody loses a guarantee: the column's own NOT NULL says the same.
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE wallets DROP CONSTRAINT wallets_tier_check")


def downgrade() -> None:
    op.execute("ALTER TABLE wallets ADD CONSTRAINT wallets_tier_check CHECK (tier IS NOT NULL) NOT VALID")
    op.execute("ALTER TABLE wallets ALTER COLUMN tier DROP NOT NULL")
