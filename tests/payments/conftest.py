"""One sandbox for a module, and desks in front of it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from ledger.payments.desk import Desk
from tests.book.conftest import Clock
from tests.payments.buying import Shop
from tests.support.book import session
from tests.support.desk import desk_at
from tests.support.sandbox import SandboxAt, sandbox_served


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxAt]:
    with sandbox_served() as at:
        at.tell("/config", fee_known_after_s=0, refund_after_s=0, dispute_after_s=0, verdict_after_s=0)
        yield at


@pytest.fixture
async def desk(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Desk]:
    async with desk_at(database_url, sandbox) as found:
        yield found
    sandbox.tell("/webhooks")
    sandbox.forget_faults()


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    with session(database_url) as connection:
        connection.execute("UPDATE clock SET ahead_us = 0")


@pytest.fixture
def shop(database_url: str, desk: Desk, sandbox: SandboxAt) -> Iterator[Shop]:
    """At the end the books are verified, and held against what Stripe says it has."""
    found = Shop(database_url, desk, sandbox)
    yield found
    found.check()
