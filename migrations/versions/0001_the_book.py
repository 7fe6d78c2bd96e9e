"""The book: wallets, journal, lots, holds, refusals, outbox, balance levels, the clock."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from ledger.book.tables import Xid8
from ledger.kit.db import SERVICE_ROLE
from ledger.kit.roles import BECOME_ROLE, GRANT_ON_LATER_TABLES, MAKE_ROLE

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"

JOURNAL = ("transactions", "postings")
READ_ONLY = ("clock", "restores", "alembic_version")

AFTER = (
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
        for table in JOURNAL
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        for table in JOURNAL
    ),
    "CREATE TRIGGER postings_with_transaction AFTER INSERT ON postings"
    " REFERENCING NEW TABLE AS written"
    " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_late_posting()",
    MAKE_ROLE,
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {SERVICE_ROLE}",
    GRANT_ON_LATER_TABLES,
    *(f"REVOKE UPDATE, DELETE ON {table} FROM {SERVICE_ROLE}" for table in JOURNAL),
    *(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {SERVICE_ROLE}" for table in READ_ONLY),
    BECOME_ROLE,
)


def upgrade() -> None:
    op.create_table(
        "clock",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("ahead_us", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("one", name=op.f("clock_single_check")),
        sa.PrimaryKeyConstraint("one", name=op.f("clock_pkey")),
    )
    op.execute("INSERT INTO clock DEFAULT VALUES")
    op.execute((SQL / "book_v1.sql").read_text())
    op.create_table(
        "balance_levels",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "level IN ('ok', 'low', 'critical', 'depleted')",
            name=op.f("balance_levels_level_check"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("balance_levels_pkey")),
    )
    op.create_table(
        "hold_slices",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hold", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pinned", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("pinned >= 0", name=op.f("hold_slices_pinned_check")),
        sa.PrimaryKeyConstraint("wallet_id", "hold", "lot", name=op.f("hold_slices_pkey")),
    )
    op.create_table(
        "holds",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hold", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("released", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 'open') = (captured + released < amount)", name=op.f("holds_open_check")),
        sa.CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name=op.f("holds_state_check")),
        sa.CheckConstraint("amount > 0 AND captured >= 0 AND released >= 0", name=op.f("holds_amounts_check")),
        sa.CheckConstraint("captured + released <= amount", name=op.f("holds_covered_check")),
        sa.CheckConstraint("expires_at > placed_at", name=op.f("holds_expires_at_check")),
        sa.PrimaryKeyConstraint("wallet_id", "hold", name=op.f("holds_pkey")),
    )
    op.create_index(
        "holds_expiry_idx",
        "holds",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "holds_wallet_expiry_idx",
        "holds",
        ["wallet_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "lots",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("pinned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("paid", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cost", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "source IN ('purchase', 'allowance', 'promotional', 'earned', 'allocation', 'transfer',"
            " 'refund', 'adjustment')",
            name=op.f("lots_source_check"),
        ),
        sa.CheckConstraint("amount > 0 AND remaining BETWEEN 0 AND amount", name=op.f("lots_remaining_check")),
        sa.CheckConstraint(
            "cost >= 0 AND paid = (cost > 0) AND paid = (currency IS NOT NULL)",
            name=op.f("lots_cost_check"),
        ),
        sa.CheckConstraint("expires_at > effective_at", name=op.f("lots_expires_at_check")),
        sa.CheckConstraint("open = (remaining > 0)", name=op.f("lots_open_check")),
        sa.CheckConstraint("pinned BETWEEN 0 AND remaining", name=op.f("lots_pinned_check")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1000", name=op.f("lots_priority_check")),
        sa.PrimaryKeyConstraint("wallet_id", "lot", name=op.f("lots_pkey")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "lots_burn_down_idx",
        "lots",
        ["wallet_id", "priority", "expires_at", "paid", "lot"],
        unique=False,
        postgresql_where=sa.text("open"),
    )
    op.create_index(
        "lots_expiry_idx",
        "lots",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("open AND expires_at IS NOT NULL"),
    )
    op.create_index(
        "lots_wallet_expiry_idx",
        "lots",
        ["wallet_id", "expires_at"],
        unique=False,
        postgresql_where=sa.text("open AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "notes",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("notes_pkey")),
    )
    op.create_table(
        "outbox",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), server_default=sa.text("'events.announce'"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('new', 'published', 'done', 'dead')", name=op.f("outbox_state_check")),
        sa.CheckConstraint("event > 0", name=op.f("outbox_event_check")),
        sa.PrimaryKeyConstraint("wallet_id", "event", name=op.f("outbox_pkey")),
    )
    op.create_index(
        "outbox_due_idx",
        "outbox",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('new', 'published')"),
    )
    op.create_table(
        "owners",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("owners_pkey")),
        sa.UniqueConstraint("wallet_id", name=op.f("owners_wallet_id_key")),
    )
    op.create_table(
        "periods",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('closing', 'closed')", name=op.f("periods_state_check")),
        sa.PrimaryKeyConstraint("period", name=op.f("periods_pkey")),
    )
    op.create_table(
        "postings",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("lot", sa.BigInteger(), nullable=True),
        sa.Column("lot_after", sa.BigInteger(), nullable=True),
        sa.Column("hold", sa.BigInteger(), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(lot IS NULL) = (lot_after IS NULL) AND lot_after >= 0",
            name=op.f("postings_lot_check"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("postings_amount_check")),
        sa.CheckConstraint("debit <> credit", name=op.f("postings_two_accounts_check")),
        sa.PrimaryKeyConstraint("wallet_id", "number", "line", name=op.f("postings_pkey")),
    )
    op.create_table(
        "refusals",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", "key_hash", name=op.f("refusals_pkey")),
    )
    op.create_index("refusals_recorded_at_idx", "refusals", ["recorded_at"], unique=False)
    op.create_table(
        "restores",
        sa.Column(
            "restored_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("cluster", sa.BigInteger(), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.Text(), server_default=sa.text("session_user"), nullable=False),
        sa.CheckConstraint("how IN ('dump', 'adopt')", name=op.f("restores_how_check")),
        sa.CheckConstraint("transactions >= 0", name=op.f("restores_transactions_check")),
        sa.PrimaryKeyConstraint("restored_at", name=op.f("restores_pkey")),
    )
    op.create_table(
        "transactions",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Uuid(), nullable=False),
        sa.Column("event_hash", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column("link_wallet_id", sa.BigInteger(), nullable=True),
        sa.Column("link_number", sa.BigInteger(), nullable=True),
        sa.Column("wallet_after", sa.BigInteger(), nullable=False),
        sa.Column("held_after", sa.BigInteger(), nullable=False),
        sa.Column("disputed_after", sa.BigInteger(), nullable=False),
        sa.Column("owed_after", sa.BigInteger(), nullable=False),
        sa.Column("limit_after", sa.BigInteger(), nullable=False),
        sa.Column("xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("notes_digest", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("(link_wallet_id IS NULL) = (link_number IS NULL)", name=op.f("transactions_link_check")),
        sa.CheckConstraint("effective_at <= recorded_at", name=op.f("transactions_effective_at_check")),
        sa.CheckConstraint("link_wallet_id <> wallet_id", name=op.f("transactions_link_other_check")),
        sa.CheckConstraint("number > 0", name=op.f("transactions_number_check")),
        sa.CheckConstraint(
            "octet_length(hash) = 32 AND octet_length(notes_digest) = 32",
            name=op.f("transactions_hashes_check"),
        ),
        sa.CheckConstraint("reverses < number", name=op.f("transactions_reverses_check")),
        sa.CheckConstraint(
            "wallet_after >= 0 AND held_after >= 0 AND disputed_after >= 0 AND owed_after >= 0",
            name=op.f("transactions_not_negative_check"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", "number", name=op.f("transactions_pkey")),
    )
    op.create_index(
        "transactions_backdated_idx",
        "transactions",
        ["wallet_id", "effective_at"],
        unique=False,
        postgresql_where=sa.text("effective_at < recorded_at"),
    )
    op.create_index(
        "transactions_event_key",
        "transactions",
        ["wallet_id", "event_hash"],
        unique=True,
        postgresql_where=sa.text("event_hash IS NOT NULL"),
    )
    op.create_index("transactions_key_key", "transactions", ["wallet_id", "key_hash"], unique=True)
    op.create_index(
        "transactions_reverses_idx",
        "transactions",
        ["wallet_id", "reverses"],
        unique=False,
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.create_table(
        "wallet_settings",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), server_default=sa.text("'UTC'"), nullable=False),
        sa.Column("warning_at", sa.BigInteger(), server_default=sa.text("100000000"), nullable=False),
        sa.Column("critical_at", sa.BigInteger(), server_default=sa.text("20000000"), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("ledger_now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "warning_at >= critical_at AND critical_at >= 0",
            name=op.f("wallet_settings_levels_check"),
        ),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("wallet_settings_pkey")),
    )
    op.create_index("wallet_settings_owner_idx", "wallet_settings", ["owner_id", "wallet_id"], unique=False)
    op.create_table(
        "wallets",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wallet", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("disputed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("owed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("overdraft_limit", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("event_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_lot", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'frozen', 'closed')", name=op.f("wallets_status_check")),
        sa.CheckConstraint(
            "number >= 0 AND event_number >= 0 AND last_lot >= 0",
            name=op.f("wallets_numbers_check"),
        ),
        sa.CheckConstraint("octet_length(head_hash) = 32", name=op.f("wallets_head_hash_check")),
        sa.CheckConstraint("overdraft_limit >= 0", name=op.f("wallets_limit_check")),
        sa.CheckConstraint("wallet = 0 OR owed = 0", name=op.f("wallets_debt_first_check")),
        sa.CheckConstraint(
            "wallet >= 0 AND held >= 0 AND disputed >= 0 AND owed >= 0",
            name=op.f("wallets_not_negative_check"),
        ),
        sa.CheckConstraint("wallet_id > 0", name=op.f("wallets_id_check")),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("wallets_pkey")),
        postgresql_with={"fillfactor": "50"},
    )
    for statement in AFTER:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("wallets")
    op.drop_index("wallet_settings_owner_idx", table_name="wallet_settings")
    op.drop_table("wallet_settings")
    op.drop_index(
        "transactions_reverses_idx",
        table_name="transactions",
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.drop_index("transactions_key_key", table_name="transactions")
    op.drop_index(
        "transactions_event_key",
        table_name="transactions",
        postgresql_where=sa.text("event_hash IS NOT NULL"),
    )
    op.drop_index(
        "transactions_backdated_idx",
        table_name="transactions",
        postgresql_where=sa.text("effective_at < recorded_at"),
    )
    op.drop_table("transactions")
    op.drop_table("restores")
    op.drop_index("refusals_recorded_at_idx", table_name="refusals")
    op.drop_table("refusals")
    op.drop_table("postings")
    op.drop_table("periods")
    op.drop_table("owners")
    op.drop_index(
        "outbox_due_idx",
        table_name="outbox",
        postgresql_where=sa.text("state IN ('new', 'published')"),
    )
    op.drop_table("outbox")
    op.drop_table("notes")
    op.drop_index(
        "lots_wallet_expiry_idx",
        table_name="lots",
        postgresql_where=sa.text("open AND expires_at IS NOT NULL"),
    )
    op.drop_index(
        "lots_expiry_idx",
        table_name="lots",
        postgresql_where=sa.text("open AND expires_at IS NOT NULL"),
    )
    op.drop_index("lots_burn_down_idx", table_name="lots", postgresql_where=sa.text("open"))
    op.drop_table("lots")
    op.drop_index("holds_wallet_expiry_idx", table_name="holds", postgresql_where=sa.text("state = 'open'"))
    op.drop_index("holds_expiry_idx", table_name="holds", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("holds")
    op.drop_table("hold_slices")
    op.drop_table("balance_levels")
    op.execute("DROP FUNCTION ledger_refuse_late_posting, ledger_check_rows, ledger_refuse_change, ledger_now")
    op.drop_table("clock")
