"""The application of a module's tests with a key for secrets, and an admin's client."""

from collections.abc import AsyncIterator

import pytest

from ledger.kit.http.edge import EdgedLitestar
from ledger.kit.secret_keys import new_key
from ledger.settings import Settings
from tests.support.api import Api, make_key, running


@pytest.fixture(scope="module")
def secret_keys() -> str:
    return new_key()


@pytest.fixture(scope="module")
async def app(database_url: str, secret_keys: str) -> AsyncIterator[EdgedLitestar]:
    async with running(database_url, Settings(database_url=database_url, secret_keys=secret_keys)) as app:
        yield app


@pytest.fixture(scope="module")
async def api(app: EdgedLitestar, database_url: str) -> AsyncIterator[Api]:
    client = Api(app, make_key(database_url, "admin")[1], database_url)
    yield client
    await client.client.aclose()
