"""API keys; the keys of calls that do not post; the names of an owner's further wallets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), server_default=sa.text("'default'"), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("octet_length(secret_hash) = 32", name=op.f("api_keys_secret_hash_check")),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'write', 'admin', 'usage:backfill'] AND cardinality(scopes) > 0",
            name=op.f("api_keys_scopes_check"),
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("api_keys_pkey")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key_hash", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Uuid(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("ledger_now()"), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("idempotency_keys_pkey")),
    )
    op.create_index("idempotency_keys_recorded_at_idx", "idempotency_keys", ["recorded_at"], unique=False)
    op.create_table(
        "purposes",
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("wallet_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "purpose", name=op.f("purposes_pkey")),
        sa.UniqueConstraint("wallet_id", name=op.f("purposes_wallet_id_key")),
    )


def downgrade() -> None:
    op.drop_table("purposes")
    op.drop_index("idempotency_keys_recorded_at_idx", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_table("api_keys")
