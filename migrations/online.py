"""Steps of a migration that a running service does not feel: for what is long and needs no strong lock.

A change of a table in use goes in several revisions, each short or one of these steps:

    expand      ADD COLUMN (nullable, or with a constant default); create_index
    backfill    in_batches
    contract    CHECK … NOT VALID (it judges every update of an old row too: not before the backfill);
                in the next revision VALIDATE CONSTRAINT, SET NOT NULL; a release later drop what is old

Both steps run outside a transaction, and can be repeated from where they stopped. So a revision is one such
step, or plain statements, never both: what was committed before a step that failed would be done twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import op

LOCK_TIMEOUT_MS = 500
STATEMENT_TIMEOUT_S = 60


def limits(config: Any, *, lock: bool = True, statement: bool = True) -> str:
    """The time limits of a migration's statements; without ``lock`` or ``statement``, no such limit."""
    lock_ms = int(config.attributes.get("lock_timeout_ms", LOCK_TIMEOUT_MS)) if lock else 0
    statement_s = STATEMENT_TIMEOUT_S if statement else 0
    return f"SET lock_timeout = '{lock_ms}ms'; SET statement_timeout = '{statement_s}s'"


def create_index(name: str, on: str, *, unique: bool = False) -> None:
    """``create_index("wallets_tier_idx", "wallets (tier)")``: built while rows are written.

    It waits for older transactions as long as they last, and nobody waits for it. What a run that was cut
    short left behind (an index that is not valid) is dropped first.
    """
    with _outside(lock=False):
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY IF NOT EXISTS {name} ON {on}")


def in_batches(statement: str) -> None:
    """Run ``statement``, which changes a few hundred rows at most, until it changes none.

    Each run commits, so that it holds few rows for a moment. One that waits too long for a row gives up as
    any statement does; the migration is tried again and goes on behind the batches that are done. Lock rows
    in the order in which the service does: `… IN (SELECT … ORDER BY wallet_id LIMIT 500 FOR NO KEY UPDATE)`.
    """
    with _outside():
        op.execute(f"""DO $batches$
DECLARE changed bigint;
BEGIN
    LOOP
        {statement};
        GET DIAGNOSTICS changed = ROW_COUNT;
        EXIT WHEN changed = 0;
        COMMIT;
    END LOOP;
END $batches$""")


@contextmanager
def _outside(*, lock: bool = True) -> Iterator[None]:
    """Outside a transaction, and as long as it takes."""
    context = op.get_context()
    with context.autocommit_block():
        op.execute(limits(context.config, lock=lock, statement=False))
        yield
        op.execute(limits(context.config))
