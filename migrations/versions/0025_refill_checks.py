"""The checks of 0024, held against the rows that were there: without a lock that anybody feels."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

CHECKS = (("refill_attempts", "state"), ("refill_attempts", "ended"), ("refills", "paused"))


def upgrade() -> None:
    for table, name in CHECKS:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_{name}_check")


def downgrade() -> None:
    pass
