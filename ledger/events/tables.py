"""How far the positions of events have come, and how far each consumer has read."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Table, Text, text

from ledger.kit.tables import metadata

feed = Table(
    "feed",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("last", BigInteger, nullable=False, server_default=text("0")),
    Column("gone", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("one", name="one"),
    CheckConstraint("0 <= gone AND gone <= last", name="positions"),
)
"""One row. ``last``: the last position that was given; ``gone``: the watermark, up to which events were deleted."""

consumers = Table(
    "consumers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("position >= 0", name="position"),
)
"""Who reads the events, and up to where each has."""
