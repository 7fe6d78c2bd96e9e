"""Runs the migrations against ``LEDGER_DATABASE_URL`` (or the URL that the caller set).

A statement that waits for a lock is waited for by everybody who comes after it. So each gives up after half
a second, well below what a request may wait, and its migration is rolled back; `credit-ledger migrate` tries
again until it gets through (ledger/cli/migrate.py). One migration runs at a time (advisory lock).
"""

import os

from alembic import context
from sqlalchemy import create_engine, pool, text

import ledger.tables  # noqa: F401 - fills the metadata
from ledger.kit.db import sync_url
from ledger.kit.tables import metadata
from migrations.online import limits

config = context.config
_options = {
    "target_metadata": metadata,
    "compare_server_default": False,
    "compare_type": True,
    "transaction_per_migration": True,
}
_LIMITS = limits(config)


def _url() -> str:
    url = config.get_main_option("sqlalchemy.url") or os.environ.get("LEDGER_DATABASE_URL")
    if not url:
        raise SystemExit("LEDGER_DATABASE_URL is not set: it names the database to migrate")
    return sync_url(url)


def _online() -> None:
    engine = create_engine(_url(), poolclass=pool.NullPool, connect_args={"application_name": "credit-ledger migrate"})
    with engine.connect() as connection:
        connection.execute(text(_LIMITS))
        connection.execute(text("SELECT pg_advisory_lock(hashtext('credit-ledger migrations'))"))
        connection.commit()
        context.configure(connection=connection, **_options)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _offline() -> None:
    context.configure(
        url="postgresql+psycopg://",
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **_options,
    )
    with context.begin_transaction():
        context.execute(_LIMITS)
        context.run_migrations()


if context.is_offline_mode():
    _offline()
else:
    _online()
