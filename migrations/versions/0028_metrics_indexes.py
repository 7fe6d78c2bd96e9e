"""What /metrics counts is found without its history: by indexes of what is open, disabled, given up, or a day old."""

from alembic import op

from migrations.online import create_index

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

INDEXES = {
    "refills_paused_idx": "refills (paused_for) WHERE paused_for IS NOT NULL",
    "refill_attempts_asked_idx": "refill_attempts (asked_at) WHERE tries > 0",
    "webhook_endpoints_disabled_idx": "webhook_endpoints (disabled_for) WHERE state = 'disabled'",
    "webhook_deliveries_exhausted_idx": "webhook_deliveries (finished_at) WHERE state = 'exhausted'",
    "payments_pending_idx": "payments (created_at) WHERE state = 'pending'",
    "stripe_events_failed_idx": "stripe_events (received_at) WHERE state = 'failed'",
}


def upgrade() -> None:
    for name, on in INDEXES.items():
        create_index(name, on)


def downgrade() -> None:
    for name, on in INDEXES.items():
        op.drop_index(name, table_name=on.partition(" ")[0])
