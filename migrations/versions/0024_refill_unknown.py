"""Refills whose payment Stripe does not know, more reasons for a pause, and whether a cap was named."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

STATES = "'due', 'charging', 'processing', 'waiting', 'link_sent', 'succeeded', 'expired', 'canceled'"
ENDED = "'succeeded', 'expired', 'canceled'"
REASONS = "'failures', 'disputed'"


def upgrade() -> None:
    op.add_column("refill_attempts", sa.Column("unknown_since", sa.DateTime(timezone=True)))
    op.add_column("refills", sa.Column("cap_given", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    # One that is not what it would be by itself was named.
    op.execute("UPDATE refills SET cap_given = true WHERE monthly_spend_cap <> amount * maximum_per_month")
    more = f"{REASONS}, 'refunded', 'reopened', 'unknown_at_stripe', 'currency_changed'"
    # Not held against rows that are there, which cannot break what allows more: 0025 does that.
    _checks(f"{STATES}, 'unknown'", f"{ENDED}, 'unknown'", more, " NOT VALID")


def downgrade() -> None:
    op.execute("""WITH gone AS (
        UPDATE refill_attempts SET state = 'canceled' WHERE state = 'unknown' RETURNING wallet_id, month, amount),
    given_back AS (SELECT wallet_id, month, count(*) AS made, sum(amount) AS spent FROM gone GROUP BY wallet_id, month)
    UPDATE refill_months m SET count = m.count - g.made, spent = m.spent - g.spent FROM given_back g
    WHERE m.wallet_id = g.wallet_id AND m.month = g.month""")
    op.execute("UPDATE refills SET paused_for = 'failures' WHERE paused_for NOT IN ('failures', 'disputed')")
    _checks(STATES, ENDED, REASONS)
    op.drop_column("refills", "cap_given")
    op.drop_column("refill_attempts", "unknown_since")


def _checks(states: str, ended: str, reasons: str, how: str = "") -> None:
    """Make them anew."""
    checks = (
        ("refill_attempts", "state", f"state IN ({states})"),
        ("refill_attempts", "ended", f"(state IN ({ended})) = (ended_at IS NOT NULL)"),
        ("refills", "paused", f"(paused_for IS NULL) = (paused_at IS NULL) AND paused_for IN ({reasons})"),
    )
    for table, name, check in checks:
        constraint = f"{table}_{name}_check"
        # Nobody loses a guarantee: another one takes its place in the same transaction.
        op.execute(f"-- squawk-ignore ban-drop-constraint\nALTER TABLE {table} DROP CONSTRAINT {constraint}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({check}){how}")
