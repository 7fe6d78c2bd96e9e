"""Runs a task's coroutine on a process's loop, and leaves nothing of it behind.

Celery tells a task that it is too old by raising in the middle of the event loop, wherever that stands. The coroutine
does not hear of it: it would stay where it is and go on in the next task's time, with the transaction and the
connection that it holds. So it is cancelled, and has some seconds to end.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

R = TypeVar("R")


def run(runner: asyncio.Runner, work: Coroutine[Any, Any, R], *, end_s: float) -> R:
    """The coroutine's result. It has a context of its own: what one leaves set there (the runner's own context is the
    same for all) is not what the next one begins with. Raises what it raises, and what was raised in the loop."""
    loop = runner.get_loop()
    task = loop.create_task(work, context=copy_context())
    try:
        return loop.run_until_complete(task)
    except BaseException:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.wait([task], timeout=end_s))
        raise
