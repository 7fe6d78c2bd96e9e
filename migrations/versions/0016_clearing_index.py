"""What stands at Stripe, of all books together, by an index: reconciliation read every posting for it."""

from alembic import op

from migrations.online import create_index

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "postings_clearing_idx",
        "postings (asset) INCLUDE (debit, amount) WHERE debit = 'stripe_clearing' OR credit = 'stripe_clearing'",
    )


def downgrade() -> None:
    op.drop_index("postings_clearing_idx", table_name="postings")
