"""The book's background work."""

import asyncio

import msgspec
import structlog

from ledger.book.anchor.keys import trusted_keys
from ledger.book.upkeep import book_due, forget_refusals
from ledger.book.verify import verify
from ledger.budgets.verify import verify_budgets
from ledger.kit import failpoints, idempotency
from ledger.rates.verify import verify_usage
from ledger.refill.verify import verify_refills
from ledger.rollups.verify import verify_rollups
from workers.app import config, process, task

VERIFY_LIMIT_S = 20 * 3600
VERIFY_OPTIONS = {"acks_late": False, "time_limit": VERIFY_LIMIT_S + 60, "soft_time_limit": VERIFY_LIMIT_S}
"""It takes as long as the journal is long, and is acknowledged first, so that Redis does not give it out again."""

log = structlog.get_logger(__name__)


@task("book.due", at_most_every_s=2)
async def due() -> int:
    """Book lots and holds that have expired in wallets nobody touches."""
    own = process()
    await failpoints.reach("due.before_book")
    booked = await book_due(own.database, own.door)
    await failpoints.reach("due.after_book")
    if booked:
        log.info("book.due", wallets=booked)
    return booked


@task("book.forget_refusals", at_most_every_s=600)
async def forget() -> int:
    """Delete refusals that are no longer remembered, and answers that are no longer kept."""
    database = process().database
    return await forget_refusals(database) + await idempotency.forget(database)


@task("book.verify", at_most_every_s=3600, **VERIFY_OPTIONS)
async def verify_all() -> bool:
    """Recompute every book; a fault is an error in the log."""
    report = await verify(config.database, trusted=trusted_keys(config))
    await asyncio.to_thread(verify_budgets, config.database, report)
    await asyncio.to_thread(verify_usage, config.database, report)
    await asyncio.to_thread(verify_refills, config.database, report)
    await asyncio.to_thread(verify_rollups, config.database, report)
    if report.ok:
        log.info("verify.ok", **report.checked)
    else:
        log.error("verify.faults", faults=msgspec.to_builtins(report.faults))
    return report.ok
