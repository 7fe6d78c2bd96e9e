"""One unit of work: lock, read, decide, write, commit.

Round trips: (1) begin, lock and clock; (2) reads; (2b, 2c) more lots, lots alike, where needed; (3) write; (4) commit.
"""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection

from ledger.book import commands as c
from ledger.book.load import CLOCK, LOCK, LOCK_FREE_ONES, Pipe, Row, book_of, load
from ledger.book.participants import Event, Participant, Statement
from ledger.book.rules.fold import Deferred, Replay, Result, Unit, begin, fails, fold
from ledger.book.write import write
from ledger.book.writer import Writer
from ledger.errors import BatchRefused, LedgerError
from ledger.kit import failpoints
from ledger.kit.arrays import numbers
from ledger.kit.db import open_transaction


class Request:
    """What one caller submitted. ``results`` fills up; the future is set when it is full."""

    def __init__(self, attempts: Sequence[c.Attempt], atomic: bool, future: "asyncio.Future[list[Result]]") -> None:
        self.attempts = attempts
        self.atomic = atomic
        self.future = future
        self.results: list[Result | None] = [None] * len(attempts)
        self.returns = 0
        """How often it had to come again, with more due or more lots needed than one unit takes."""

    @cached_property
    def wallet_ids(self) -> frozenset[int]:
        return frozenset([w for attempt in self.attempts for w in attempt.command.wallet_ids])

    @property
    def open(self) -> list[int]:
        """The places that have no result yet."""
        return [place for place, result in enumerate(self.results) if result is None]

    def take(self, places: Sequence[int], results: Sequence[Result]) -> None:
        """Results of a fold; a deferred attempt stays open."""
        if self.atomic:
            if any(isinstance(result, Deferred) for result in results):
                return
            results = _whole(len(places), results)
        for place, result in zip(places, results, strict=True):
            if not isinstance(result, Deferred):
                self.results[place] = result

    def refuse(self, place: int, error: LedgerError) -> None:
        """Give one attempt a refusal from outside the rules; all of them where it is atomic."""
        refused: list[Result] = [c.Refused(error)]
        if self.atomic:
            self.results = [*_whole(len(self.attempts), [_UNDONE] * place + refused)]
        else:
            self.results[place] = refused[0]

    def finish(self) -> bool:
        """Answer the caller once every attempt has its result."""
        if any(result is None for result in self.results):
            return False
        if not self.future.done():
            self.future.set_result([result for result in self.results if result is not None])
        return True


_UNDONE = c.Refused(BatchRefused("another item of the batch was refused, so nothing of it was posted"))


def _whole(size: int, results: Sequence[Result]) -> Sequence[Result]:
    """An atomic request's results: all as they are, or one refusal and the others undone."""
    for place, result in enumerate(results):
        if fails(result) and result is not _UNDONE:
            return [result if at == place else _UNDONE for at in range(size)]
    return results


class RiderFailed(Exception):
    """A rider touched another number of rows than it should have."""

    def __init__(self, request: Request, place: int, message: str) -> None:
        super().__init__(message)
        self.request = request
        self.place = place


class CommitUnknown(Exception):
    """COMMIT was sent and its answer did not come: it may have been written. Never run again by itself."""


class UnitRun(NamedTuple):
    """``done``: committed (some attempts may still be open); ``skipped``: their wallets were locked."""

    done: list[Request]
    skipped: list[Request]


async def run_unit(
    writer: Writer,
    requests: Sequence[Request],
    participants: Sequence[Participant],
    entropy: bytes,
    *,
    wait: bool,
) -> UnitRun:
    """Run the open attempts of ``requests`` in one database transaction and commit it.

    ``wait`` False skips requests of which a wallet is locked. Any error leaves nothing written.
    """
    committing = False
    with open_transaction():
        try:
            async with asyncio.timeout(writer.patience_s):
                connection = await writer.connection()
                run, results = await _run(connection, requests, participants, entropy, wait)
                await failpoints.reach("unit.before_commit")
                committing = True
                await connection.execute("COMMIT")
        except BaseException as error:
            await writer.abandon(error)
            if committing and isinstance(error, Exception) and writer.is_lost(error):
                raise CommitUnknown(str(error)) from error
            raise
    await failpoints.reach("unit.after_commit")
    for request, places, given in results:
        request.take(places, given)
    return run


_Given = tuple[Request, list[int], list[Result]]


async def _run(
    connection: AsyncConnection[Row],
    requests: Sequence[Request],
    participants: Sequence[Participant],
    entropy: bytes,
    wait: bool,
) -> tuple[UnitRun, list[_Given]]:
    await failpoints.reach("unit.before_lock")
    unit = await _lock(connection, requests, entropy, wait)
    await failpoints.reach("unit.after_lock")
    skipped = [] if wait else await _skipped(connection, unit, requests)
    done = [r for r in requests if r not in skipped] if skipped else list(requests)
    for_others = unit.books.keys() - {w for r in done for w in r.wallet_ids}
    for wallet_id in for_others:
        del unit.books[wallet_id]
    if not unit.books:
        return UnitRun(done, skipped), [_fold(unit, request) for request in done]
    numbers_before = {wallet_id: book.number for wallet_id, book in unit.books.items()}
    loaded: list[list[Row]] = [[] for _ in participants]
    extra = [(participant.load(list(unit.books)), rows) for participant, rows in zip(participants, loaded, strict=True)]
    attempts = [request.attempts[place] for request in done for place in request.open]
    await load(connection, unit, attempts, extra)
    begin(unit)
    results = [_fold(unit, request) for request in done]
    events: list[Event] = []
    statements: list[Statement] = []
    for participant, rows in zip(participants, loaded, strict=True):
        told, statement = participant.decide(rows, unit.written)
        events += told
        if statement is not None:
            statements.append(statement)
    await failpoints.reach("unit.before_write")
    await write(connection, unit, numbers_before, events)
    await _ride(connection, statements, results)
    return UnitRun(done, skipped), results


async def _lock(connection: AsyncConnection[Row], requests: Sequence[Request], entropy: bytes, wait: bool) -> Unit:
    """Begin, lock the wallets in ascending order, and read the clock: a statement after the lock."""
    wallet_ids = sorted({w for request in requests for w in request.wallet_ids})
    locked: list[Row] = []
    clock: list[Row] = []
    pipe = Pipe(connection)
    pipe.add("BEGIN", {})
    pipe.add(LOCK if wait else LOCK_FREE_ONES, {"wallets": numbers(wallet_ids)}, locked.extend)
    pipe.add(CLOCK, {}, clock.extend)
    await pipe.fetch()
    now, open_from = clock[0]
    unit = Unit(now, open_from, entropy)
    unit.books = {row[0]: book_of(row) for row in locked}
    return unit


_THERE = "SELECT wallet_id FROM wallets WHERE wallet_id = ANY(%(wallets)s::bigint[])"


async def _skipped(connection: AsyncConnection[Row], unit: Unit, requests: Sequence[Request]) -> list[Request]:
    """Requests with a wallet that somebody else has locked; a wallet that is not there is not waited for."""
    missing = {w for request in requests for w in request.wallet_ids} - unit.books.keys()
    if not missing:
        return []
    locked: list[Row] = []
    pipe = Pipe(connection)
    pipe.add(_THERE, {"wallets": numbers(missing)}, locked.extend)
    await pipe.fetch()
    busy = {row[0] for row in locked}
    return [request for request in requests if request.wallet_ids & busy]


def _fold(unit: Unit, request: Request) -> _Given:
    places = request.open
    attempts = [request.attempts[place] for place in places]
    return request, places, fold(unit, attempts, atomic=request.atomic)


async def _ride(connection: AsyncConnection[Any], statements: list[Statement], results: list[_Given]) -> None:
    """What participants write, and the riders of what was posted, in one round trip."""
    riders = [
        (request, place, rider)
        for request, places, given in results
        for place, result in zip(places, given, strict=False)
        if not isinstance(result, c.Refused | Replay | Deferred)
        for rider in request.attempts[place].riders
        if not (request.atomic and any(isinstance(other, Deferred) or fails(other) for other in given))
    ]
    if not statements and not riders:
        return
    counts: list[tuple[Request, int, c.Rider, psycopg.AsyncCursor[Any]]] = []
    async with connection.pipeline():
        for statement in statements:
            await connection.execute(statement.sql, dict(statement.params))
        for request, place, rider in riders:
            cursor = await connection.execute(rider.sql, dict(rider.params))
            counts.append((request, place, rider, cursor))
    for request, place, rider, cursor in counts:
        if cursor.rowcount != rider.expect:
            raise RiderFailed(request, place, "what was to change together with the posting was changed already")
