"""The alerts' background work."""

import structlog

from ledger.alerts.expiring import tell_expiring
from workers.app import process, task

log = structlog.get_logger(__name__)


@task("alerts.expiring", at_most_every_s=300)
async def expiring() -> int:
    """Tell of credits that expire within seven days; gives how many notices were told."""
    own = process()
    told = await tell_expiring(own.database, own.door)
    if told:
        log.info("alerts.expiring", told=told)
    return told
