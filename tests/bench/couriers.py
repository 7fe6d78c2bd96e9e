"""Processes that send: the courier as a worker has it, and beside it the client alone, without a database."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Final

from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.client import Egress
from ledger.kit.secret_keys import keys_of
from ledger.webhooks.deliveries.courier import Courier
from ledger.webhooks.deliveries.rules import SLOTS_MAX

LOCAL: Final = "127.0.0.1"
STINT_S: Final = 3_600.0
DRAIN_S: Final = 0.5
"""Nobody waits for receivers that never answer."""

START_S: Final = 60.0
BODY: Final = b"x" * 450
"""As long as an event."""

_processes = multiprocessing.get_context("spawn")


@contextmanager
def courier(url: str, secret_keys: str) -> Iterator[Callable[[], None]]:
    """A courier that waits until it is let go, and delivers until the end of the block."""
    ready, go, over = (_processes.Event() for _ in range(3))
    process = _processes.Process(target=_deliver, args=(url, secret_keys, ready, go, over), daemon=True)
    process.start()
    try:
        assert ready.wait(START_S), "the courier did not start"
        yield go.set
    finally:
        over.set()
        go.set()
        process.join(START_S)
        if process.is_alive():
            process.kill()
    assert process.exitcode == 0, f"the courier ended with {process.exitcode}"


def _deliver(url: str, secret_keys: str, ready: Event, go: Event, over: Event) -> None:
    async def work() -> None:
        database = Database(url, pool_size=4, role=SERVICE_ROLE)
        door = Door(database)
        egress = Egress(allow=AllowList.read(LOCAL))
        await door.start()
        ready.set()
        await asyncio.to_thread(go.wait)
        await Courier(database, door, egress, keys_of(secret_keys)).run(STINT_S, over.is_set, drain_s=DRAIN_S)
        await door.stop()
        egress.close()
        await database.dispose()

    asyncio.run(work())


def client_rate(address: str, seconds: float) -> float:
    """Calls a second of the client alone, as many at a time as one receiver ever gets."""
    told = _processes.SimpleQueue()
    process = _processes.Process(target=_call, args=(address, seconds, told), daemon=True)
    process.start()
    process.join(START_S + seconds)
    assert process.exitcode == 0, f"the client ended with {process.exitcode}"
    rate: float = told.get()
    return rate


def _call(address: str, seconds: float, told: "SimpleQueue[float]") -> None:
    async def work() -> float:
        egress = Egress(allow=AllowList.read(LOCAL))
        began = time.perf_counter()
        calls = 0

        async def some() -> None:
            nonlocal calls
            while time.perf_counter() < began + seconds:
                answer = await egress.send(address, body=BODY)
                assert answer.accepted, answer.detail
                calls += 1

        await asyncio.gather(*(some() for _ in range(SLOTS_MAX)))
        egress.close()
        return calls / (time.perf_counter() - began)

    told.put(asyncio.run(work()))
