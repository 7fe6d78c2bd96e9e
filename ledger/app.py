"""The HTTP application: every concept's handlers behind one edge, one guard, one exception handler."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State

from ledger.access.service import Access
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.context import LedgerRequest, Services
from ledger.handlers import HANDLERS
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.http.edge import EdgedLitestar, may
from ledger.kit.http.problems import refuse
from ledger.kit.http.strict import BODY_MAX
from ledger.wallets.directory import Directory

OPEN_PATHS = frozenset(["/v1/info"])


def create_app(database_url: str | None = None, *, pool_size: int = 10) -> EdgedLitestar:
    """The application over this database (``LEDGER_DATABASE_URL`` where none is given)."""
    url = database_url or os.environ.get("LEDGER_DATABASE_URL")
    if not url:
        raise SystemExit("LEDGER_DATABASE_URL is not set: it names the database to serve")
    services = _services(Database(url, pool_size=pool_size, role=SERVICE_ROLE))
    app = EdgedLitestar(
        route_handlers=list(HANDLERS),
        request_class=LedgerRequest,
        request_max_body_size=BODY_MAX,
        guards=[may],
        exception_handlers={Exception: refuse},
        lifespan=[_running],
        state=State({"services": services}),
        openapi_config=None,
        logging_config=None,
    )
    app.authenticate = services.access.authenticate
    app.open_paths = OPEN_PATHS
    return app


def _services(database: Database) -> Services:
    return Services(database, Door(database), Reader(database), Directory(database), Access(database))


@asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    """The door is open while the application runs; what it accepted is finished before it ends."""
    services: Services = app.state.services
    await services.door.start()
    try:
        yield
    finally:
        await services.door.stop()
        await services.access.close()
        await services.database.dispose()
