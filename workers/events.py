"""The events' background work."""

from collections import Counter

import structlog

from ledger.events.retention import forget
from ledger.kit.ids import public
from ledger.webhooks.endpoints.shapes import KIND as ENDPOINT
from workers.app import config, process, task

log = structlog.get_logger(__name__)


@task("events.forget", at_most_every_s=600)
async def forget_events() -> int:
    """Delete events that are older than `LEDGER_EVENTS_DAYS`, and their deliveries; gives how many events."""
    forgotten = await forget(process().database, config.events_days)
    if forgotten.events:
        log.info("events.forgotten", events=forgotten.events, deliveries=forgotten.deliveries)
    for endpoint, deliveries in Counter(forgotten.given_up).items():
        log.warning("webhook.given_up", endpoint=public(ENDPOINT, endpoint), deliveries=deliveries)
    if forgotten.held_back is not None:
        log.warning("events.held_back", since=forgotten.held_back.isoformat())
    return forgotten.events
