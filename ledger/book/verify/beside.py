"""How verify looks at what concepts keep beside the books: budgets, counters, rollups."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ledger.settings import libpq_url

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def reading(database_url: str) -> Iterator[Connection]:
    """A connection of which each transaction sees one state of the database, however long it reads, and changes
    nothing. Its times are in UTC."""
    options = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c timezone=UTC"
    with psycopg.connect(
        libpq_url(database_url), autocommit=True, application_name="credit-ledger verify", options=options
    ) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection
