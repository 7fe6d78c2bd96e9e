"""The rate card as it is stored: meters, versions of prices, and the number of the card as a whole.

Meters and prices are few and read as a whole, so each is the JSON of its shape (``shapes``) beside what names it.
``actor`` added it; of a meter, or was the last to change it. Nothing leaves the card, so the service may not delete.
``rate_card.version`` grows with every change: whoever prices by a card that was read before compares it under the lock
of the wallet, and reads the card anew where it is another.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Integer, Table, Text, text

from ledger.kit.tables import metadata

rate_card = Table(
    "rate_card",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("one", name="single"),
)

meters = Table(
    "meters",
    metadata,
    Column("service", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("body", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("ledger_now()")),
)

prices = Table(
    "prices",
    metadata,
    Column("service", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("selector", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("ledger_now()")),
    CheckConstraint("version > 0", name="version"),
)
