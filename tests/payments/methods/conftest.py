"""The application over the sandbox, with an admin's client and a desk of a worker's."""

from collections.abc import AsyncIterator

import pytest

from ledger.payments.desk import Desk
from tests.payments.methods.scene import Scene
from tests.support.api import Api, make_key, running
from tests.support.desk import settings_of
from tests.support.sandbox import SandboxAt


@pytest.fixture
async def scene(database_url: str, sandbox: SandboxAt, desk: Desk) -> AsyncIterator[Scene]:
    async with running(database_url, settings_of(database_url, sandbox)) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        yield Scene(api, desk, sandbox)
        await api.client.aclose()
