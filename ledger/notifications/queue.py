"""The rows of notifications, as the sender works on them.

    queued     to be sent at ``due_at``; fresh as long as nobody has tried, and newer events of its type join it
    sending    claimed: somebody sends it, until its lease ends at ``due_at``
    sent       the mail server, or the receiver, has it
    failed     given up, and why

The number of an attempt is what it is claimed by: who comes late with an outcome finds another number, or another
state, and writes nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.arrays import each, numbers, times, words
from ledger.notifications.rules import TRIES_MAX, Next

KEPT_DAYS: Final = 30
"""How long what was sent, or failed, is kept."""

PROBLEM_MAX: Final = 300

LOOKED_AT: Final = 1_000
"""Of what is due, the first so many are looked at: of each wallet the first, then the second, with those on their way
counted, so that channels which say nothing hold up those of other wallets only until one of them has ended."""

_FRESH: Final = f"""
SELECT n.channel, n.type, max(n.slot_at), bool_or(n.state = 'queued' AND n.attempts = 0)
FROM ({each(channels="bigint", types="text")}) g
JOIN notifications n ON n.channel = g.channels AND n.type = g.types GROUP BY n.channel, n.type"""

_JOIN: Final = f"""
UPDATE notifications n SET event = g.events, left_out = n.left_out + g.others + 1
FROM ({each(channels="bigint", types="text", events="bigint", others="int")}) g
WHERE n.channel = g.channels AND n.type = g.types AND n.state = 'queued' AND n.attempts = 0
RETURNING n.channel, n.type"""

_QUEUE_OF: Final = each(
    channels="bigint",
    wallets="bigint",
    events="bigint",
    types="text",
    others="int",
    slots="timestamptz",
    due="timestamptz",
)
_QUEUE: Final = f"""
INSERT INTO notifications (channel, wallet_id, event, type, left_out, slot_at, due_at)
{_QUEUE_OF} ON CONFLICT (channel, event) DO NOTHING"""

_CLAIM: Final = f"""
WITH t AS (SELECT ledger_now() AS now),
busy AS (SELECT wallet_id, count(*) AS many FROM notifications WHERE state = 'sending' GROUP BY wallet_id),
first AS (
    SELECT notification, due_at, wallet_id FROM notifications
    WHERE state = 'queued' AND due_at <= (SELECT now FROM t) ORDER BY due_at LIMIT {LOOKED_AT}),
places AS (
    SELECT notification, due_at,
        coalesce(many, 0) + row_number() OVER (PARTITION BY wallet_id ORDER BY due_at) AS place
    FROM first LEFT JOIN busy USING (wallet_id)),
picked AS (
    SELECT n.notification FROM notifications n JOIN places USING (notification)
    WHERE n.state = 'queued' ORDER BY place, places.due_at LIMIT %(limit)s FOR UPDATE OF n SKIP LOCKED)
UPDATE notifications n
SET state = 'sending', attempts = n.attempts + 1, due_at = t.now + make_interval(secs => %(lease)s)
FROM t, picked p JOIN notifications o USING (notification)
JOIN notification_channels c ON c.channel = o.channel
LEFT JOIN wallet_settings s ON s.wallet_id = o.wallet_id
LEFT JOIN outbox e ON e.wallet_id = o.wallet_id AND e.event = o.event
WHERE n.notification = p.notification
RETURNING n.notification, n.attempts, n.channel, n.wallet_id, n.event, n.type, n.left_out, t.now,
    c.kind, c.shown, c.sealed, s.owner_id, s.purpose, s.time_zone, s.metadata, e.payload, e.recorded_at"""

_LOST: Final = f"""
UPDATE notifications SET due_at = ledger_now(),
    state = CASE WHEN attempts < {TRIES_MAX} THEN 'queued' ELSE 'failed' END,
    finished_at = CASE WHEN attempts < {TRIES_MAX} THEN NULL ELSE ledger_now() END,
    problem = 'whoever sent it was not heard of again'
WHERE notification IN (
    SELECT notification FROM notifications WHERE state = 'sending' AND due_at < ledger_now()
    LIMIT 1000 FOR UPDATE SKIP LOCKED)"""

_WRITE: Final = """
UPDATE notifications SET state = %(state)s, due_at = coalesce(%(due)s, due_at), problem = %(problem)s,
    finished_at = CASE WHEN %(state)s IN ('sent', 'failed') THEN ledger_now() END
WHERE notification = %(notification)s AND state = 'sending' AND attempts = %(attempt)s RETURNING channel"""

_KNOW: Final = """
UPDATE notification_channels SET problem = %(problem)s,
    problem_at = CASE WHEN %(problem)s::text IS NULL THEN NULL ELSE ledger_now() END,
    last_sent_at = CASE WHEN %(problem)s::text IS NULL THEN ledger_now() ELSE last_sent_at END,
    paused_until = greatest(paused_until, %(pause)s::timestamptz),
    enabled = enabled AND NOT %(disable)s,
    disabled_for = CASE WHEN enabled AND %(disable)s THEN 'gone' ELSE disabled_for END
WHERE channel = %(channel)s"""

_PAUSE: Final = """
UPDATE notifications SET due_at = greatest(due_at, %(pause)s::timestamptz)
WHERE channel = %(channel)s AND state = 'queued'"""

_END: Final = """
UPDATE notifications SET state = 'failed', finished_at = ledger_now(), problem = %(why)s
WHERE channel = ANY(%(channels)s::bigint[]) AND state = 'queued'"""

_FORGET: Final = f"""
DELETE FROM notifications WHERE notification IN (
    SELECT notification FROM notifications WHERE finished_at < ledger_now() - make_interval(days => {KEPT_DAYS})
    LIMIT %(limit)s)"""


class Group(NamedTuple):
    """Events of one type for one channel: the newest of them, and how many ``others``."""

    channel: int
    wallet_id: int
    type: str
    event: int
    others: int


class Queued(NamedTuple):
    """A notification to be made."""

    group: Group
    slot_at: datetime
    due_at: datetime


class Claimed(NamedTuple):
    """An attempt that this process makes, with all that it needs. ``payload`` is None where the event is gone."""

    notification: int
    attempt: int
    channel: int
    wallet_id: int
    event: int
    type: str
    left_out: int
    now: datetime
    kind: str
    shown: str
    sealed: bytes | None
    owner_id: str | None
    purpose: str | None
    time_zone: str | None
    metadata: dict[str, Any] | None
    payload: str | None
    recorded_at: datetime | None


async def slots(connection: AsyncConnection, groups: Sequence[Group]) -> dict[tuple[int, str], tuple[datetime, bool]]:
    """By channel and type, for when the last notification was, and whether it is one that newer events may join."""
    found: Any = await connection.exec_driver_sql(_FRESH, _named(groups))
    return {(channel, of_type): (slot_at, fresh) for channel, of_type, slot_at, fresh in found}


async def join(connection: AsyncConnection, groups: Sequence[Group]) -> set[tuple[int, str]]:
    """Let what waits be about these, too; gives for which that was so: of others, somebody is sending them now."""
    params = _named(groups) | {
        "events": numbers([group.event for group in groups]),
        "others": numbers([group.others for group in groups]),
    }
    found: Any = await connection.exec_driver_sql(_JOIN, params)
    return {(channel, of_type) for channel, of_type in found}


async def queue(connection: AsyncConnection, made: Sequence[Queued]) -> None:
    groups = [each_.group for each_ in made]
    params = _named(groups) | {
        "wallets": numbers([group.wallet_id for group in groups]),
        "events": numbers([group.event for group in groups]),
        "others": numbers([group.others for group in groups]),
        "slots": times([each_.slot_at for each_ in made]),
        "due": times([each_.due_at for each_ in made]),
    }
    await connection.exec_driver_sql(_QUEUE, params)


async def claim(connection: AsyncConnection, limit: int, lease_s: float) -> list[Claimed]:
    """Take so many that are due, for so long."""
    found: Any = await connection.exec_driver_sql(_CLAIM, {"limit": limit, "lease": lease_s})
    return [Claimed(*row) for row in found]


async def recover(connection: AsyncConnection) -> int:
    """Attempts whose lease ended are made again; gives how many."""
    return (await connection.exec_driver_sql(_LOST)).rowcount


async def write(connection: AsyncConnection, claimed: Claimed, then: Next, detail: str) -> bool:
    """What became of an attempt, of its notification and of its channel; False where its lease is not ours any more."""
    problem = None if then.state == "sent" else detail[:PROBLEM_MAX]
    params = {
        "notification": claimed.notification,
        "attempt": claimed.attempt,
        "state": then.state,
        "due": then.due_at,
        "problem": problem,
    }
    if (await connection.exec_driver_sql(_WRITE, params)).first() is None:
        return False
    await know(connection, claimed.channel, problem, then)
    if then.pause_until is not None:
        await connection.exec_driver_sql(_PAUSE, {"channel": claimed.channel, "pause": then.pause_until})
    if then.disable:
        await end(connection, [claimed.channel], detail)
    return True


async def know(connection: AsyncConnection, channel: int, problem: str | None, then: Next) -> None:
    """What an attempt says of its channel."""
    params = {"channel": channel, "problem": problem, "pause": then.pause_until, "disable": then.disable}
    await connection.exec_driver_sql(_KNOW, params)


async def end(connection: AsyncConnection, channels: Sequence[int], why: str) -> None:
    """What waits for these channels is not sent any more."""
    if channels:
        await connection.exec_driver_sql(_END, {"channels": numbers(channels), "why": why[:PROBLEM_MAX]})


async def forget(connection: AsyncConnection, limit: int) -> int:
    """Delete what ended long ago; gives how many."""
    return (await connection.exec_driver_sql(_FORGET, {"limit": limit})).rowcount


def _named(groups: Sequence[Group]) -> dict[str, str]:
    return {"channels": numbers([group.channel for group in groups]), "types": words([group.type for group in groups])}
