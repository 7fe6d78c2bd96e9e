"""A street of receivers of webhooks on this machine, good and bad, and the events that are told to them.

What a receiver has had is what it wrote down itself.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from typing import Any

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.secret_keys import keys_of
from ledger.webhooks.endpoints import service
from ledger.webhooks.endpoints.shapes import NewEndpoint
from tests.faults.sizes import scaled
from tests.kit.egress.listening import Behaviour, answers, listening
from tests.kit.egress.zoo import ZOO
from tests.support.book import attempt, session, submit, telling
from tests.support.waiting import until
from tests.webhooks.receivers import Receiver, reply

EVENTS = scaled(100)
HEALTHY = 10
FAILING: dict[str, Behaviour] = {
    name: ZOO[name].behaviour
    for name in (
        "silent",
        "never reads",
        "resets",
        "hangs up in the head",
        "SSH",
        "endless header",
        "410",
        "500",
        "429",
    )
} | {"redirect inward": partial(answers, answer=reply(301, "Location: http://169.254.169.254/"))}
PATIENCE_S = 120.0
STEP_S = 73 * 3600
"""Longer than a receiver fails before it is warned of, and than it has from then on: two steps end it."""

STEPS_MAX = 8


class Street:
    """Receivers in a thread of their own, on a loop of their own."""

    def __init__(self) -> None:
        self.healthy = [Receiver() for _ in range(HEALTHY)]
        self.failing: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready, self._over = threading.Event(), asyncio.Event()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            for receiver in self.healthy:
                receiver.port = (await stack.enter_async_context(listening(receiver.serve))).port
            for name, behaviour in FAILING.items():
                self.failing[name] = (await stack.enter_async_context(listening(behaviour))).port
            self._ready.set()
            await self._over.wait()

    @contextmanager
    def open(self) -> Iterator["Street"]:
        thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])
        thread.start()
        assert self._ready.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()
            self._loop.close()


def environ(keys: str) -> dict[str, str]:
    """Variables of a worker that delivers here: tasks run longer than a receiver may take."""
    return {"LEDGER_SECRET_KEYS": keys, "LEDGER_EGRESS_ALLOW": "127.0.0.1", "LEDGER_TASK_LIMIT_S": "60"}


def hooks(database_url: str, keys: str, ports: Sequence[int]) -> list[str]:
    """An endpoint for what `tell` tells at each of these ports; their secrets."""

    async def make() -> list[str]:
        database = Database(database_url, pool_size=1, role=SERVICE_ROLE)
        made = []
        for port in ports:
            secret = service.checked_secret(None)
            new = NewEndpoint(url=f"http://127.0.0.1:{port}/hooks", events=("payment_method.expiring",))
            async with database.transaction() as connection:
                await service.make(connection, keys_of(keys), new, secret)
            made.append(secret)
        await database.dispose()
        return made

    return asyncio.run(make())


def tell(database_url: str, wallets: Sequence[int], count: int) -> None:
    """So many events."""
    attempts = [attempt(telling(wallets[number % len(wallets)])) for number in range(count)]
    assert len(submit(database_url, *attempts)) == count


def told(database_url: str) -> set[str]:
    """The ids of all events that the receivers want."""
    return {
        row[0]
        for row in rows(
            database_url, "SELECT payload::json ->> 'id' FROM outbox WHERE type = 'payment_method.expiring'"
        )
    }


def rows(database_url: str, sql: str, *params: Any) -> list[Any]:
    with session(database_url) as connection:
        return connection.execute(sql, params).fetchall()


def ahead(database_url: str, seconds: int) -> None:
    with session(database_url) as connection:
        connection.execute("UPDATE clock SET ahead_us = ahead_us + %s", [seconds * 1_000_000])
        connection.commit()


def drained(database_url: str, say: Callable[[str], None] = lambda _: None) -> int:
    """Move the clock until every delivery is delivered or exhausted; by how many seconds that was.

    Before each step all that fail are tried once more, and who is to be warned of was told of: days in which nothing
    is tried are no days of failure.
    """
    moved, tried = 0, dict[int, int]()
    for _ in range(STEPS_MAX):
        until(lambda tried=tried: _tried_again(database_url, tried), "each was tried again", patience_s=PATIENCE_S)
        until(lambda: rows(database_url, _UNTOLD) == [(0,)], "warnings were told", patience_s=PATIENCE_S)
        tried = _failing(database_url)
        if not tried:
            break
        say(f"{moved / 3600:g} hours on {len(tried)} fail; {rows(database_url, _OPEN)[0][0]:,} deliveries wait")
        ahead(database_url, STEP_S)
        moved += STEP_S
    until(lambda: rows(database_url, _OPEN) == [(0,)], "all is delivered or exhausted", patience_s=PATIENCE_S)
    return moved


_OPEN = "SELECT count(*) FROM webhook_deliveries WHERE state IN ('due', 'sending')"
_UNTOLD = "SELECT count(*) FROM webhook_endpoints WHERE warned_at IS NOT NULL AND told_at IS NULL"


def _tried_again(database_url: str, before: dict[int, int]) -> bool:
    return all(failures > before.get(endpoint, 0) for endpoint, failures in _failing(database_url).items())


def _failing(database_url: str) -> dict[int, int]:
    """How often in a row each endpoint has failed for which something waits."""
    return dict(rows(database_url, "SELECT endpoint, failures FROM webhook_endpoints e WHERE state = 'enabled' AND EXISTS ("
        "SELECT FROM webhook_deliveries d WHERE d.endpoint = e.endpoint AND d.state IN ('due', 'sending'))"))  # fmt: skip
