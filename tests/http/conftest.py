"""The application of a module's tests, with an admin's client."""

from collections.abc import AsyncIterator

import pytest

from ledger.kit.http.edge import EdgedLitestar
from tests.http.scene import Scene, set_up
from tests.support.api import Api, make_key, running


@pytest.fixture(scope="module")
async def app(database_url: str) -> AsyncIterator[EdgedLitestar]:
    async with running(database_url) as app:
        yield app


@pytest.fixture(scope="module")
async def api(app: EdgedLitestar, database_url: str) -> AsyncIterator[Api]:
    client = Api(app, make_key(database_url, "admin")[1], database_url)
    yield client
    await client.client.aclose()


@pytest.fixture(scope="module")
async def scene(api: Api) -> Scene:
    return await set_up(api)
