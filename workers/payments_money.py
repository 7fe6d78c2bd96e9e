"""The background work of payments' money: refunds that are not paid yet, what could not be booked, reconciliation."""

import structlog

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.payments.desk import Desk
from ledger.payments.money.work import look_again
from ledger.payments.reconcile.service import reconcile
from ledger.payments.refunds import send
from workers.app import LIMIT_S, config, process, task

log = structlog.get_logger(__name__)

REFUNDS_S = 10.0


@task("payments.refunds", at_most_every_s=REFUNDS_S / 2)
async def finish_refunds() -> int:
    """Go on with refunds that are due, and look again at what could not be booked; gives how many of both."""
    desk = _desk()
    if desk is None:
        return 0
    return await send.work(desk) + await look_again(desk)


@task("payments.reconcile")
async def reconcile_with_stripe() -> int:
    """Hold what Stripe has against what is here; gives how many differences there are, each an error in the log."""
    desk = _desk()
    if desk is None:
        return 0
    reading = Database(
        config.database,
        pool_size=1,
        role=SERVICE_ROLE,
        statement_timeout_ms=LIMIT_S * 1000,
        application_name="credit-ledger reconcile",
    )
    try:
        report = await reconcile(desk, reading)
    finally:
        await reading.dispose()
    log.info("payments.reconciled", ok=report.ok, differences=len(report.differences))
    return len(report.differences)


def _desk() -> Desk | None:
    """None where no key of Stripe is set."""
    own = process()
    return None if own.stripe is None else Desk(own.database, own.door, own.stripe, config)
