"""The budgets' background work."""

import structlog

from ledger.budgets.watch import LOOK_S, watch
from workers.app import process, task

log = structlog.get_logger(__name__)


@task("budgets.watch", at_most_every_s=LOOK_S / 2)
async def watch_usage() -> int:
    """Add up what wallets used by the hour, and have spikes told; gives how many."""
    own = process()
    told = await watch(own.database, own.door)
    if told:
        log.info("budgets.spikes", told=told)
    return told
