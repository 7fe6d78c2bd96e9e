"""The anchor: which books moved, what was sealed of them, the signed anchors."""

import sqlalchemy as sa
from alembic import op

from ledger.kit.db import SERVICE_ROLE

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("anchors", "anchor_leaves")

AFTER = (
    "INSERT INTO sealing DEFAULT VALUES",
    "INSERT INTO unsealed (wallet_id, since) SELECT wallet_id, ledger_now() FROM wallets WHERE number > 0",
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()"
        for table in APPEND_ONLY
    ),
    *(
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
        for table in APPEND_ONLY
    ),
    *(f"REVOKE UPDATE, DELETE ON {table} FROM {SERVICE_ROLE}" for table in APPEND_ONLY),
    f"REVOKE INSERT, DELETE ON sealing FROM {SERVICE_ROLE}",
)


def upgrade() -> None:
    op.add_column("wallets", sa.Column("sealed_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "unsealed",
        sa.Column("wallet_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("wallet_id", name=op.f("unsealed_pkey")),
    )
    op.create_table(
        "sealing",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("anchor", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("leaves", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("one", name=op.f("sealing_single_check")),
        sa.CheckConstraint("anchor > 0 AND leaves >= 0", name=op.f("sealing_numbers_check")),
        sa.CheckConstraint(
            "octet_length(peaks) = 32 * bit_count(leaves::bit(64))",
            name=op.f("sealing_peaks_check"),
        ),
        sa.PrimaryKeyConstraint("one", name=op.f("sealing_pkey")),
    )
    op.create_table(
        "anchors",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("leaves", sa.BigInteger(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("number > 0 AND leaves >= 0", name=op.f("anchors_numbers_check")),
        sa.CheckConstraint(
            "octet_length(previous) = 32 AND octet_length(root) = 32 AND octet_length(hash) = 32"
            " AND octet_length(public_key) = 32 AND octet_length(signature) = 64",
            name=op.f("anchors_bytes_check"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("anchors_pkey")),
    )
    op.create_table(
        "anchor_leaves",
        sa.Column("anchor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("anchor > 0 AND position >= 0 AND number > 0", name=op.f("anchor_leaves_numbers_check")),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("anchor_leaves_hash_check")),
        sa.PrimaryKeyConstraint("anchor", "position", name=op.f("anchor_leaves_pkey")),
        sa.UniqueConstraint("wallet_id", "number", name=op.f("anchor_leaves_wallet_id_number_key")),
    )
    for statement in AFTER:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("anchor_leaves")
    op.drop_table("anchors")
    op.drop_table("sealing")
    op.drop_table("unsealed")
    op.drop_column("wallets", "sealed_number")
