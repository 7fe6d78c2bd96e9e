"""The book's tables. Every key begins with the wallet (DESIGN: paging and as-of need no second index).

Amounts are BIGINT in the smallest unit of the asset. CHECKs repeat every rule that a row can show.
``open`` columns exist so that partial indexes depend on what changes once, not on every amount: the
updates of a spend stay HOT.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

from ledger.kit.tables import metadata


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


Instant = DateTime(timezone=True)

clock = Table(
    "clock",
    metadata,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("ahead_us", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("one", name="single"),
)

owners = Table(
    "owners",
    metadata,
    Column("owner_id", Text, primary_key=True),
    Column("wallet_id", BigInteger, nullable=False, unique=True),
)

wallets = Table(
    "wallets",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("wallet", BigInteger, nullable=False, server_default=text("0")),
    Column("held", BigInteger, nullable=False, server_default=text("0")),
    Column("disputed", BigInteger, nullable=False, server_default=text("0")),
    Column("owed", BigInteger, nullable=False, server_default=text("0")),
    Column("overdraft_limit", BigInteger, nullable=False, server_default=text("0")),
    Column("number", BigInteger, nullable=False, server_default=text("0")),
    Column("sealed_number", BigInteger, nullable=False, server_default=text("0")),
    Column("event_number", BigInteger, nullable=False, server_default=text("0")),
    Column("last_lot", BigInteger, nullable=False, server_default=text("0")),
    Column("last_at", Instant, nullable=False, server_default=text("'epoch'")),
    Column("due_at", Instant),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("head_hash", LargeBinary, nullable=False),
    CheckConstraint("wallet_id > 0", name="id"),
    CheckConstraint("wallet >= 0 AND held >= 0 AND disputed >= 0 AND owed >= 0", name="not_negative"),
    CheckConstraint("wallet = 0 OR owed = 0", name="debt_first"),
    CheckConstraint("overdraft_limit >= 0", name="limit"),
    CheckConstraint("number >= 0 AND event_number >= 0 AND last_lot >= 0", name="numbers"),
    CheckConstraint("status IN ('active', 'frozen', 'closed')", name="status"),
    CheckConstraint("octet_length(head_hash) = 32", name="head_hash"),
    postgresql_with={"fillfactor": "50"},
)

wallet_settings = Table(
    "wallet_settings",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("owner_id", Text, nullable=False),
    Column("purpose", Text),
    Column("time_zone", Text, nullable=False, server_default=text("'UTC'")),
    Column("warning_at", BigInteger, nullable=False, server_default=text("100000000")),
    Column("critical_at", BigInteger, nullable=False, server_default=text("20000000")),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", Instant, nullable=False, server_default=text("ledger_now()")),
    CheckConstraint("warning_at >= critical_at AND critical_at >= 0", name="levels"),
    Index("wallet_settings_owner_idx", "owner_id", "wallet_id"),
)

transactions = Table(
    "transactions",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("key_hash", Uuid, nullable=False),
    Column("fingerprint", Uuid, nullable=False),
    Column("event_hash", Uuid),
    Column("actor", Text, nullable=False),
    Column("effective_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("reverses", BigInteger),
    Column("link_wallet_id", BigInteger),
    Column("link_number", BigInteger),
    Column("wallet_after", BigInteger, nullable=False),
    Column("held_after", BigInteger, nullable=False),
    Column("disputed_after", BigInteger, nullable=False),
    Column("owed_after", BigInteger, nullable=False),
    Column("limit_after", BigInteger, nullable=False),
    Column("xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("terms", Text),
    Column("notes_digest", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("effective_at <= recorded_at", name="effective_at"),
    CheckConstraint("reverses < number", name="reverses"),
    CheckConstraint("(link_wallet_id IS NULL) = (link_number IS NULL)", name="link"),
    CheckConstraint("link_wallet_id <> wallet_id", name="link_other"),
    CheckConstraint(
        "wallet_after >= 0 AND held_after >= 0 AND disputed_after >= 0 AND owed_after >= 0",
        name="not_negative",
    ),
    CheckConstraint("octet_length(hash) = 32 AND octet_length(notes_digest) = 32", name="hashes"),
    Index("transactions_key_key", "wallet_id", "key_hash", unique=True),
    Index(
        "transactions_event_key",
        "wallet_id",
        "event_hash",
        unique=True,
        postgresql_where=text("event_hash IS NOT NULL"),
    ),
    Index(
        "transactions_reverses_idx",
        "wallet_id",
        "reverses",
        postgresql_where=text("reverses IS NOT NULL"),
    ),
    Index(
        "transactions_backdated_idx",
        "wallet_id",
        "effective_at",
        postgresql_where=text("effective_at < recorded_at"),
    ),
)

notes = Table(
    "notes",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
)

postings = Table(
    "postings",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("line", SmallInteger, primary_key=True, autoincrement=False),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("asset", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("lot", BigInteger),
    Column("lot_after", BigInteger),
    Column("hold", BigInteger),
    Column("balance_after", BigInteger, nullable=False),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("debit <> credit", name="two_accounts"),
    CheckConstraint("(lot IS NULL) = (lot_after IS NULL) AND lot_after >= 0", name="lot"),
    Index(
        "postings_clearing_idx",
        "asset",
        postgresql_include=["debit", "amount"],
        postgresql_where=text("debit = 'stripe_clearing' OR credit = 'stripe_clearing'"),
    ),
)

refusals = Table(
    "refusals",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key_hash", Uuid, primary_key=True),
    Column("fingerprint", Uuid, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("refusals_recorded_at_idx", "recorded_at"),
)

lots = Table(
    "lots",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("lot", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("pinned", BigInteger, nullable=False, server_default=text("0")),
    Column("open", Boolean, nullable=False),
    Column("paid", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("effective_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("cost", BigInteger, nullable=False, server_default=text("0")),
    Column("currency", Text),
    CheckConstraint("amount > 0 AND remaining BETWEEN 0 AND amount", name="remaining"),
    CheckConstraint("pinned BETWEEN 0 AND remaining", name="pinned"),
    CheckConstraint("open = (remaining > 0)", name="open"),
    CheckConstraint("cost >= 0 AND paid = (cost > 0) AND paid = (currency IS NOT NULL)", name="cost"),
    CheckConstraint("priority BETWEEN 0 AND 1000", name="priority"),
    CheckConstraint("expires_at > effective_at", name="expires_at"),
    CheckConstraint(
        "source IN ('purchase', 'allowance', 'promotional', 'earned', 'allocation', 'transfer',"
        " 'refund', 'adjustment')",
        name="source",
    ),
    Index(
        "lots_burn_down_idx",
        "wallet_id",
        "priority",
        "expires_at",
        "paid",
        "lot",
        postgresql_where=text("open"),
    ),
    Index(
        "lots_wallet_expiry_idx",
        "wallet_id",
        "expires_at",
        postgresql_where=text("open AND expires_at IS NOT NULL"),
    ),
    Index(
        "lots_expiry_idx",
        "expires_at",
        postgresql_where=text("open AND expires_at IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": "70"},
)

holds = Table(
    "holds",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hold", BigInteger, primary_key=True, autoincrement=False),
    Column("amount", BigInteger, nullable=False),
    Column("captured", BigInteger, nullable=False, server_default=text("0")),
    Column("released", BigInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    CheckConstraint("amount > 0 AND captured >= 0 AND released >= 0", name="amounts"),
    CheckConstraint("captured + released <= amount", name="covered"),
    CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name="state"),
    CheckConstraint("(state = 'open') = (captured + released < amount)", name="open"),
    CheckConstraint("expires_at > placed_at", name="expires_at"),
    Index("holds_expiry_idx", "expires_at", postgresql_where=text("state = 'open'")),
    Index(
        "holds_wallet_expiry_idx",
        "wallet_id",
        "expires_at",
        postgresql_where=text("state = 'open'"),
    ),
)

hold_slices = Table(
    "hold_slices",
    metadata,
    Column("wallet_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hold", BigInteger, primary_key=True, autoincrement=False),
    Column("lot", BigInteger, primary_key=True, autoincrement=False),
    Column("pinned", BigInteger, nullable=False),
    CheckConstraint("pinned >= 0", name="pinned"),
)

periods = Table(
    "periods",
    metadata,
    Column("period", Text, primary_key=True),
    Column("ends_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('closing', 'closed')", name="state"),
)
