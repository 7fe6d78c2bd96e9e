"""Rows that were written in another cluster: their transaction ids mean nothing here.

`transactions.xid` is the id of the database transaction that wrote the row, and an export takes what its
snapshot says has ended. Ids are counted by the cluster. After a logical restore into a cluster that has
counted less far, the rows' ids lie in its future: they would be left out of exports, in silence, until it
gets there. So each row gets the id of the transaction that wrote it *here*. `xid` is not in the chain.

A dump that `restore dump` loads gets them as it is loaded; `adopt` sets them where a dump came in another
way (pg_restore by hand, a provider's import, logical replication). Both leave a line in `restores`.
`verify` finds rows that were not adopted (fault kind `xid`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg

from ledger.backup import tools
from ledger.backup.errors import BackupError

FOREIGN = "NOT pg_visible_in_snapshot(xid, pg_current_snapshot())"
"""A row that we see, written by a transaction that has not ended: so it ran in another cluster."""

LOCK_WAIT_S = 5

# While the rows of a dump are loaded, before the triggers of the dump itself are there.
LOADING = (
    """CREATE FUNCTION public.ledger_adopt() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.xid := pg_current_xact_id(); RETURN NEW; END $$""",
    """CREATE TRIGGER transactions_adopt BEFORE INSERT ON public.transactions
    FOR EACH ROW EXECUTE FUNCTION public.ledger_adopt()""",
)
LOADED = "DROP FUNCTION public.ledger_adopt CASCADE"

_RECORD = """
INSERT INTO public.restores (how, cluster, transactions)
SELECT %s, system_identifier, %s FROM pg_control_system()
"""


class Adopted(NamedTuple):
    """How many transactions there are, and how many had an id of another cluster."""

    transactions: int
    adopted: int


def adopt(database_url: str) -> Adopted:
    """Give rows of another cluster the id of this transaction. Keeps everybody out meanwhile; owner only.

    Raises:
        BackupError: somebody works on the journal, or the login does not own it.
    """
    try:
        with tools.connect(database_url) as connection:
            # One snapshot, taken behind the lock: what is counted is what is changed.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with connection.transaction():
                return _locked(connection)
    except psycopg.errors.LockNotAvailable as error:
        raise BackupError("somebody works on the journal: stop the API and the workers first.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise BackupError(f"only the owner of the tables may do this: {error}".strip()) from error


def _locked(connection: psycopg.Connection[Any]) -> Adopted:
    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'")
    connection.execute("LOCK TABLE transactions, postings IN ACCESS EXCLUSIVE MODE")
    total, foreign = _counts(connection)
    if foreign:
        connection.execute("ALTER TABLE transactions DISABLE TRIGGER transactions_append_only")
        done = connection.execute(f"UPDATE transactions SET xid = pg_current_xact_id() WHERE {FOREIGN}")
        connection.execute("ALTER TABLE transactions ENABLE TRIGGER transactions_append_only")
        assert done.rowcount == foreign, f"{done.rowcount} rows instead of {foreign}"
        record(connection, "adopt", foreign)
    return Adopted(total, foreign)


def record(connection: psycopg.Connection[Any], how: str, transactions: int) -> None:
    """Leave a line about it in ``restores``."""
    connection.execute(_RECORD, [how, transactions])


def _counts(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    row = connection.execute(f"SELECT count(*), count(*) FILTER (WHERE {FOREIGN}) FROM transactions").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
