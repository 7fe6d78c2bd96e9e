"""Making forecasts."""

import time

import structlog

from ledger.book.read import Reader
from ledger.forecast.backtest import Method
from ledger.forecast.service import find_due, make_due
from ledger.rollups.figures import FiguresBeside
from ledger.rollups.roller import ALL, roll_moved
from workers.app import LIMIT_S, process, task

FIND_LIMIT_S = 3600
BUDGET_S = min(20.0, LIMIT_S / 4)
"""No forecast is begun when a task is that old: one takes a second or less."""

log = structlog.get_logger(__name__)


@task("forecast.make", at_most_every_s=2)
async def make() -> int:
    """Make the forecasts that are due; gives how many."""
    own = process()
    end = time.monotonic() + BUDGET_S
    made = await make_due(
        own.database, Reader(own.database, FiguresBeside()), _model, more=lambda: time.monotonic() < end
    )
    if made:
        log.info("forecast.made", wallets=made)
    return made


# As long as many wallets were left over, so it is acknowledged first: what a killed one did stays done.
@task("forecast.find", at_most_every_s=600, acks_late=False, time_limit=FIND_LIMIT_S + 30, soft_time_limit=FIND_LIMIT_S)
async def find() -> int:
    """Roll up what was left over, and let forecasts be made of wallets that have come to enough of a history."""
    after = 0
    while True:
        _, after = await roll_moved(process().database, among=ALL, after=after)
        if after == 0:
            return await find_due(process().database)


def _model() -> Method:
    """Imported when it is first needed: it takes two seconds and 140 MB."""
    from ledger.forecast.model import HOLT_WINTERS

    return HOLT_WINTERS
