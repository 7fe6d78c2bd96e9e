"""The relay: from outbox rows to tasks, and the task that takes an event of the book."""

import structlog

from ledger.kit import failpoints
from ledger.kit import relay as outbox
from ledger.kit.outbox import ANNOUNCE
from workers.app import LIMIT_S, app, process, task

log = structlog.get_logger(__name__)

BATCH = 100
"""Events in one task."""


@task("outbox.relay", at_most_every_s=0.5)
async def relay() -> int:
    """Publish what is due in the outbox; gives how many rows. Rows of a lost task are due again later."""
    claimed = await outbox.claim(process().database, lease_s=LIMIT_S / 2)
    await failpoints.reach("relay.after_claim")
    by_task: dict[str, list[tuple[int, int]]] = {}
    for row in claimed:
        by_task.setdefault(row.task, []).append((row.wallet_id, row.event))
    for name, keys in by_task.items():
        for start in range(0, len(keys), BATCH):
            app.send_task(name, args=[keys[start : start + BATCH]])
    await failpoints.reach("relay.after_publish")
    return len(claimed)


@task(ANNOUNCE)
async def announce(keys: list[tuple[int, int]]) -> int:
    """Write events to the log stream, and mark them done only then; gives how many it wrote.

    Who dies in between has them written again: each at least once.
    """
    database = process().database
    events = await outbox.undone(database, [(wallet_id, event) for wallet_id, event in keys])
    for event in events:
        log.info("event", type=event.type, payload=event.payload)
    await failpoints.reach("announce.before_done")
    await outbox.done(database, [(event.wallet_id, event.event) for event in events])
    return len(events)
