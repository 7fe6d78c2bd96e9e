"""API keys: only a digest of the secret is kept."""

from sqlalchemy import CheckConstraint, Column, DateTime, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from ledger.kit.tables import metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("client", Text, nullable=False, server_default=text("'default'")),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("ledger_now()")),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    CheckConstraint("octet_length(secret_hash) = 32", name="secret_hash"),
    CheckConstraint(
        "scopes <@ ARRAY['read', 'write', 'admin', 'usage:backfill'] AND cardinality(scopes) > 0", name="scopes"
    ),
)
