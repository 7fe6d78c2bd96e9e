"""Who does a duty, whichever it is: the couriers of webhooks are one of several."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duties",
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("place > 0", name=op.f("duties_place_check")),
        sa.PrimaryKeyConstraint("duty", "place", name=op.f("duties_pkey")),
    )
    op.drop_table("webhook_couriers")


def downgrade() -> None:
    op.create_table(
        "webhook_couriers",
        sa.Column("courier", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("courier > 0", name=op.f("webhook_couriers_courier_check")),
        sa.PrimaryKeyConstraint("courier", name=op.f("webhook_couriers_pkey")),
    )
    op.drop_table("duties")
