"""Expand: a column, and what new rows have in it, on the table that every post locks."""

from alembic import op

from ledger.cli.migrate import head

revision = "t1"
down_revision = head()
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE wallets ADD COLUMN tier TEXT")
    op.execute("ALTER TABLE wallets ALTER COLUMN tier SET DEFAULT 'standard'")


def downgrade() -> None:
    op.execute("ALTER TABLE wallets DROP COLUMN tier")
