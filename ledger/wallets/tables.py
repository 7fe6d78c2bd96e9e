"""An owner's further wallets by purpose: a purpose names at most one. (The primary one: ``owners``.)"""

from sqlalchemy import BigInteger, Column, Table, Text

from ledger.kit.tables import metadata

purposes = Table(
    "purposes",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("wallet_id", BigInteger, nullable=False, unique=True),
)
