"""Works on what is in the inbox: claims what is due, does it, marks it.

Several events that tell of one object are one call. An event is done when all that it asked for was done; who dies in
between has it done once more, which does no harm. No transaction is open while an event is worked on.

One that fails is tried again after a pause, longer each time, for three days; others go on meanwhile. While Stripe
does not answer at all the rest of a claim is given back, not counted as tried: otherwise everything that came in an
hour's outage would wait as if it had failed, and a worker would spend that hour waiting for one answer after the other.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog

from ledger.kit import failpoints
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway
from ledger.payments.inbox import store
from ledger.payments.inbox.effects import EFFECTS, Effects, Job, jobs_of
from ledger.payments.inbox.store import Again, Claimed
from ledger.payments.inbox.told import read

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
"""Events of one claim."""

PIECE: Final = 20
"""Events that are marked together: what a worker that dies has to do again at most, however large its claim."""

TOGETHER: Final = 4
"""Calls that are under way at a time: Stripe takes 25 requests a second of a test account."""

AWAY_MAX: Final = 3
"""After so many calls in a claim that Stripe did not answer, it is away."""

AWAY_S: Final = 10

PAUSES_S: Final = (5, 30, 300, 1_800)
"""After the first tries; then every hour."""

HOURLY_S: Final = 3_600
TRIES_MAX: Final = len(PAUSES_S) + 3 * 24


async def work(desk: Desk, *, lease_s: float, work_s: float, effects: Effects = EFFECTS) -> int:
    """Work on events until none is due, or for about ``work_s`` seconds; gives how many are done.

    ``lease_s``: when they are due again if this process dies. A claim must not take longer.
    """
    until, count = time.monotonic() + work_s, 0
    while time.monotonic() < until:
        claimed = await store.claim(desk.database, lease_s, AT_ONCE)
        if not claimed:
            break
        await failpoints.reach("inbox.after_claim")
        count += await _Claim(desk, claimed, until).work(effects)
    return count


class _Claim:
    """Events that this process has for now."""

    def __init__(self, desk: Desk, claimed: Sequence[Claimed], until: float) -> None:
        self._desk = desk
        self._claimed = claimed
        self._until = until
        self._room = asyncio.Semaphore(TOGETHER)
        self._away = 0
        self._ended: dict[Job, Exception | None] = {}
        """What each job ended with. One that an event of a later piece asks for, too, was done after it was claimed."""

    async def work(self, effects: Effects) -> int:
        """Do what they ask for, and mark each by how that went; gives how many are done."""
        done = 0
        for at in range(0, len(self._claimed), PIECE):
            done += await self._piece(self._claimed[at : at + PIECE], effects)
        return done

    async def _piece(self, piece: Sequence[Claimed], effects: Effects) -> int:
        asked = {event.event: jobs_of(read(event.payload), effects) for event in piece}
        jobs = [job for job in dict.fromkeys(job for each in asked.values() for job in each) if job not in self._ended]
        self._ended |= dict(zip(jobs, await asyncio.gather(*map(self._do, jobs)), strict=True))
        failed = {
            event: [error for job in each if (error := self._ended[job]) is not None] for event, each in asked.items()
        }
        done = [event.event for event in piece if not failed[event.event]]
        await failpoints.reach("inbox.before_done")
        await store.done(self._desk.database, done)
        await store.again(self._desk.database, [_again(e, failed[e.event]) for e in piece if failed[e.event]])
        return len(done)

    async def _do(self, job: Job) -> Exception | None:
        """What it failed with."""
        async with self._room:
            if self._away >= AWAY_MAX or time.monotonic() > self._until:
                return _GivenBack()
            try:
                await job.does(self._desk, job.about)
            except StripeAway as error:
                self._away += 1
                return error
            except Exception as error:
                log.warning("inbox.failed", does=job.does.__qualname__, about=job.about, exc_info=error)
                return error
            return None


class _GivenBack(Exception):
    """It was not tried."""


def _again(event: Claimed, errors: Sequence[BaseException]) -> Again:
    """When an event is tried again that failed with these, one for each thing that it asked for."""
    tried = [error for error in errors if not isinstance(error, _GivenBack)]
    if not tried:
        return Again(event.event, event.tries - 1, AWAY_S, None)
    problem = f"{type(tried[0]).__name__}: {tried[0]}"
    pause_s = pause_after(event.tries)
    if pause_s is None:
        log.error("inbox.given_up", stripe_event=event.event, type=event.type, tries=event.tries, problem=problem)
    return Again(event.event, event.tries, pause_s, problem)


def pause_after(tries: int) -> int | None:
    """Seconds until the next try, after so many; None where that was the last."""
    if tries >= TRIES_MAX:
        return None
    return PAUSES_S[tries - 1] if tries <= len(PAUSES_S) else HOURLY_S
