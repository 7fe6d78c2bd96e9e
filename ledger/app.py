"""The HTTP application: every concept's handlers behind one edge and one exception handler."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State

from ledger.access.service import Access
from ledger.book.read import Reader
from ledger.context import LedgerRequest, Services
from ledger.handlers import HANDLERS
from ledger.kit import telemetry
from ledger.kit.http.direct import Direct
from ledger.kit.http.edge import EdgedLitestar, authorized
from ledger.kit.http.problems import refuse
from ledger.kit.http.served import Served
from ledger.kit.http.strict import BODY_MAX
from ledger.metrics.page import Page
from ledger.parts import make_database, make_door, make_egress, make_gateway, make_secret_keys
from ledger.rates.service import Cards
from ledger.rollups.figures import FiguresBeside
from ledger.settings import Settings, load
from ledger.wallets.directory import Directory


def create_app(settings: Settings | None = None) -> EdgedLitestar:
    """The application. Without settings it is this process's own: they come from the environment, and its
    logs are configured. Raises SettingsError where the database is not named."""
    if settings is None:
        settings = load()
        telemetry.configure(level=settings.log_level, log_format=settings.log_format)
    services = _services(settings)
    served = Served()
    app = EdgedLitestar(
        route_handlers=list(HANDLERS),
        request_class=LedgerRequest,
        request_max_body_size=BODY_MAX,
        middleware=[authorized],
        exception_handlers={Exception: refuse},
        lifespan=[_running],
        state=State({"services": services, "metrics": Page(services.database, served)}),
        openapi_config=None,
        logging_config=None,
    )
    app.recall = services.access.recall
    app.authenticate = services.access.authenticate
    app.served = served
    app.direct = Direct(app, LedgerRequest)
    app.open_paths = frozenset(path for handler in HANDLERS if handler.opt.get("open") for path in handler.paths)
    return app


def _services(settings: Settings) -> Services:
    database = make_database(settings, "credit-ledger api")
    cards = Cards(database, settings.rates)
    door = make_door(database, settings, cards)
    reader = Reader(database, FiguresBeside())
    return Services(
        database,
        door,
        reader,
        Directory(database),
        Access(database),
        cards,
        settings,
        make_gateway(settings),
        make_secret_keys(settings),
        make_egress(settings),
    )


@asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    """The door is open while the application runs; what it accepted is finished before it ends."""
    services: Services = app.state.services
    # What was imported stays: the collector need not look at it again and again, and requests leave few cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await services.door.start()
    try:
        yield
    finally:
        await services.door.stop()
        await services.access.close()
        await services.cards.close()
        if services.stripe is not None:
            services.stripe.close()
        services.egress.close()
        await services.database.dispose()
