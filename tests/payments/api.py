"""The real application, with payments set up: it talks to the sandbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ledger.app import create_app
from tests.support.api import Api, make_key
from tests.support.desk import settings_of
from tests.support.sandbox import SandboxAt


@asynccontextmanager
async def selling(database_url: str, sandbox: SandboxAt, **more: str) -> AsyncIterator[Api]:
    """A client of it, with a key that may do anything."""
    app = create_app(settings_of(database_url, sandbox, **more))
    async with app.lifespan():
        yield Api(app, make_key(database_url, "admin")[1], database_url)
