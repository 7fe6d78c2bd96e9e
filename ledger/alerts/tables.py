"""What was seen and told: alerts are edges, so the last level of a wallet and the expiries told of must be known."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text

from ledger.kit.tables import metadata

balance_levels = Table(
    "balance_levels",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("level", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    CheckConstraint("level IN ('ok', 'low', 'critical', 'depleted')", name="level"),
)

expiry_notices = Table(
    "expiry_notices",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("expires_at", DateTime(timezone=True), primary_key=True),
    Index("expiry_notices_expires_at_idx", "expires_at"),
)
"""That credits of a wallet which expire at that instant were told of."""
