"""The real application, with payments set up: it talks to the sandbox."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.api import Api, make_key, running
from tests.support.desk import settings_of
from tests.support.sandbox import SandboxAt


@asynccontextmanager
async def selling(database_url: str, sandbox: SandboxAt, **more: str) -> AsyncIterator[Api]:
    """A client of it, with a key that may do anything."""
    async with running(database_url, settings_of(database_url, sandbox, **more)) as app:
        yield Api(app, make_key(database_url, "admin")[1], database_url)
