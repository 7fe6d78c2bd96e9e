"""What works on payments, as a worker has it, over a real database and the sandbox; what it says to Stripe is judged."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.parts import participants
from ledger.payments.desk import Desk
from ledger.payments.gateway import Gateway
from ledger.rates.service import Cards
from ledger.settings import Settings
from tests.contract.stripe.client import CheckedRequests, Traffic, connect
from tests.support.sandbox import KEY, SandboxAt

SECRET = "whsec_of_the_tests"


class JudgedGateway(Gateway):
    """The gateway, with every exchange held to Stripe's contract."""

    def __init__(self, base: str, traffic: Traffic, retries: int = 2) -> None:
        super().__init__(KEY, base)
        self.traffic = traffic
        self._http = CheckedRequests(traffic)
        self._client = connect(base, KEY, self._http, retries)

    def close(self) -> None:
        super().close()
        self._http.close()


def settings_of(database_url: str, sandbox: SandboxAt, **more: str) -> Settings:
    found = Settings(database_url=database_url, stripe_api_key=KEY, stripe_api_base=sandbox.base)
    return replace(found, **{"stripe_webhook_secret": SECRET, "public_url": "https://credits.example.com", **more})


@asynccontextmanager
async def desk_at(database_url: str, sandbox: SandboxAt, *, retries: int = 2) -> AsyncIterator[Desk]:
    """A desk of its own; ``retries``: how often its client repeats a call by itself. At the end nothing that was said
    broke Stripe's contract."""
    database = Database(database_url, pool_size=4, role=SERVICE_ROLE)
    door = Door(database, participants=participants(Cards(database)))
    gateway = JudgedGateway(sandbox.base, Traffic(), retries)
    await door.start()
    try:
        yield Desk(database, door, gateway, settings_of(database_url, sandbox))
    finally:
        await door.stop()
        gateway.close()
        await database.dispose()
    assert gateway.traffic.broken == []
