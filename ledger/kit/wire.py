"""Statements that travel together: sent at once, answered in one round trip, each prepared once per connection.

The driver's own pipeline costs about a tenth of a millisecond of processor a statement, which is most of what a
small unit of work costs. So the few statements of the posting path are handed to libpq as they are: the text
is numbered once, parameters are texts, and rows come back through the driver's binary loaders.

The event loop watches the socket from the first exchange on: beginning and ending that for each would cost a dozen
system calls. Who wants the connection as an ordinary one of the driver, between two exchanges, says ``lend``.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import pq
from psycopg.abc import Transformer as Loaders
from psycopg.adapt import Transformer

Row = tuple[Any, ...]

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")
_BINARY: Final = pq.Format.BINARY
_FAILED: Final = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED)


class Statement(NamedTuple):
    """SQL with named placeholders (``%(name)s``), and their values as PostgreSQL reads them from text."""

    sql: str
    params: Mapping[str, str]


class _Prepared:
    """A statement as the server knows it, and the loaders of its rows."""

    __slots__ = ("loaders", "name", "names", "text")

    def __init__(self, name: bytes, sql: str) -> None:
        places: dict[str, int] = {}

        def number(match: re.Match[str]) -> str:
            return f"${places.setdefault(match[1], len(places) + 1)}"

        self.name = name
        self.text = _PLACEHOLDER.sub(number, sql).encode()
        self.names = tuple(places)
        """The parameters in the order of ``$1``, ``$2`` …; a name used twice is one."""
        self.loaders: Loaders | None = None


class Reply:
    """What the server said to one statement."""

    __slots__ = ("_connection", "_prepared", "_result")

    def __init__(self, connection: psycopg.AsyncConnection[Any], prepared: _Prepared, result: pq.abc.PGresult) -> None:
        self._connection = connection
        self._prepared = prepared
        self._result = result

    @property
    def command(self) -> bytes:
        """What was done: ``COMMIT``, or ``ROLLBACK`` where that is what COMMIT came to."""
        return self._result.command_status or b""

    def rows(self) -> list[Row]:
        """The rows, as tuples."""
        loaders = self._prepared.loaders
        if loaders is None:
            loaders = self._prepared.loaders = Transformer(self._connection)
            loaders.set_pgresult(self._result, format=_BINARY)
        else:
            loaders.set_pgresult(self._result, set_loaders=False)
        return loaders.load_rows(0, self._result.ntuples, tuple)


class Wire:
    """A connection of the driver's, in autocommit, that is spoken to in exchanges; one at a time."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self.in_step = True
        """False while an exchange is under way, and for ever after one that did not end."""
        self._server = connection.pgconn
        self._prepared: dict[str, _Prepared] = {}
        self._names = count()
        self._coming: list[tuple[bool, _Prepared]] = []
        """For each result that will come: whether it is that of a PREPARE, and of what."""
        self._watched: tuple[asyncio.AbstractEventLoop, int] | None = None
        """The loop that watches, and the socket: libpq closes it by itself, and its number is soon another's."""
        self._ready: asyncio.Future[None] | None = None
        """Who waits for the socket."""

    @property
    def usable(self) -> bool:
        return self.in_step and not self.connection.closed

    def lend(self) -> psycopg.AsyncConnection[Any]:
        """The connection, for the driver to use by itself until the next exchange."""
        self._unwatch()
        return self.connection

    async def close(self) -> None:
        """End the connection."""
        self._unwatch()
        await self.connection.close()

    async def exchange(self, statements: Sequence[Statement]) -> list[Reply]:
        """Send all, then wait for all. Raises the error of the first that failed; those after it were not run.

        Where the connection is lost before the server said what failed, the driver's OperationalError.
        """
        try:
            self._queue(statements)
            self._server.pipeline_sync()
            results = await self._results()
        except BaseException:
            # At once: libpq closes the socket of a connection that is lost, also while sending, and its number is soon
            # that of another one, whose watch would end with ours.
            self._unwatch()
            raise
        coming, self._coming = self._coming, []
        self._server.exit_pipeline_mode()
        self.in_step = True
        failed = [result for result in results if result.status in _FAILED]
        if failed:
            self._forget_unprepared(coming, results)
            raise psycopg.errors.error_from_result(failed[0])
        replies = zip(coming, results, strict=True)
        return [Reply(self.connection, prepared, result) for (preparing, prepared), result in replies if not preparing]

    def send(self, statements: Sequence[Statement]) -> None:
        """Send these ahead: the server works on them meanwhile, and the next exchange gives their replies first."""
        try:
            self._queue(statements)
            self._server.flush()
        except BaseException:
            self._unwatch()
            raise

    def _queue(self, statements: Sequence[Statement]) -> None:
        self.in_step = False
        if not self._coming:
            self._server.enter_pipeline_mode()
        for sql, params in statements:
            prepared = self._prepared.get(sql)
            if prepared is None:
                prepared = self._prepared[sql] = _Prepared(b"w%d" % next(self._names), sql)
                self._server.send_prepare(prepared.name, prepared.text)
                self._coming.append((True, prepared))
            values = [params[name].encode() for name in prepared.names]
            self._server.send_query_prepared(prepared.name, values, result_format=_BINARY)
            self._coming.append((False, prepared))

    async def _results(self) -> list[pq.abc.PGresult]:
        """Results up to the end of the exchange."""
        server = self._server
        results: list[pq.abc.PGresult] = []
        try:
            while server.flush():
                await self._wait(writing=True)
                server.consume_input()
            silent = False
            while True:
                while not server.is_busy():
                    result = server.get_result()
                    if result is None:
                        # Once after each statement; twice is a connection that has no more to say.
                        if silent:
                            raise psycopg.OperationalError("the connection is lost")
                        silent = True
                        continue
                    silent = False
                    if result.status == pq.ExecStatus.PIPELINE_SYNC:
                        return results
                    results.append(result)
                await self._wait()
                server.consume_input()
        except psycopg.OperationalError:
            for result in results:
                if result.status == pq.ExecStatus.FATAL_ERROR:
                    raise psycopg.errors.error_from_result(result) from None
            raise

    async def _wait(self, *, writing: bool = False) -> None:
        """Wait until the server has said something, or, ``writing``, takes more."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        if self._watched is None:
            self._watched = loop, self._server.socket
            loop.add_reader(self._server.socket, self._wake)
        if writing:
            loop.add_writer(self._server.socket, self._wake)
        try:
            await self._ready
        finally:
            self._ready = None
            if writing:
                loop.remove_writer(self._server.socket)

    def _wake(self) -> None:
        if self._ready is None:
            # Nobody asked: it is a farewell or a notice, which the next exchange reads; until then it would ring on.
            self._unwatch()
        elif not self._ready.done():
            self._ready.set_result(None)

    def _unwatch(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None and not watched[0].is_closed():
            watched[0].remove_reader(watched[1])

    def _forget_unprepared(self, coming: list[tuple[bool, _Prepared]], results: list[pq.abc.PGresult]) -> None:
        """What stood behind the failure was not prepared: it is next time, under another name."""
        lost = {
            prepared
            for (preparing, prepared), result in zip(coming, results, strict=True)
            if preparing and result.status in _FAILED
        }
        self._prepared = {sql: prepared for sql, prepared in self._prepared.items() if prepared not in lost}
