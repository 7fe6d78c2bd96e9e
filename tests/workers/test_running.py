"""A task that is told to end, as Celery does it, is over: nothing of it is there when the next one runs."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from ledger.kit.db import in_transaction, open_transaction
from workers.running import run

LIMIT_S = 0.1
SEEN: ContextVar[str] = ContextVar("seen", default="")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def limited() -> Iterator[None]:
    """A signal raises in whatever is running, once ``soon`` was called."""

    def told(*_: Any) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, told)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def soon() -> None:
    """Called by the task itself: on a busy machine the signal would else come before the task has begun."""
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)


def test_what_it_gives_and_what_it_raises(runner: asyncio.Runner) -> None:
    async def works(fails: bool) -> int:
        await asyncio.sleep(0)
        if fails:
            raise ValueError("this one")
        return 7

    assert 7 == run(runner, works(False), end_s=1)
    with pytest.raises(ValueError, match="this one"):
        run(runner, works(True), end_s=1)


@pytest.mark.usefixtures("limited")
def test_a_transaction_that_it_was_in_is_left(runner: asyncio.Runner) -> None:
    """The next task may call Stripe."""
    ended = []

    async def works() -> None:
        soon()
        with open_transaction():
            try:
                await asyncio.sleep(30)
            finally:
                await asyncio.sleep(0.01)  # a rollback, say
                ended.append("rolled back")

    async def looks() -> bool:
        return in_transaction()

    with pytest.raises(SoftTimeLimitExceeded):
        run(runner, works(), end_s=5)
    assert ["rolled back"] == ended
    assert run(runner, looks(), end_s=1) is False


@pytest.mark.usefixtures("limited")
def test_one_that_does_not_end_is_not_waited_for(runner: asyncio.Runner) -> None:
    """Its process is killed at the hard limit."""

    async def works() -> None:
        soon()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(30)

    began = time.monotonic()
    with pytest.raises(SoftTimeLimitExceeded):
        run(runner, works(), end_s=0.1)
    assert time.monotonic() - began < 10


def test_what_one_sets_the_next_does_not_see(runner: asyncio.Runner) -> None:
    async def sets() -> None:
        SEEN.set("by one")

    async def looks() -> str:
        return SEEN.get()

    run(runner, sets(), end_s=1)
    assert "" == run(runner, looks(), end_s=1)
