"""The application over the sandbox, with an admin's client and a desk of a worker's."""

from collections.abc import AsyncIterator, Iterator

import pytest

from ledger.book.verify import verify_now
from ledger.payments.desk import Desk
from ledger.refill.verify import verify_refills
from tests.refill.scene import Scene
from tests.support.api import Api, make_key, run_sql, running
from tests.support.desk import desk_at, settings_of
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
    sandbox.forget_faults()


@pytest.fixture
async def scene(database_url: str, sandbox: SandboxAt, desk: Desk) -> AsyncIterator[Scene]:
    """At the end every book is verified."""
    async with running(database_url, settings_of(database_url, sandbox)) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        yield Scene(api, desk, sandbox)
        await api.client.aclose()
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")
    report = verify_now(database_url)
    verify_refills(database_url, report)
    assert report.ok, "\n".join(str(fault) for fault in report.faults)
