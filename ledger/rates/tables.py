"""The rate card as it is stored, what priced events were charged by, and the counters of each wallet's months.

Meters and prices are few and read as a whole, so each is the JSON of its shape (``shapes``) beside what names it.
``actor`` added it; of a meter, or was the last to change it. Nothing leaves the card, so the service may not delete.
``rate_card.version`` grows with every change: whoever prices by a card that was read before compares it under the lock
of the wallet, and reads the card anew where it is another.

A row of ``usage`` belongs to the transaction of its number: what was counted, by which version of which price, and by
how much each counter grew, so that a void can give it back (``rules.Taken``). ``voided_by`` is the transaction that
did. Quantities are in the meter's smallest unit, ``cost`` in 10^-(12 + decimals) of the price's asset, carries in
10^-24 micro-credits (``numbers``).

``meter_counters`` has three kinds of rows of a wallet and meter: the carry (month ``NEVER``, no selector), the free
tier of a month (no selector), and what was billed by a month and selector.
"""

from datetime import date
from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, DateTime, Integer, Numeric, Table, Text, text

from ledger.kit.tables import metadata

NEVER: Final = date(1, 1, 1)
"""The month of a row that belongs to none."""

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

usage = Table(
    "usage",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("service", Text, nullable=False),
    Column("meter", Text, nullable=False),
    Column("dimensions", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("month", Date, nullable=False),
    Column("quantity", BigInteger, nullable=False),
    Column("micro", BigInteger, nullable=False),
    Column("free", BigInteger, nullable=False),
    Column("billed", BigInteger, nullable=False),
    Column("covered", BigInteger, nullable=False),
    Column("flats", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    Column("amends", BigInteger),
    Column("voided_by", BigInteger),
    CheckConstraint("quantity > 0 AND free >= 0 AND billed >= 0 AND free + billed = quantity", name="quantity"),
    CheckConstraint("micro >= 0 AND covered >= 0 AND flats >= 0", name="not_negative"),
    CheckConstraint("amends < number AND voided_by > number", name="order"),
    postgresql_with={"fillfactor": "90"},
)

meter_counters = Table(
    "meter_counters",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("service", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("selector", Text, primary_key=True),
    Column("carry", Numeric, nullable=False, server_default=text("0")),
    Column("free", BigInteger, nullable=False, server_default=text("0")),
    Column("billed", BigInteger, nullable=False, server_default=text("0")),
    Column("covered", BigInteger, nullable=False, server_default=text("0")),
    Column("flats", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("carry >= 0 AND free >= 0 AND billed >= 0 AND covered >= 0 AND flats >= 0", name="not_negative"),
    postgresql_with={"fillfactor": "70"},
)
