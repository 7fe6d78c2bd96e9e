"""Forgetting what was told long ago: a prefix of the positions, and the feed remembers up to where.

Nothing is forgotten that a consumer has not read, or that is still to be delivered to somebody.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database

LATE_DAYS: Final = 7
BATCH: Final = 2_000
"""Positions that one transaction looks at."""

_FEED: Final = """
SELECT gone, least(gone + %(batch)s, last, (SELECT min(position) FROM consumers)) FROM feed FOR UPDATE"""

_LOCK: Final = """
SELECT count(*) FROM (SELECT FROM outbox WHERE position > %(gone)s AND position <= %(upto)s FOR UPDATE) AS locked"""

# What is to be delivered is the webhooks' to know: of them nothing but this table is read here.
_STOP: Final = """
SELECT o.position, o.recorded_at, o.recorded_at < ledger_now() - make_interval(days => %(days)s + %(late)s) AS late
FROM outbox o
WHERE o.position > %(gone)s AND o.position <= %(upto)s AND (
    o.recorded_at >= ledger_now() - make_interval(days => %(days)s)
    OR EXISTS (SELECT FROM webhook_deliveries d
        WHERE d.wallet_id = o.wallet_id AND d.event = o.event AND d.state IN ('due', 'sending')))
ORDER BY o.position LIMIT 1"""

_FORGET: Final = """
WITH forgotten AS (
    DELETE FROM outbox WHERE position > %(gone)s AND position <= %(upto)s RETURNING 1)
UPDATE feed SET gone = %(upto)s RETURNING (SELECT count(*) FROM forgotten)"""


class Forgotten(NamedTuple):
    """``events`` that were forgotten; ``held_back``: when the first that had to stay was recorded, where that is a week
    longer ago than it should be, since something waits for ever."""

    events: int
    held_back: datetime | None


async def forget(database: Database, days: int, *, batch: int = BATCH, batches: int = 500) -> Forgotten:
    """Forget events that are older than ``days``, a batch a transaction, and ``batches`` at most."""

    async def some(connection: AsyncConnection) -> tuple[int, datetime | None, bool]:
        return await _forget_some(connection, days, batch)

    events, held_back = 0, None
    for _ in range(batches):
        gone, held_back, more = await database.retrying(some)
        events += gone
        if not more:
            break
    return Forgotten(events, held_back)


async def _forget_some(connection: AsyncConnection, days: int, batch: int) -> tuple[int, datetime | None, bool]:
    """How many, since when the next is held back, and whether there may be more to forget."""
    feed: Any = (await connection.exec_driver_sql(_FEED, {"batch": batch})).one()
    gone, upto = feed
    if upto <= gone:
        return 0, None, False
    span = {"gone": gone, "upto": upto}
    # Whoever has an event delivered again holds it until that is there to be seen.
    await connection.exec_driver_sql(_LOCK, span)
    stop: Any = (await connection.exec_driver_sql(_STOP, span | {"days": days, "late": LATE_DAYS})).one_or_none()
    if stop is not None:
        span["upto"] = stop.position - 1
    held_back = stop.recorded_at if stop is not None and stop.late else None
    if span["upto"] == gone:
        return 0, held_back, False
    done: Any = (await connection.exec_driver_sql(_FORGET, span)).one()
    assert done[0] == span["upto"] - gone, f"{done[0]} events had the positions {gone + 1} to {span['upto']}"
    return done[0], held_back, stop is None
