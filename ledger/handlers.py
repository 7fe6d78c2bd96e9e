"""Every handler there is, concept by concept: what is served, and what is described."""

from typing import Final

from litestar.handlers import HTTPRouteHandler

import ledger.analytics.api
import ledger.budgets.api
import ledger.credits.api
import ledger.docs.api
import ledger.events.api
import ledger.finance.api
import ledger.forecast.api
import ledger.health.api
import ledger.holds.api
import ledger.metrics.api
import ledger.notifications.api
import ledger.payments.disputes.api
import ledger.payments.history.api
import ledger.payments.inbox.api
import ledger.payments.links.api
import ledger.payments.methods.api
import ledger.payments.pay.api
import ledger.payments.reconcile.api
import ledger.payments.refunds.api
import ledger.rates.api
import ledger.refill.api
import ledger.refill.simulate_api
import ledger.transactions.api
import ledger.transfers.api
import ledger.usage.api
import ledger.wallets.api
import ledger.webhooks.deliveries.api
import ledger.webhooks.endpoints.api

HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    *ledger.health.api.HANDLERS,
    *ledger.metrics.api.HANDLERS,
    *ledger.docs.api.HANDLERS,
    *ledger.wallets.api.HANDLERS,
    *ledger.transactions.api.HANDLERS,
    *ledger.credits.api.HANDLERS,
    *ledger.usage.api.HANDLERS,
    *ledger.analytics.api.HANDLERS,
    *ledger.forecast.api.HANDLERS,
    *ledger.holds.api.HANDLERS,
    *ledger.transfers.api.HANDLERS,
    *ledger.budgets.api.HANDLERS,
    *ledger.payments.refunds.api.HANDLERS,
    *ledger.payments.disputes.api.HANDLERS,
    *ledger.payments.reconcile.api.HANDLERS,
    *ledger.rates.api.HANDLERS,
    *ledger.payments.history.api.HANDLERS,
    *ledger.payments.links.api.HANDLERS,
    *ledger.payments.pay.api.HANDLERS,
    *ledger.payments.methods.api.HANDLERS,
    *ledger.payments.inbox.api.HANDLERS,
    *ledger.refill.api.HANDLERS,
    *ledger.refill.simulate_api.HANDLERS,
    *ledger.events.api.HANDLERS,
    *ledger.webhooks.endpoints.api.HANDLERS,
    *ledger.webhooks.deliveries.api.HANDLERS,
    *ledger.notifications.api.HANDLERS,
    *ledger.finance.api.HANDLERS,
)
