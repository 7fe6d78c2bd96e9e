"""Expand: an index on the journal, built while it is written."""

from alembic import op

from migrations.online import create_index

revision = "t2"
down_revision = "t1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("transactions_recorded_idx", "transactions (recorded_at)")


def downgrade() -> None:
    op.execute("DROP INDEX transactions_recorded_idx")
