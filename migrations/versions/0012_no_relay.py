"""The columns of the relay go: who hears of an event has rows of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = ("task", "state", "attempts", "due_at")
INDEXES = (
    ("outbox_due_idx", ["due_at"], "state IN ('new', 'published')"),
    ("outbox_new_idx", ["recorded_at", "wallet_id", "event"], "position IS NULL"),
    ("outbox_position_idx", ["position"], "position IS NOT NULL"),
)


def upgrade() -> None:
    for column in COLUMNS:
        # No release has them.
        op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE outbox DROP COLUMN {column}")


def downgrade() -> None:
    """The table is made anew, since columns that come back would stand behind the others."""
    op.execute("CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT * FROM outbox")
    op.drop_table("outbox")
    op.create_table(
        "outbox",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), server_default=sa.text("'events.announce'"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'published', 'done', 'dead')", name=op.f("outbox_state_check")),
        sa.CheckConstraint("event > 0", name=op.f("outbox_event_check")),
        sa.PrimaryKeyConstraint("wallet_id", "event", name=op.f("outbox_pkey")),
    )
    op.execute(
        "INSERT INTO outbox (wallet_id, event, type, payload, recorded_at, position)"
        " SELECT wallet_id, event, type, payload, recorded_at, position FROM kept"
    )
    for name, columns, where in INDEXES:
        op.create_index(name, "outbox", columns, unique=columns == ["position"], postgresql_where=sa.text(where))
