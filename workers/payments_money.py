"""The background work of payments' money: refunds that are not paid yet, what could not be booked, reconciliation."""

import structlog

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.payments.fulfil import settle_intent
from ledger.payments.money.work import look_again
from ledger.payments.reconcile.service import reconcile
from ledger.payments.refunds import send
from workers.app import LIMIT_S, config, task
from workers.payments import desk

log = structlog.get_logger(__name__)


@task("payments.refunds", at_most_every_s=5)
async def finish_refunds() -> int:
    """Go on with refunds that are due, and look again at what could not be booked; gives how many of both."""
    at = desk()
    return 0 if at is None else await send.work(at) + await look_again(at)


@task("payments.reconcile")
async def reconcile_with_stripe() -> int:
    """Hold what Stripe has against what is here; gives how many differences there are, each an error in the log."""
    at = desk()
    if at is None:
        return 0
    reading = Database(
        config.database,
        pool_size=1,
        role=SERVICE_ROLE,
        statement_timeout_ms=LIMIT_S * 1000,
        application_name="credit-ledger reconcile",
    )
    try:
        report = await reconcile(at, reading, settle=settle_intent)
    finally:
        await reading.dispose()
    log.info("payments.reconciled", ok=report.ok, differences=len(report.differences))
    return len(report.differences)
