"""What was restored: a line for each time that rows of another cluster were taken over."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Table, Text, text

from ledger.kit.tables import metadata

restores = Table(
    "restores",
    metadata,
    Column("restored_at", DateTime(timezone=True), primary_key=True, server_default=text("clock_timestamp()")),
    Column("how", Text, nullable=False),
    Column("cluster", BigInteger, nullable=False),
    Column("transactions", BigInteger, nullable=False),
    Column("login", Text, nullable=False, server_default=text("session_user")),
    CheckConstraint("how IN ('dump', 'adopt')", name="how"),
    CheckConstraint("transactions >= 0", name="transactions"),
)
