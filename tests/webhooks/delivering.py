"""A courier in the test's own process, over a real database, and what tests ask of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Limits
from ledger.kit.egress.client import Egress
from ledger.kit.ids import parse_public
from ledger.kit.secret_keys import keys_of
from ledger.webhooks.deliveries.courier import Courier
from tests.support.api import Api, run_sql
from tests.webhooks.receivers import Receiver

PATIENCE_S = 20.0
LOCAL = "127.0.0.1"


class Post:
    """Delivers what there is. ``stint`` begins a courier that goes on until the end of the block."""

    def __init__(self, database: Database, door: Door, egress: Egress, secret_keys: str) -> None:
        self.database = database
        self.door = door
        self._egress = egress
        self._keys = keys_of(secret_keys)

    def courier(self, couriers: int = 1) -> Courier:
        return Courier(self.database, self.door, self._egress, self._keys, couriers=couriers)

    @asynccontextmanager
    async def stint(self) -> AsyncIterator[None]:
        over = False
        task = asyncio.create_task(self.courier().run(60, lambda: over))
        try:
            yield
        finally:
            over = True
            assert await task is not None

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        """Deliver until this is so."""
        async with self.stint():
            await until(holds, what)


async def until(holds: Callable[[], Any], what: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"still not: {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def post_at(database_url: str, secret_keys: str, total_s: float = 3.0) -> AsyncIterator[Post]:
    database = Database(database_url, pool_size=4, role=SERVICE_ROLE)
    door = Door(database)
    egress = Egress(allow=AllowList.read(LOCAL), limits=Limits(total_s=total_s))
    await door.start()
    try:
        yield Post(database, door, egress, secret_keys)
    finally:
        await door.stop()
        egress.close()
        await database.dispose()


async def endpoint(api: Api, receiver: Receiver, *events: str, **fields: Any) -> str:
    """A new endpoint at the receiver, which verifies with its secret from now on; its id."""
    body = {"url": receiver.url, "events": list(events) or ["*"]} | fields
    made = await api.post("/v1/webhook-endpoints", body)
    assert made.status_code == 201, made.text
    receiver.secret = made.json()["secret"]
    return str(made.json()["id"])


def ahead(database_url: str, seconds: float) -> None:
    """Set the ledger's clock forward."""
    run_sql(database_url, "UPDATE clock SET ahead_us = ahead_us + %s", int(seconds * 1_000_000))


def states(database_url: str, endpoint: int) -> dict[str, int]:
    """How many deliveries to an endpoint are in each state."""
    sql = "SELECT state, count(*) FROM webhook_deliveries WHERE endpoint = %s GROUP BY state"
    return dict(run_sql(database_url, sql, endpoint))


def number(endpoint_id: str) -> int:
    return parse_public("whe", endpoint_id, "webhook endpoint")
