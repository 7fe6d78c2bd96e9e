"""What PostgreSQL says of its sessions: open transactions, locks, deadlocks."""

import time

from tests.support.book import session

LONG_S = 1.0
"""No transaction of the service may stay open without a statement, and no lock be held, longer than this."""

_OPEN = """
SELECT application_name, state, extract(epoch FROM clock_timestamp() - xact_start)::float8, query
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND xact_start IS NOT NULL"""

_LOCKS = """
SELECT l.locktype, l.mode, l.relation::regclass::text FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE a.datname = current_database() AND pid <> pg_backend_pid() AND a.backend_type = 'client backend'
    AND l.locktype IN ('transactionid', 'tuple', 'relation', 'advisory')"""


def nothing_left_open(url: str) -> None:
    """All transactions have ended and all locks are gone, at once or within LONG_S; fails with what is left."""
    deadline = time.monotonic() + LONG_S
    with session(url) as connection:
        while left := [*connection.execute(_OPEN).fetchall(), *connection.execute(_LOCKS).fetchall()]:
            assert time.monotonic() < deadline, f"still open after {LONG_S} s: {left}"
            time.sleep(0.02)


def deadlocks(url: str) -> int:
    """How many deadlocks the database has seen."""
    with session(url) as connection:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])
