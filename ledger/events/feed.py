"""Positions: the one order in which everybody hears of events, and how consumers read by it.

Events of a wallet are numbered without a gap, but transactions commit in any order. So an event gets its position when
it is there to be seen: whoever has read up to a position has missed nothing below it. One worker at a time gives them.

A consumer is a row: its name, and the position up to which it has read. It moves that in the transaction in which it
writes what it made of the events, so it hears of each once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

BATCH: Final = 1000

# Where nothing is new nothing is locked either: a lock is written, and its commit waits for the disk.
_LOCK: Final = """
SELECT last FROM feed WHERE EXISTS (SELECT FROM outbox WHERE position IS NULL) FOR UPDATE SKIP LOCKED"""

# After the lock, in a statement of its own: it must see what was committed before the lock was free.
#
# A wallet's events get their positions in their order, though the clock was set back between them: as many as there are
# among the first by time, but those with the lowest numbers that have none. They are found from there downwards, by
# the key: a wallet whose clock was not set back costs one look.
_ADVANCE: Final = """
WITH RECURSIVE due AS (
    SELECT wallet_id, min(event) AS event, count(*) AS events
    FROM (SELECT wallet_id, event FROM outbox WHERE position IS NULL
        ORDER BY recorded_at, wallet_id, event LIMIT %(limit)s) AS first GROUP BY wallet_id),
down AS (
    SELECT wallet_id, event, events FROM due
    UNION ALL
    SELECT d.wallet_id, d.event - 1, d.events FROM down d CROSS JOIN LATERAL (
        SELECT position FROM outbox WHERE wallet_id = d.wallet_id AND event = d.event - 1 LIMIT 1) o
    WHERE o.position IS NULL),
new AS (
    SELECT wallet_id, event, row_number() OVER (ORDER BY at, wallet_id, event) AS place
    FROM (SELECT o.wallet_id, o.event, max(o.recorded_at) OVER (PARTITION BY o.wallet_id ORDER BY o.event) AS at
        FROM (SELECT wallet_id, min(event) AS event, max(events) AS events FROM down GROUP BY wallet_id) first
        CROSS JOIN LATERAL (
            SELECT wallet_id, event, recorded_at FROM outbox
            WHERE wallet_id = first.wallet_id AND event >= first.event ORDER BY event LIMIT first.events) o) AS o),
placed AS (
    UPDATE outbox o SET position = %(last)s::bigint + new.place FROM new
    WHERE o.wallet_id = new.wallet_id AND o.event = new.event AND o.position IS NULL RETURNING 1)
UPDATE feed SET last = last + (SELECT count(*) FROM placed) RETURNING last - %(last)s::bigint"""

_SPAN: Final = """
SELECT c.position, least(c.position + %(limit)s, f.last) FROM consumers c CROSS JOIN feed f
WHERE c.name = %(name)s AND c.position < f.last FOR UPDATE OF c SKIP LOCKED"""

_NEXT: Final = """
SELECT position, wallet_id, event, type, payload, recorded_at FROM outbox
WHERE position > %(after)s AND position <= %(upto)s ORDER BY position"""

_MOVE: Final = "UPDATE consumers SET position = %(position)s WHERE name = %(name)s"


class Event(NamedTuple):
    """An event as it is stored. ``payload``: the bytes that everybody gets, as text."""

    position: int
    wallet_id: int
    event: int
    type: str
    payload: str
    recorded_at: datetime


async def advance(connection: AsyncConnection, *, limit: int = BATCH) -> int:
    """Give positions to events that have none; gives to how many (0 where somebody else is at it)."""
    last = (await connection.exec_driver_sql(_LOCK)).scalar_one_or_none()
    if last is None:
        return 0
    return int((await connection.exec_driver_sql(_ADVANCE, {"last": last, "limit": limit})).scalar_one())


async def span(connection: AsyncConnection, consumer: str, *, limit: int = BATCH) -> tuple[int, int] | None:
    """What is next for ``consumer``, and for nobody else meanwhile: the events behind the first of these positions, up
    to the second. None where there are none, or somebody else is at it.

    Call ``passed`` in the same transaction.
    """
    found: Any = (await connection.exec_driver_sql(_SPAN, {"name": consumer, "limit": limit})).one_or_none()
    return None if found is None else (found[0], found[1])


async def take(connection: AsyncConnection, consumer: str, *, limit: int = BATCH) -> Sequence[Event]:
    """As ``span``, the events themselves."""
    found = await span(connection, consumer, limit=limit)
    if found is None:
        return ()
    rows: Any = await connection.exec_driver_sql(_NEXT, {"after": found[0], "upto": found[1]})
    return [Event(*row) for row in rows]


async def passed(connection: AsyncConnection, consumer: str, position: int) -> None:
    """``consumer`` has heard of all up to this position."""
    await connection.exec_driver_sql(_MOVE, {"name": consumer, "position": position})
