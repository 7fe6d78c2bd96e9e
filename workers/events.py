"""The events' background work."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from ledger.events.retention import forget
from workers.app import config, process, task

LATE: Final = timedelta(days=7)
"""What is kept for so long beyond its time is told of in the log: a delivery or a consumer waits for ever."""

log = structlog.get_logger(__name__)


@task("events.forget", at_most_every_s=600)
async def forget_events() -> int:
    """Delete events that are older than `LEDGER_EVENTS_DAYS`; gives how many."""
    forgotten = await forget(process().database, config.events_days)
    if forgotten.events:
        log.info("events.forgotten", events=forgotten.events)
    since = forgotten.kept_since
    if since is not None and since < datetime.now(UTC) - timedelta(days=config.events_days) - LATE:
        log.warning("events.held_back", since=since.isoformat())
    return forgotten.events
