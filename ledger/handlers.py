"""Every handler there is, concept by concept: what is served, and what is described."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

import ledger.health.api
import ledger.wallets.api

HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    *ledger.health.api.HANDLERS,
    *ledger.wallets.api.HANDLERS,
)
