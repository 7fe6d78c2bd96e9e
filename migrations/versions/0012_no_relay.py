"""The columns of the relay go: who hears of an event has rows of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = ("task", "state", "attempts", "due_at")


def upgrade() -> None:
    for column in COLUMNS:
        # No release has them.
        op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE outbox DROP COLUMN {column}")


def downgrade() -> None:
    op.add_column("outbox", sa.Column("task", sa.Text(), server_default=sa.text("'events.announce'"), nullable=False))
    op.add_column("outbox", sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False))
    op.add_column("outbox", sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "outbox",
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
    )
    op.create_check_constraint(op.f("outbox_state_check"), "outbox", "state IN ('new', 'published', 'done', 'dead')")
    op.create_index(
        "outbox_due_idx",
        "outbox",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('new', 'published')"),
    )
