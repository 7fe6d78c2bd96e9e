"""Cutting a coroutine at the n-th point where it waits, as a client that goes away or a shutdown does."""

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Waits:
    """How often a coroutine waited."""

    def __init__(self) -> None:
        self.count = 0


@coroutine
def cut_at(work: Coroutine[Any, Any, T], place: int | None, waits: Waits) -> Generator[Any, Any, T]:
    """Run ``work`` in the current task, and cancel the task as it is about to wait for the ``place``-th time.

    None cuts nowhere. ``waits`` counts the points passed, so that a first run says how many there are.
    """
    try:
        waited = work.send(None)
        while True:
            waits.count += 1
            if waits.count == place:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                came = yield waited
            except BaseException as error:
                waited = work.throw(error)
            else:
                waited = work.send(came)
    except StopIteration as done:
        result: T = done.value
        return result


def forgive() -> None:
    """Take back the cancellation of the current task, which was ours: it goes on."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
