"""Alembic migrations: one head, lock and statement timeouts, one transaction each."""
