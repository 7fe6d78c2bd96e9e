"""The tables of the anchor. ``anchors`` and ``anchor_leaves`` are only ever added to."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    LargeBinary,
    Table,
    UniqueConstraint,
    text,
)

from ledger.kit.tables import metadata

Instant = DateTime(timezone=True)

unsealed = Table(
    "unsealed",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("since", Instant, nullable=False),
)
"""Books that moved since an anchor took them. The unit of work that moves a book first writes its row."""

sealing = Table(
    "sealing",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("anchor", BigInteger, nullable=False, server_default=text("1")),
    Column("leaves", BigInteger, nullable=False, server_default=text("0")),
    Column("peaks", LargeBinary, nullable=False, server_default=text("''")),
    CheckConstraint("one", name="single"),
    CheckConstraint("anchor > 0 AND leaves >= 0", name="numbers"),
    CheckConstraint("octet_length(peaks) = 32 * bit_count(leaves::bit(64))", name="peaks"),
)
"""The anchor that is being made: one row, which whoever seals locks. Its number is the fence."""

anchors = Table(
    "anchors",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("previous", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("leaves", BigInteger, nullable=False),
    Column("sealed_at", Instant, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    CheckConstraint("number > 0 AND leaves >= 0", name="numbers"),
    CheckConstraint(
        "octet_length(previous) = 32 AND octet_length(root) = 32 AND octet_length(hash) = 32"
        " AND octet_length(public_key) = 32 AND octet_length(signature) = 64",
        name="bytes",
    ),
)

anchor_leaves = Table(
    "anchor_leaves",
    metadata,
    Column("anchor", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("wallet_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("anchor > 0 AND position >= 0 AND number > 0", name="numbers"),
    CheckConstraint("octet_length(hash) = 32", name="hash"),
    UniqueConstraint("wallet_id", "number"),
)
"""What was sealed of each book, in the order of the tree."""
