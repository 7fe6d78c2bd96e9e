"""How attempts ended, written down: the deliveries, the log, and what is known of receivers, in one transaction."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database
from ledger.webhooks.deliveries import rules, store
from ledger.webhooks.deliveries.rules import LOST, Outcome
from ledger.webhooks.deliveries.store import Receiver, Tried, Written

log = structlog.get_logger(__name__)

AT_ONCE: Final = 500


class Ended(NamedTuple):
    """An attempt that ended. ``reply``: for the log."""

    delivery: int
    attempt: int
    endpoint: int
    at: datetime
    url: str
    outcome: Outcome
    duration_ms: int = 0
    reply: str | None = None


async def write_down(database: Database, ended: Sequence[Ended]) -> int:
    """Write down how attempts ended; gives how many were still held by who made them."""

    async def work(connection: AsyncConnection) -> int:
        receivers = await store.lock(connection, {each.endpoint for each in ended})
        return await _write(connection, receivers, ended)

    return await database.retrying(work)


async def recover(database: Database) -> int:
    """Write down attempts as lost whose lease ended; gives how many."""

    async def work(connection: AsyncConnection) -> int:
        lost = await store.lost(connection, AT_ONCE)
        if not lost:
            return 0
        receivers = await store.lock(connection, {endpoint for _, _, endpoint in lost})
        ended = [
            Ended(delivery, attempt, endpoint, receivers[endpoint].now, receivers[endpoint].url, LOST)
            for delivery, attempt, endpoint in lost
        ]
        return await _write(connection, receivers, ended)

    return await database.retrying(work)


async def _write(connection: AsyncConnection, receivers: dict[int, Receiver], ended: Sequence[Ended]) -> int:
    held = await store.held(connection, [each.delivery for each in ended])
    mine = [each for each in ended if held.get(each.delivery, (0, 0))[0] == each.attempt]
    if not mine:
        return 0
    now = next(iter(receivers.values())).now
    known = {endpoint: receiver.health for endpoint, receiver in receivers.items()}
    ends: dict[int, str] = {}
    for each in mine:
        known[each.endpoint], verdict = rules.after(known[each.endpoint], each.outcome, now)
        if verdict != "as it was" and receivers[each.endpoint].enabled:
            ends[each.endpoint] = verdict.removeprefix("disable: ")
    written = [
        _written(each, held[each.delivery][1], ends.get(each.endpoint) or receivers[each.endpoint].ended, now)
        for each in mine
    ]
    await store.write(connection, now, written, [_tried(each) for each in mine])
    await store.only_last(connection, [_tried(each) for each in mine if not each.outcome.counts])
    changed = {e: health for e, health in known.items() if health != receivers[e].health or e in ends}
    await store.know(connection, now, changed, ends)
    for endpoint, why in ends.items():
        log.warning("webhook.endpoint_disabled", endpoint=endpoint, why=why)
    return len(mine)


def _written(each: Ended, round_: int, end: str | None, now: datetime) -> Written:
    """What becomes of a delivery. ``end``: why its endpoint gets nothing any more."""
    if each.outcome.delivered:
        return Written(each.delivery, "delivered", round_, None, None)
    if end is not None:
        return Written(each.delivery, "exhausted", round_, None, end)
    wait_s = rules.wait_s(each.attempt - round_, random.random(), each.outcome)  # noqa: S311 - jitter
    if wait_s is None:
        return Written(each.delivery, "exhausted", round_, None, "attempts")
    again = round_ if each.outcome.counts else round_ + 1
    return Written(each.delivery, "due", again, now + timedelta(seconds=wait_s), None)


def _tried(each: Ended) -> Tried:
    status = each.outcome.status
    return Tried(
        each.delivery, each.attempt, each.at, each.url, each.outcome.what, each.duration_ms, status, each.reply
    )
