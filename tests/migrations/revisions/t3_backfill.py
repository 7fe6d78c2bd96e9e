"""Backfill: the rows that were there before, a few at a time."""

from migrations.online import in_batches

revision = "t3"
down_revision = "t2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    in_batches(
        "UPDATE wallets SET tier = 'standard' WHERE wallet_id IN ("
        "SELECT wallet_id FROM wallets WHERE tier IS NULL ORDER BY wallet_id LIMIT 200 FOR NO KEY UPDATE)"
    )


def downgrade() -> None:
    """The column goes with the revision before."""
