"""Events become notifications, in the order of their positions.

The consumer ``notifications`` moves on in the transaction that writes them: each event is told once, whoever dies. A
channel hears of what was told since it was enabled. Of events of one type there is one notification that waits in a
channel at most: newer ones join it, and it says how many were left out, so that a storm costs one message, and one row.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.events import feed
from ledger.events.feed import Event
from ledger.kit.arrays import numbers
from ledger.kit.db import Database
from ledger.notifications import queue
from ledger.notifications.queue import Group, Queued
from ledger.notifications.rules import slot_of

CONSUMER: Final = "notifications"

_CHANNELS: Final = """
SELECT c.channel, c.wallet_id, c.events, c.enabled_at, c.paused_until, ledger_now()
FROM notification_channels c WHERE c.wallet_id = ANY(%(wallets)s::bigint[]) AND c.enabled
ORDER BY c.channel FOR SHARE"""


class Channel(NamedTuple):
    """Who hears of events, at ``now``."""

    channel: int
    wallet_id: int
    events: list[str]
    enabled_at: datetime
    paused_until: datetime | None
    now: datetime


async def collect(database: Database, *, limit: int = feed.BATCH) -> int:
    """Give positions to new events, and make notifications of the next ones; gives how many events that were."""

    async def work(connection: AsyncConnection) -> int:
        await feed.advance(connection, limit=limit)
        events = await feed.take(connection, CONSUMER, limit=limit)
        if not events:
            return 0
        params = {"wallets": numbers({event.wallet_id for event in events})}
        rows: Any = await connection.exec_driver_sql(_CHANNELS, params)
        channels = [Channel(*row) for row in rows]
        if channels:
            await _queue(connection, channels, groups_of(events, channels))
        await feed.passed(connection, CONSUMER, events[-1].position)
        return len(events)

    return await database.retrying(work)


def groups_of(events: Sequence[Event], channels: Sequence[Channel]) -> list[Group]:
    """What of these events each channel is told, by type."""
    by_wallet: dict[int, list[Channel]] = {}
    for channel in channels:
        by_wallet.setdefault(channel.wallet_id, []).append(channel)
    found: dict[tuple[int, str], Group] = {}
    for event in events:
        for channel in by_wallet.get(event.wallet_id, ()):
            if event.recorded_at >= channel.enabled_at and wants(channel.events, event.type):
                place = (channel.channel, event.type)
                others = found[place].others + 1 if place in found else 0
                found[place] = Group(channel.channel, event.wallet_id, event.type, event.event, others)
    return list(found.values())


def wants(patterns: Sequence[str], of_type: str) -> bool:
    """Whether one of the patterns is for this type: itself, all of its family, or all."""
    families = [of_type[:place] + ".*" for place, letter in enumerate(of_type) if letter == "."]
    return not {"*", of_type, *families}.isdisjoint(patterns)


async def _queue(connection: AsyncConnection, channels: Sequence[Channel], groups: Sequence[Group]) -> None:
    if not groups:
        return
    known = await queue.slots(connection, groups)
    waiting = [group for group in groups if known.get((group.channel, group.type), (None, False))[1]]
    joined = await queue.join(connection, waiting) if waiting else set()
    of = {channel.channel: channel for channel in channels}
    made = []
    for group in groups:
        if (group.channel, group.type) not in joined:
            channel = of[group.channel]
            last = known.get((group.channel, group.type))
            slot_at = slot_of(group.type, last[0] if last else None, channel.now)
            made.append(Queued(group, slot_at, max(slot_at, channel.paused_until or slot_at)))
    if made:
        await queue.queue(connection, made)
