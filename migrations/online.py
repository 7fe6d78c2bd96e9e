"""Steps of a migration that a running service does not feel: for what is long and needs no strong lock.

A change of a table in use goes in three revisions, each short or of these steps:

    expand      ADD COLUMN (nullable, or with a constant default), CHECK … NOT VALID, create_index
    backfill    in_batches
    contract    VALIDATE CONSTRAINT, SET NOT NULL behind a valid CHECK; drop what is old a release later

Both steps run outside a transaction: they can be repeated from where they stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ledger.kit.db import sqlstate

LOCK_NOT_AVAILABLE = "55P03"
BATCH_TRIES = 20


@contextmanager
def _patiently() -> Iterator[None]:
    """No limit on waiting: for statements that others do not queue behind."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        yield
        op.execute("RESET lock_timeout; RESET statement_timeout")


def create_index(name: str, on: str, *, unique: bool = False) -> None:
    """``create_index("wallets_tier_idx", "wallets (tier)")``: built while rows are written.

    It waits for older transactions, and nobody waits for it. What a run that was cut short left behind (an
    index that is not valid) is dropped first.
    """
    with _patiently():
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {name} ON {on}")


def in_batches(statement: str, *, rows: int = 500) -> int:
    """Run ``statement``, which changes at most ``:rows`` rows, until it changes none; gives how many in all.

    Each run commits, so that it holds few rows for a moment. A batch that meets a row in use gives up
    after the lock timeout and is tried again; SKIP LOCKED alone would leave the busiest rows for the end.
    """
    changed, refused = 0, 0
    with op.get_context().autocommit_block():
        while True:
            try:
                done = op.get_bind().execute(text(statement), {"rows": rows}).rowcount
            except OperationalError as error:
                refused += 1
                if sqlstate(error) != LOCK_NOT_AVAILABLE or refused == BATCH_TRIES:
                    raise
                continue
            changed, refused = changed + done, 0
            if done == 0:
                return changed
