"""The one door for every change of a balance: ``submit(attempts) -> outcomes``.

Requests that arrive while a batch is being written wait together and make the next one: no timer, at most
``batch_max`` attempts, a request never split, a large one in a unit of its own. Under load a commit is shared;
alone a request pays nothing.

One unit of work is: lock the wallets in ascending order and read the clock; read; decide (pure); write; commit.
The *fast lane* skips wallets that somebody else has locked, so one held row never stalls strangers; their requests go
to the *slow lane*, which waits. Only the slow lane ever waits for a lock, and it takes them in ascending order:
there is no deadlock to have.

Units run in tasks of the door: a caller that goes away does not cut one.
"""

import asyncio
import os
from collections import Counter, deque
from collections.abc import Sequence
from typing import cast

import msgspec
import structlog

from ledger.book import commands as c
from ledger.book.participants import Outdated, Participant
from ledger.book.posted import load_links, load_posted
from ledger.book.rules.fold import Deferred, Replay, Result
from ledger.book.shared import SharedRead
from ledger.book.unit import CommitUnknown, Request, RiderFailed, run_quote, run_unit
from ledger.book.writer import Writer
from ledger.errors import (
    DatabaseUnavailable,
    InternalError,
    LedgerError,
    Overloaded,
    RiderConflict,
    WalletBusy,
)
from ledger.kit import failpoints
from ledger.kit.bell import Bell
from ledger.kit.db import RETRYABLE, Database, as_unavailable, is_unavailable, sqlstate

log = structlog.get_logger(__name__)

TRIES = 4
TRIES_LOST = 2
TRIES_TOO_LONG = 12
RETURNS_MAX = 10_000
SLOW_LANES = 3


class Door:
    """See the module. ``participants`` take part in every unit; ``queue_max`` attempts may wait."""

    def __init__(
        self,
        database: Database,
        *,
        participants: Sequence[Participant] = (),
        batch_max: int = 500,
        queue_max: int = 50_000,
    ) -> None:
        self._database = database
        self._bell = Bell(database)
        self._participants = tuple(participants)
        self._batch_max = batch_max
        self._queue_max = queue_max
        self._links = SharedRead(lambda refs: load_links(database, refs))
        self._posted = SharedRead(lambda refs: load_posted(database, refs))
        self._waiting: deque[Request] = deque()
        self._outstanding = 0
        """Attempts that were accepted and have no answer yet."""
        self._stuck: deque[Request] = deque()
        self._waited_for: set[int] = set()
        """Wallets that slow lanes are busy with: no two lanes wait for the same one."""
        self._wake = asyncio.Event()
        self._wake_slow = asyncio.Event()
        self._lanes: list[asyncio.Task[None]] = []
        self._stopping = False
        self._quotes = Writer(database)
        self._quoting = asyncio.Lock()

    async def start(self) -> None:
        """Open the lanes. Connections are made when first needed."""
        self._lanes = [asyncio.create_task(self._fast_lane(), name="door: fast lane")]
        for number in range(SLOW_LANES):
            self._lanes.append(asyncio.create_task(self._slow_lane(), name=f"door: slow lane {number}"))

    async def stop(self) -> None:
        """Finish what was accepted, then close the lanes."""
        self._stopping = True
        self._wake.set()
        self._wake_slow.set()
        await asyncio.gather(*self._lanes)
        async with self._quoting:
            await self._quotes.close()
        await self._bell.close()

    async def submit(self, attempts: Sequence[c.Attempt], *, atomic: bool = False) -> list[c.Outcome]:
        """One outcome per attempt, in order. An ``atomic`` request is posted whole or not at all.

        Raises DatabaseUnavailable, WalletBusy or Overloaded for trouble of the whole request: then it is
        not known whether it was written, and the same keys may be tried again.
        """
        if not attempts:
            return []
        refs = [(a.command.wallet_id, a.command.number) for a in attempts if isinstance(a.command, c.Reverse)]
        if refs:
            attempts = await self._with_links(attempts, refs)
        if self._stopping or not self._lanes:
            raise DatabaseUnavailable("the service is shutting down; try again")
        size = len(attempts)
        if self._outstanding + size > self._queue_max:
            raise Overloaded(f"{self._outstanding} postings are waiting; try again")
        request = Request(attempts, atomic, asyncio.get_running_loop().create_future())
        self._outstanding += size
        self._waiting.append(request)
        self._wake.set()
        try:
            # A caller that goes away cancels the future, not the unit.
            results = await request.future
        finally:
            self._outstanding -= size
        replays = [(r.wallet_id, r.number) for r in results if isinstance(r, Replay)]
        return await self._with_replays(results, replays) if replays else cast("list[c.Outcome]", results)

    async def quote(self, attempt: c.Attempt) -> c.Outcome:
        """What would come of an attempt now. Nothing is locked, and nothing written: not even a refusal.

        Raises DatabaseUnavailable, and WalletBusy where more is due than one unit books.
        """
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        request = Request([msgspec.structs.replace(attempt, namespace="quote")], False, future)
        for tried in range(TRIES):
            async with self._quoting:
                try:
                    (result,) = await run_quote(self._quotes, request, self._participants, os.urandom(16))
                    break
                except Outdated as outdated:
                    await outdated.renew()
                except Exception as error:
                    if not self._quotes.is_lost(error) or tried == TRIES_LOST:
                        raise as_unavailable(error) from error
        else:
            raise DatabaseUnavailable("what it is decided by keeps changing; try again")
        if isinstance(result, Deferred):
            raise WalletBusy("much is due in this wallet, and is being booked; try again")
        assert not isinstance(result, Replay)
        return result

    async def _with_links(self, attempts: Sequence[c.Attempt], refs: Sequence[tuple[int, int]]) -> list[c.Attempt]:
        """Reversals learn which other wallet they touch from what is stored, which never changes."""
        links = dict(zip(refs, await asyncio.gather(*(self._links.get(ref) for ref in refs)), strict=True))

        def linked(attempt: c.Attempt) -> c.Attempt:
            command = attempt.command
            if not isinstance(command, c.Reverse):
                return attempt
            other = links.get((command.wallet_id, command.number))
            command = msgspec.structs.replace(command, other_id=other)
            return msgspec.structs.replace(attempt, command=command)

        return [linked(attempt) for attempt in attempts]

    async def _with_replays(self, results: Sequence[Result], refs: Sequence[tuple[int, int]]) -> list[c.Outcome]:
        """What was posted before is answered from what is stored."""
        stored = dict(zip(refs, await asyncio.gather(*(self._posted.get(ref) for ref in refs)), strict=True))
        outcomes: list[c.Outcome] = []
        for result in results:
            if isinstance(result, Replay):
                posted = stored[result.wallet_id, result.number]
                assert posted is not None
                outcomes.append(msgspec.structs.replace(posted, replayed=True))
            else:
                assert not isinstance(result, Deferred)
                outcomes.append(result)
        return outcomes

    async def _fast_lane(self) -> None:
        writer = Writer(self._database)
        while True:
            if not self._waiting:
                if self._stopping:
                    break
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._gathered()
            batch = self._take_batch()
            skipped = await self._run_guarded(writer, batch, wait=False)
            if skipped:
                self._stuck.extend(skipped)
                self._wake_slow.set()
        self._wake_slow.set()
        await writer.close()

    async def _slow_lane(self) -> None:
        writer = Writer(self._database)
        while True:
            if not self._stuck:
                if self._stopping and self._lanes[0].done():
                    break
                self._wake_slow.clear()
                if self._stopping:
                    await asyncio.wait([self._lanes[0]])
                else:
                    await self._wake_slow.wait()
                continue
            batch = self._take_stuck()
            if not batch:
                # All that is stuck waits for wallets that other lanes are busy with.
                self._wake_slow.clear()
                await self._wake_slow.wait()
                continue
            wallet_ids = {w for request in batch for w in request.wallet_ids}
            self._waited_for |= wallet_ids
            await self._run_guarded(writer, batch, wait=True)
            self._waited_for -= wallet_ids
            self._wake_slow.set()
        self._wake_slow.set()
        await writer.close()

    async def _gathered(self) -> None:
        """Let those in who are at the door already: turns of the loop, not a time, until one brings nobody."""
        waiting = 0
        while waiting < len(self._waiting) < self._batch_max:
            waiting = len(self._waiting)
            await asyncio.sleep(0)

    def _take_batch(self) -> list[Request]:
        batch = [self._waiting.popleft()]
        size = len(batch[0].attempts)
        while self._waiting and size + len(self._waiting[0].attempts) <= self._batch_max:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].attempts)
        return batch

    def _take_stuck(self) -> list[Request]:
        """The first stuck request whose wallets no lane is busy with, and others of the very same wallets."""
        batch: list[Request] = []
        rest: list[Request] = []
        size = 0
        for request in self._stuck:
            if batch:
                fits = request.wallet_ids == batch[0].wallet_ids and size + len(request.attempts) <= self._batch_max
            else:
                fits = not request.wallet_ids & self._waited_for
            if fits:
                batch.append(request)
                size += len(request.attempts)
            else:
                rest.append(request)
        self._stuck = deque(rest)
        return batch

    async def _run_guarded(self, writer: Writer, batch: list[Request], *, wait: bool) -> list[Request]:
        """``_run``, whose failure must not end the lane: nobody would be answered any more."""
        try:
            return await self._run(writer, batch, wait=wait)
        except Exception as error:
            log.error("lane.failed", exc_info=error)
            _fail(batch, InternalError("the request could not be finished; ask for it again under the same key"))
            return []

    async def _run(self, writer: Writer, batch: list[Request], *, wait: bool) -> list[Request]:
        """Run a batch to its end, whatever happens; gives the requests whose wallets were locked."""
        skipped: list[Request] = []
        todo = [batch]
        tried: Counter[str] = Counter()
        while todo:
            requests = todo.pop()
            if not requests:
                continue
            try:
                await failpoints.reach("door.before_unit")
                done = await run_unit(writer, requests, self._participants, os.urandom(16), wait=wait)
                await failpoints.reach("door.after_unit")
            except CommitUnknown as error:
                log.warning("unit.commit_unknown", error=str(error))
                _fail(requests, DatabaseUnavailable("it may have been written; ask again under the same key"))
                continue
            except RiderFailed as failure:
                failure.request.refuse(failure.place, RiderConflict(str(failure)))
                todo.append([request for request in requests if not request.finish()])
                continue
            except Outdated as outdated:
                if tried["outdated"] == TRIES:
                    _fail(requests, DatabaseUnavailable("what it is decided by keeps changing; try again"))
                    continue
                tried["outdated"] += 1
                try:
                    await outdated.renew()
                    todo.append(requests)
                except LedgerError as error:
                    _fail(requests, error)
                except Exception as error:
                    todo += await self._after_error(writer, requests, error, tried)
                continue
            except Exception as error:
                todo += await self._after_error(writer, requests, error, tried)
                continue
            if done.heard:
                self._bell.ring()
            skipped += done.skipped
            again = [request for request in done.done if not request.finish()]
            if wait:
                todo.append(self._patient(again))
            else:
                skipped += again
        return skipped

    def _patient(self, requests: list[Request]) -> list[Request]:
        """Requests that are to come again, but for those that come again for ever."""
        for request in requests:
            request.returns += 1
        endless = [request for request in requests if request.returns > RETURNS_MAX]
        if endless:
            log.error("request.endless", returns=RETURNS_MAX)
            _fail(endless, InternalError("the request could not be finished"))
        return [request for request in requests if request.returns <= RETURNS_MAX]

    async def _after_error(
        self, writer: Writer, requests: list[Request], error: Exception, tried: Counter[str]
    ) -> list[list[Request]]:
        """What to try again after a failed unit, of which nothing was written: all of it, its halves, or nothing."""
        state = sqlstate(error)
        if state in RETRYABLE and tried["retryable"] < TRIES:
            tried["retryable"] += 1
            await asyncio.sleep(0.01 * tried["retryable"])
            return [requests]
        if writer.is_lost(error) and not isinstance(error, TimeoutError) and tried["lost"] < TRIES_LOST:
            tried["lost"] += 1
            await asyncio.sleep(0.05 * (tried["lost"] - 1))
            return [requests]
        too_long = state == "57014" and len(requests) > 1 and tried["too long"] < TRIES_TOO_LONG
        if is_unavailable(error) and not too_long:
            problem: LedgerError = DatabaseUnavailable("the database cannot be used now; try again")
            if state == "55P03":
                problem = WalletBusy("the wallet is locked by somebody else; try again")
            log.warning("unit.unavailable", error=type(error).__name__, sqlstate=state)
            _fail(requests, problem)
            return []
        tried["too long"] += too_long
        if not too_long:
            await writer.close()  # an error nobody thought of: whatever it was, not on this connection again
        if len(requests) > 1:
            middle = len(requests) // 2
            return [requests[middle:], requests[:middle]]
        log.error("unit.failed", exc_info=error, attempts=len(requests[0].attempts))
        _fail(requests, InternalError("the request could not be booked; nothing of it was written"))
        return []


def _fail(requests: list[Request], error: LedgerError) -> None:
    for request in requests:
        if not request.future.done():
            request.future.set_exception(error)
