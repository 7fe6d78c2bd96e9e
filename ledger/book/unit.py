"""One unit of work: lock, read, decide, write, commit.

Round trips: (1) begin, lock, clock and reads; (1b, 1c) what is due, more lots, lots alike, where needed; (2) write and
commit, or, with riders, whose counts must be seen before it, (2) write (3) ride (4) commit.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple, cast

from psycopg import AsyncConnection

from ledger.book import commands as c
from ledger.book.load import FREE_ONES, SNAPSHOT, WAITING, Beginning, Pipe, look_again, queue_reads
from ledger.book.participants import Participant, Rows
from ledger.book.rules.fold import Deferred, Replay, Result, Unit, begin, fails, fold
from ledger.book.write import writing, writing_ahead
from ledger.book.writer import ROLLBACK, Writer
from ledger.errors import BatchRefused, LedgerError
from ledger.kit import failpoints
from ledger.kit.arrays import numbers
from ledger.kit.db import open_transaction
from ledger.kit.wire import Row, Statement, Wire


class Request:
    """What one caller submitted. ``results`` fills up; the future is set when it is full."""

    __slots__ = ("atomic", "attempts", "future", "results", "returns", "ridden", "wallet_ids")

    def __init__(self, attempts: Sequence[c.Attempt], atomic: bool, future: "asyncio.Future[list[Result]]") -> None:
        self.attempts = attempts
        self.atomic = atomic
        self.future = future
        self.results: list[Result | None] = [None] * len(attempts)
        self.returns = 0
        """How often it had to come again, with more due or more lots needed than one unit takes."""
        self.wallet_ids = frozenset([w for attempt in attempts for w in attempt.command.wallet_ids])
        self.ridden = any(attempt.riders for attempt in attempts)

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
        if None in self.results:
            return False
        if not self.future.done():
            self.future.set_result(cast("list[Result]", self.results))
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
    """``done``: committed (some attempts may still be open); ``skipped``: their wallets were locked; ``heard``:
    somebody waits for what was written."""

    done: list[Request]
    skipped: list[Request]
    heard: bool


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
                wire = await writer.wire()
                unit = await _look(wire, requests, participants, entropy, WAITING if wait else FREE_ONES)
                skipped = [] if wait else await _skipped(wire, unit, requests)
                done = [r for r in requests if r not in skipped] if skipped else list(requests)
                decided = await _decide(wire, unit, done)
                riders = _riders(decided.results)
                await failpoints.reach("unit.before_write")
                statements, heard = _write(wire, unit, decided)
                if riders:
                    await wire.exchange(statements)
                    await _ride(wire.lend(), riders)
                    statements = []
                await failpoints.reach("unit.before_commit")
                committing = True
                await _commit(wire, statements)
        except BaseException as error:
            await writer.abandon(error)
            if committing and isinstance(error, Exception) and writer.is_lost(error):
                raise CommitUnknown(str(error)) from error
            raise
    await failpoints.reach("unit.after_commit")
    for request, places, given in decided.results:
        request.take(places, given)
    return UnitRun(done, skipped, heard)


def _wallet_ids(requests: Sequence[Request]) -> frozenset[int]:
    """The wallets of all of them."""
    return frozenset().union(*[request.wallet_ids for request in requests])


def _attempts(requests: Sequence[Request]) -> list[c.Attempt]:
    """The open attempts, in order."""
    return [request.attempts[place] for request in requests for place in request.open]


async def run_quote(
    writer: Writer, request: Request, participants: Sequence[Participant], entropy: bytes
) -> list[Result]:
    """What would come of a request now: decided on a snapshot, without a lock, and thrown away."""
    with open_transaction():
        try:
            async with asyncio.timeout(writer.patience_s):
                wire = await writer.wire()
                unit = await _look(wire, [request], participants, entropy, SNAPSHOT)
                [(_, _, results)] = (await _decide(wire, unit, [request])).results
                await wire.exchange([ROLLBACK])
        except BaseException as error:
            await writer.abandon(error)
            raise
    return results


_Given = tuple[Request, list[int], list[Result]]
_Riding = tuple[Request, int, c.Rider]


async def _look(
    wire: Wire, requests: Sequence[Request], participants: Sequence[Participant], entropy: bytes, how: Beginning
) -> Unit:
    """Begin, lock, and read; every participant that has something to do begins its part."""
    wallet_ids = list(_wallet_ids(requests))
    attempts = _attempts(requests)
    pipe = Pipe(wire)
    queue_reads(pipe, wallet_ids, attempts)
    loaded: list[tuple[Participant, list[list[Row]]]] = []
    for participant in participants:
        statements = participant.load(wallet_ids, attempts)
        if statements is not None:
            loaded.append((participant, [[] for _ in statements]))
            for statement, rows in zip(statements, loaded[-1][1], strict=True):
                pipe.add(statement.sql, statement.params, partial(_keep, rows))
    await failpoints.reach("unit.before_lock")
    unit = await pipe.begin(wallet_ids, entropy, how)
    await failpoints.reach("unit.after_lock")
    parts = [participant.begin(rows, unit.now) for participant, rows in loaded]
    unit.take_part([part for part in parts if part is not None])
    return unit


def _keep(kept: list[Row], _: Unit, rows: list[Row]) -> None:
    kept += rows


class _Decided(NamedTuple):
    """What comes of the requests; the books' numbers before; how many transactions were sent ahead."""

    results: list[_Given]
    numbers_before: dict[int, int]
    ahead: int


async def _decide(wire: Wire, unit: Unit, requests: Sequence[Request]) -> _Decided:
    for wallet_id in unit.books.keys() - _wallet_ids(requests):
        del unit.books[wallet_id]  # locked for a request that is skipped for another wallet
    numbers_before = {wallet_id: book.number for wallet_id, book in unit.books.items()}
    if unit.books:
        thorough = any(request.atomic or request.returns for request in requests)
        await look_again(Pipe(wire), unit, _attempts(requests), thorough=thorough)
        begin(unit)
    results, ahead = await _fold_all(wire, unit, requests)
    return _Decided(results, numbers_before, ahead)


def _write(wire: Wire, unit: Unit, decided: _Decided) -> tuple[Sequence[Statement], bool]:
    """What is left to write, and whether there is anything in it that somebody waits for.

    Where parts have rows of their own, the journal is sent ahead of them: the server is at work on it while they are
    put together.
    """
    if not unit.books:
        return [], False
    events = list(unit.told)
    rows: list[Rows] = []
    for part in unit.parts:
        told, its_rows = part.finish(unit.written)
        events += told
        if its_rows is not None:
            rows.append(its_rows)
    journal = writing(unit, decided.numbers_before, events, ahead=decided.ahead)
    heard = bool(events) or any(part.wakes for part in unit.parts)
    if not rows:
        return journal, heard
    wire.send(journal)
    return [statement for its_rows in rows for statement in its_rows()], heard


AHEAD: Final = 250
"""Transactions that a large unit sends ahead: the server writes them while the rules go on. Below twice as many the
statement that it takes costs more than is won."""


async def _fold_all(wire: Wire, unit: Unit, requests: Sequence[Request]) -> tuple[list[_Given], int]:
    """All results, and how many transactions were sent ahead."""
    ahead = 0
    left = sum(len(request.open) for request in requests)
    results: list[_Given] = []
    for request in requests:
        places = request.open
        given: list[Result] = []
        slice_size = len(places) if request.atomic else AHEAD
        for first in range(0, len(places), slice_size):
            part = places[first : first + slice_size]
            given += fold(unit, [request.attempts[place] for place in part], atomic=request.atomic)
            left -= len(part)
            if left >= AHEAD and len(unit.written) - ahead >= AHEAD:
                wire.send(writing_ahead(unit, unit.written[ahead:]))
                ahead = len(unit.written)
                await asyncio.sleep(0)  # others have their turn, and the server its work
        results.append((request, places, given))
    return results, ahead


async def _commit(wire: Wire, statements: Sequence[Statement]) -> None:
    """Write and commit in one exchange. The server runs COMMIT only if all that stands before it went well."""
    *_, committed = await wire.exchange([*statements, Statement("COMMIT", {})])
    assert committed.command == b"COMMIT", committed.command


_THERE = "SELECT wallet_id FROM wallets WHERE wallet_id = ANY(%(wallets)s::bigint[])"


async def _skipped(wire: Wire, unit: Unit, requests: Sequence[Request]) -> list[Request]:
    """Requests with a wallet that somebody else has locked; a wallet that is not there is not waited for."""
    missing = _wallet_ids(requests) - unit.books.keys()
    if not missing:
        return []
    (there,) = await wire.exchange([Statement(_THERE, {"wallets": numbers(missing)})])
    busy = {row[0] for row in there.rows()}
    return [request for request in requests if request.wallet_ids & busy]


def _riders(results: list[_Given]) -> list[_Riding]:
    """The riders of what is posted or changed."""
    return [
        (request, place, rider)
        for request, places, given in results
        if request.ridden
        for place, result in zip(places, given, strict=False)
        if request.attempts[place].riders and not isinstance(result, c.Refused | Replay | Deferred)
        for rider in request.attempts[place].riders
        if not (request.atomic and any(isinstance(other, Deferred) or fails(other) for other in given))
    ]


async def _ride(connection: AsyncConnection[Any], riders: list[_Riding]) -> None:
    """Run the riders in one round trip. Raises RiderFailed where one touches another number of rows than it should."""
    async with connection.pipeline():
        cursors = [await connection.execute(rider.sql, dict(rider.params)) for _, _, rider in riders]
    for (request, place, rider), cursor in zip(riders, cursors, strict=True):
        if cursor.rowcount != rider.expect:
            raise RiderFailed(request, place, "what was to change together with the posting was changed already")
