"""The database: engine, connection settings, units of work, and which errors may be tried again.

Isolation is READ COMMITTED with row locks taken by hand. A unit of work is explicit: ``async with
database.transaction() as connection`` commits at the end of the block, so that a failing COMMIT is
seen by the caller, before any answer is built.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ledger.errors import DatabaseUnavailable
from ledger.kit.lane import ReadLane

T = TypeVar("T")

SERVICE_ROLE = "ledger_service"
"""The role the service works as: it cannot change or delete what is in the journal."""

RETRYABLE = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock timeout: the whole unit may be run again."""

SILENCE_S = 2.0
"""How long after the end of its time a statement may go on without a word, before its connection is given up."""

_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


@contextmanager
def open_transaction() -> Iterator[None]:
    """Marks a block in which this task holds a transaction open by hand."""
    token = _in_transaction.set(True)
    try:
        yield
    finally:
        _in_transaction.reset(token)


def in_transaction() -> bool:
    """Whether this task holds a database transaction open: no network call may be made then."""
    return _in_transaction.get()


def sync_url(url: str) -> str:
    """The same database for SQLAlchemy: ``postgresql://`` and ``postgres://`` become psycopg 3's."""
    head, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if head in ("postgresql", "postgres") else url


class PatientConnection(psycopg.AsyncConnection[Any]):
    """A connection that is given up when the server says nothing for ``patience_s``.

    The server ends a statement that takes too long, but a server that is behind a broken line says nothing at all, and
    as long as something in between keeps the line up (a load balancer, a pooler) no keepalive finds out. The caller
    would wait for ever, and with it a place in the pool.
    """

    patience_s = 10.0

    async def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:  # noqa: ASYNC109
        try:
            return await super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # it may still speak, and nobody would know of what
            raise


class Database:
    """An engine with explicit limits. ``pool_size`` connections, none beyond.

    ``role`` is what the service works as (see SERVICE_ROLE); None keeps the role of the login.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        statement_timeout_ms: int = 5_000,
        lock_timeout_ms: int = 2_000,
        idle_in_transaction_timeout_ms: int = 10_000,
        role: str | None = None,
        application_name: str = "credit-ledger",
    ) -> None:
        self.url = make_url(sync_url(url))
        self.pool_size = pool_size
        self.statement_timeout_s = statement_timeout_ms / 1000
        self.lock_timeout_s = lock_timeout_ms / 1000
        self._options = [
            f"-c statement_timeout={statement_timeout_ms}",
            f"-c lock_timeout={lock_timeout_ms}",
            f"-c idle_in_transaction_session_timeout={idle_in_transaction_timeout_ms}",
            "-c timezone=UTC",
        ]
        if role is not None:
            self._options.append(f"-c role={role}")
        self._connect_args: dict[str, Any] = {
            "application_name": application_name,
            "connect_timeout": 5,
            "prepare_threshold": 0,
            # A host that is gone says nothing: find out within seconds, not hours.
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        }
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            pool_use_lifo=True,
            pool_pre_ping=False,
            hide_parameters=True,  # they would be in the log of each error: addresses, names, secrets
            connect_args=self._connect_args | {"options": " ".join(self._options), "async_creator_fn": self._patient},
        )
        self.reads = ReadLane(self.connect, self.statement_timeout_s + 2)
        """For the hottest reads: a connection of their own, without the engine's way to one."""
        event.listen(self.engine.sync_engine, "handle_error", _mark_lost_connection)

    async def _patient(self, *args: Any, **kwargs: Any) -> PatientConnection:
        connection = await PatientConnection.connect(*args, **kwargs)
        connection.patience_s = self.statement_timeout_s + SILENCE_S
        return connection

    async def connect(self, *options: str) -> psycopg.AsyncConnection[Any]:
        """A driver connection of the caller's own, in autocommit, with further server settings
        (``"enable_seqscan=off"``). The caller closes it."""
        _, arguments = self.engine.dialect.create_connect_args(self.url)
        chosen = " ".join([*self._options, *(f"-c {option}" for option in options)])
        return await self._patient(**arguments, **self._connect_args, options=chosen, autocommit=True)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A unit of work: commits at the end of the block, rolls back on any exception."""
        with open_transaction():
            async with self.engine.connect() as connection, connection.begin():
                yield connection

    async def retrying(self, work: Callable[[AsyncConnection], Awaitable[T]], tries: int = 5) -> T:
        """Run a whole unit of work, again where the database asks for that.

        Raises DatabaseUnavailable where it cannot be reached. Never runs again after a COMMIT whose
        answer was lost: the caller's idempotency key settles that.
        """
        for attempt in range(1, tries + 1):
            try:
                async with self.transaction() as connection:
                    return await work(connection)
            except (DBAPIError, PoolTimeout) as error:
                if sqlstate(error) not in RETRYABLE or attempt == tries:
                    raise as_unavailable(error) from error
            await asyncio.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311
        raise AssertionError("unreachable")

    async def dispose(self) -> None:
        await self.reads.close()
        await self.engine.dispose()


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's five-character code of an error, wherever it came through."""
    original = getattr(error, "orig", error)
    return getattr(original, "sqlstate", None)


def as_unavailable(error: Exception) -> Exception:
    """DatabaseUnavailable for an error that says the database cannot be used now, else the error."""
    if is_unavailable(error):
        return DatabaseUnavailable("the database cannot be used now; try again")
    return error


def is_lost(error: BaseException) -> bool:
    """Whether a connection could not be made, or went away: what was under way on it is over."""
    if isinstance(error, ConnectionError | psycopg.errors.ConnectionTimeout):
        return True
    state = sqlstate(error)
    if state is None:
        return isinstance(error, OperationalError | psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] == "08" or state in ("57P01", "57P02", "57P03", "25P03")


def is_unavailable(error: BaseException) -> bool:
    """Connection refused or lost, shutting down, too many connections, out of disk, timed out, ended while idle."""
    if isinstance(error, PoolTimeout | TimeoutError | ConnectionError | psycopg.errors.ConnectionTimeout):
        return True
    state = sqlstate(error)
    if state is None:
        return isinstance(error, OperationalError | psycopg.OperationalError | psycopg.InterfaceError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        )
    return state[:2] in ("08", "53", "57") or state in ("25006", "25P03", "55P03", "40001", "40P01")


def _mark_lost_connection(context: Any) -> None:
    """A connection that died is thrown away, but the rest of the pool is kept."""
    context.invalidate_pool_on_disconnect = False
