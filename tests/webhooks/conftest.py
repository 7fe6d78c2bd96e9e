"""The application of a module's tests with a key for secrets, an admin's client, and who delivers."""

from collections.abc import AsyncIterator

import pytest

from ledger.kit.http.edge import EdgedLitestar
from ledger.kit.secret_keys import new_key
from ledger.settings import Settings
from tests.support.api import Api, make_key, run_sql, running
from tests.webhooks.delivering import LOCAL, Post, post_at


@pytest.fixture(scope="module")
def secret_keys() -> str:
    return new_key()


@pytest.fixture(scope="module")
async def app(database_url: str, secret_keys: str) -> AsyncIterator[EdgedLitestar]:
    settings = Settings(database_url=database_url, secret_keys=secret_keys, egress_allow=LOCAL)
    async with running(database_url, settings) as app:
        yield app


@pytest.fixture(scope="module")
async def api(app: EdgedLitestar, database_url: str) -> AsyncIterator[Api]:
    client = Api(app, make_key(database_url, "admin", "write", "read")[1], database_url)
    yield client
    await client.client.aclose()


@pytest.fixture(scope="module")
async def _post(database_url: str, secret_keys: str) -> AsyncIterator[Post]:
    async with post_at(database_url, secret_keys) as post:
        yield post


@pytest.fixture
def post(_post: Post, database_url: str) -> Post:
    """Who delivers, with no endpoint of another test that would hear of this one."""
    run_sql(database_url, "UPDATE webhook_endpoints SET state = 'deleted' WHERE state <> 'deleted'")
    return _post
