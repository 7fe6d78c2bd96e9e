"""The level a wallet was last seen at: alerts are edges, so the last level must be known."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Table, Text

from ledger.kit.tables import metadata

balance_levels = Table(
    "balance_levels",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("level", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    CheckConstraint("level IN ('ok', 'low', 'critical', 'depleted')", name="level"),
)
