"""T19: webhooks while receivers misbehave and workers are killed: every event is delivered, or visibly exhausted.

Real workers deliver to receivers on this machine. What a receiver has had is what it wrote down itself.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.secret_keys import keys_of, new_key
from ledger.webhooks.endpoints import service
from ledger.webhooks.endpoints.shapes import NewEndpoint
from tests.faults.crew import Crew
from tests.faults.sizes import scaled
from tests.kit.egress.listening import Behaviour, answers, listening
from tests.kit.egress.zoo import ZOO
from tests.support.book import attempt, check, new_wallets, session, submit, telling
from tests.support.waiting import until
from tests.webhooks.receivers import Receiver, reply

pytestmark = pytest.mark.faults

EVENTS = scaled(100)
KILLS = 4
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
STEP_S = 40 * 3600


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


@pytest.fixture
def street() -> Iterator[Street]:
    with Street().open() as found:
        yield found


@pytest.fixture
def keys(crew: Crew) -> str:
    """The crew's key for secrets; it may call this machine, and its tasks run as long as in production."""
    made = new_key()
    crew.environ |= {"LEDGER_SECRET_KEYS": made, "LEDGER_EGRESS_ALLOW": "127.0.0.1", "LEDGER_TASK_LIMIT_S": "60"}
    return made


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


def test_workers_killed_while_they_deliver(database_url: str, crew: Crew, keys: str, street: Street) -> None:
    """kill -9 of all children, and of one between sending and writing down: nothing is lost, and what comes twice has
    the same id."""
    for receiver, secret in zip(
        street.healthy, hooks(database_url, keys, [r.port for r in street.healthy]), strict=True
    ):
        receiver.secret = secret
    wallets = new_wallets(database_url, 10)
    crew.start_beat()
    first = crew.start_worker(LEDGER_FAILPOINTS="webhooks.after_send:kill@7")
    for _ in range(KILLS):
        had = min(len(receiver.came) for receiver in street.healthy)
        tell(database_url, wallets, EVENTS // KILLS)
        until(lambda had=had: any(len(r.came) > had for r in street.healthy), "it goes on", patience_s=PATIENCE_S)
        for child in crew.children(first):
            with suppress(ProcessLookupError):  # it was faster
                crew.signal(child, signal.SIGKILL)
    crew.signal(first, signal.SIGKILL)
    crew.start_worker()
    ahead(database_url, 60)  # the leases of the dead are over
    wanted = told(database_url)
    assert len(wanted) == EVENTS // KILLS * KILLS
    until(lambda: all(wanted <= set(r.ids()) for r in street.healthy), "all came everywhere", patience_s=PATIENCE_S)
    unfinished = "SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'"
    until(lambda: rows(database_url, unfinished) == [(0,)], "all is written down", patience_s=PATIENCE_S)
    assert all(set(receiver.ids()) == wanted for receiver in street.healthy)
    assert rows(database_url, "SELECT 1 FROM webhook_attempts WHERE outcome = 'lost'"), "nobody died with a delivery"
    assert check(database_url, wallets).ok


def test_half_of_the_receivers_fail(database_url: str, crew: Crew, keys: str, street: Street) -> None:
    """Ten that take it and ten that do not, each in another way: the ten have all, the others are disabled in five days
    with a warning before, what waits for them is exhausted, and nobody was led inward."""
    for receiver, secret in zip(
        street.healthy, hooks(database_url, keys, [r.port for r in street.healthy]), strict=True
    ):
        receiver.secret = secret
    hooks(database_url, keys, list(street.failing.values()))
    wallets = new_wallets(database_url, 10)
    crew.start_beat()
    crew.start_worker()
    tell(database_url, wallets, EVENTS)
    wanted = told(database_url)
    until(lambda: all(wanted <= set(r.ids()) for r in street.healthy), "the healthy have all", patience_s=PATIENCE_S)
    open_ = "SELECT count(*) FROM webhook_deliveries WHERE state IN ('due', 'sending')"
    untried = (
        "SELECT count(*) FROM webhook_endpoints e WHERE state = 'enabled' AND failures > 0 AND NOT EXISTS ("
        "SELECT 1 FROM webhook_deliveries JOIN webhook_attempts USING (delivery) WHERE endpoint = e.endpoint AND at > %s)"
    )
    untold = "SELECT count(*) FROM webhook_endpoints WHERE warned_at IS NOT NULL AND told_at IS NULL"
    for _ in range(8):
        [(now,)] = rows(database_url, "SELECT ledger_now()")
        until(lambda now=now: rows(database_url, untried, now) == [(0,)], "each was tried again", patience_s=PATIENCE_S)
        until(lambda: rows(database_url, untold) == [(0,)], "warnings were told", patience_s=PATIENCE_S)
        if rows(database_url, open_) == [(0,)]:
            break
        ahead(database_url, STEP_S)
    until(lambda: rows(database_url, open_) == [(0,)], "all is delivered or exhausted", patience_s=PATIENCE_S)
    states = dict(rows(database_url, "SELECT state, count(*) FROM webhook_deliveries GROUP BY state"))
    assert states == {"delivered": HEALTHY * EVENTS, "exhausted": len(FAILING) * EVENTS}
    ended = dict(rows(database_url, "SELECT disabled_for, count(*) FROM webhook_endpoints GROUP BY disabled_for"))
    assert ended == {None: HEALTHY, "gone": 1, "failing": len(FAILING) - 1}
    notices = "SELECT type, count(*) FROM outbox WHERE type LIKE 'webhook_endpoint.%%' GROUP BY type"
    expected = {"webhook_endpoint.failing": len(FAILING) - 1, "webhook_endpoint.disabled": len(FAILING)}
    until(lambda: dict(rows(database_url, notices)) == expected, "each was told of", patience_s=PATIENCE_S)
    assert all(sorted(receiver.ids()) == sorted(wanted) for receiver in street.healthy), "none came twice"
    assert check(database_url, wallets).ok
