"""Rolling up what wallets used."""

import structlog

from ledger.rollups.roller import roll_moved
from workers.app import process, task

log = structlog.get_logger(__name__)

_after = 0
"""Where this process goes on: where nothing is ever sealed, the wallets that moved are more than one tick looks at."""


@task("rollups.roll", at_most_every_s=2)
async def roll() -> int:
    """Roll up wallets that moved; gives how many. Reads are complete without it, and cheaper with it."""
    global _after
    rolled, _after = await roll_moved(process().database, after=_after)
    if rolled:
        log.info("rollups.rolled", wallets=rolled)
    return rolled
