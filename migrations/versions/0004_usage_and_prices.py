"""Usage and prices: the rate card, priced events, the counters of their months.

A new database has the card that ships. It is put in here and not by `credit-ledger migrate`, so that whoever migrates
in whatever way has it, exactly once: an operator's card is never touched again. And it stands in sql/card_v1.sql as
it was at this revision. A migration that read ledger/rates/shipped.yaml would do something else after each change of
that file, or of the code that reads it; whoever wants a later card imports it (`credit-ledger rates import`).
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from ledger.kit.db import SERVICE_ROLE

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"

AFTER = (
    (SQL / "card_v1.sql").read_text(),
    f"REVOKE INSERT, DELETE ON rate_card FROM {SERVICE_ROLE}",
    f"REVOKE DELETE ON meters, prices FROM {SERVICE_ROLE}",
    f"REVOKE DELETE ON usage FROM {SERVICE_ROLE}",
)


def upgrade() -> None:
    op.create_table(
        "rate_card",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("one", name=op.f("rate_card_single_check")),
        sa.PrimaryKeyConstraint("one", name=op.f("rate_card_pkey")),
    )
    op.create_table(
        "meters",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.PrimaryKeyConstraint("service", "meter", name=op.f("meters_pkey")),
    )
    op.create_table(
        "prices",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.CheckConstraint("version > 0", name=op.f("prices_version_check")),
        sa.PrimaryKeyConstraint("service", "meter", "selector", "version", name=op.f("prices_pkey")),
    )
    op.create_table(
        "usage",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("dimensions", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("micro", sa.BigInteger(), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.Column("billed", sa.BigInteger(), nullable=False),
        sa.Column("covered", sa.BigInteger(), nullable=False),
        sa.Column("flats", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("amends", sa.BigInteger(), nullable=True),
        sa.Column("voided_by", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "quantity > 0 AND free >= 0 AND billed >= 0 AND free + billed = quantity",
            name=op.f("usage_quantity_check"),
        ),
        sa.CheckConstraint("micro >= 0 AND covered >= 0 AND flats >= 0", name=op.f("usage_not_negative_check")),
        sa.CheckConstraint("amends < number AND voided_by > number", name=op.f("usage_order_check")),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("usage_pkey")),
        postgresql_with={"fillfactor": "90"},
    )
    op.create_table(
        "meter_counters",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("carry", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.Column("free", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("billed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("covered", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("flats", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "carry >= 0 AND free >= 0 AND billed >= 0 AND covered >= 0 AND flats >= 0",
            name=op.f("meter_counters_not_negative_check"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "service", "meter", "month", "selector", name=op.f("meter_counters_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    for statement in AFTER:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("meter_counters")
    op.drop_table("usage")
    op.drop_table("prices")
    op.drop_table("meters")
    op.drop_table("rate_card")
