"""Forgetting what was told long ago: a prefix of the positions, and the feed remembers up to where.

Deliveries and their attempts go with their events, in the same transaction: one that were left alone could not say what
it delivered, and an event that were left alone would be missed by whoever has had it.

Nothing is forgotten that a consumer has not read, or that is still to be delivered to somebody: but who was disabled on
request for longer than events are kept is waited for no more.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.arrays import numbers
from ledger.kit.db import Database

LATE_DAYS: Final = 7
BATCH: Final = 2_000
"""Positions that one transaction looks at."""

DELIVERIES: Final = 5_000
"""Deliveries that one transaction deletes, unless a single event has more."""

_FEED: Final = """
SELECT gone, least(gone + %(batch)s, last, (SELECT min(position) FROM consumers)) FROM feed FOR UPDATE"""

# Until the end of the transaction nobody enables them.
_ABANDONED: Final = """
SELECT endpoint FROM webhook_endpoints WHERE state = 'disabled' AND disabled_for = 'request'
    AND disabled_at < ledger_now() - make_interval(days => %(days)s) ORDER BY endpoint FOR SHARE"""

# Whoever has an event delivered again holds it until that is there to be seen: it is not waited for, and what is behind
# it stays too.
_LOCK: Final = """
SELECT count(*) FILTER (WHERE position = %(gone)s + place) FROM (
    SELECT position, row_number() OVER (ORDER BY position) AS place FROM (
        SELECT position FROM outbox WHERE position > %(gone)s AND position <= %(upto)s
        ORDER BY position FOR UPDATE SKIP LOCKED) AS locked) AS placed"""

# What is to be delivered is the webhooks' to know: of them nothing but these tables is touched here.
_STOP: Final = """
SELECT o.position, o.recorded_at, o.recorded_at < ledger_now() - make_interval(days => %(days)s + %(late)s) AS late
FROM outbox o
WHERE o.position > %(gone)s AND o.position <= %(upto)s AND (
    o.recorded_at >= ledger_now() - make_interval(days => %(days)s)
    OR EXISTS (SELECT FROM webhook_deliveries d
        WHERE d.wallet_id = o.wallet_id AND d.event = o.event AND d.state IN ('due', 'sending')
            AND d.endpoint <> ALL(%(abandoned)s::bigint[])))
ORDER BY o.position LIMIT 1"""

_FULL: Final = """
SELECT min(position) FROM (
    SELECT o.position, sum(d.many) OVER (ORDER BY o.position) AS deliveries FROM outbox o
    CROSS JOIN LATERAL (
        SELECT count(*) AS many FROM webhook_deliveries WHERE wallet_id = o.wallet_id AND event = o.event) d
    WHERE o.position > %(gone)s AND o.position <= %(upto)s) AS summed
WHERE deliveries >= %(deliveries)s"""

_DELIVERIES: Final = """
DELETE FROM webhook_deliveries d USING outbox o
WHERE o.position > %(gone)s AND o.position <= %(upto)s AND d.wallet_id = o.wallet_id AND d.event = o.event
RETURNING d.endpoint, d.state IN ('due', 'sending')"""

_FORGET: Final = """
WITH forgotten AS (
    DELETE FROM outbox WHERE position > %(gone)s AND position <= %(upto)s RETURNING 1)
UPDATE feed SET gone = %(upto)s RETURNING (SELECT count(*) FROM forgotten)"""


class Forgotten(NamedTuple):
    """``events`` that were forgotten; ``held_back``: when the first that had to stay was recorded, where that is a week
    longer ago than it should be, since something waits for ever; ``deliveries`` that went with the events;
    ``given_up``: to which endpoints some of these still waited, one for each: they have been disabled for too long."""

    events: int
    held_back: datetime | None
    deliveries: int = 0
    given_up: tuple[int, ...] = ()


async def forget(
    database: Database, days: int, *, batch: int = BATCH, deliveries: int = DELIVERIES, batches: int = 500
) -> Forgotten:
    """Forget events that are older than ``days`` with what was delivered of them, a batch a transaction, and
    ``batches`` at most."""

    async def some(connection: AsyncConnection) -> tuple[Forgotten, bool]:
        return await _forget_some(connection, days, batch, deliveries)

    total = Forgotten(0, None)
    for _ in range(batches):
        done, more = await database.retrying(some)
        total = Forgotten(
            total.events + done.events,
            done.held_back,
            total.deliveries + done.deliveries,
            total.given_up + done.given_up,
        )
        if not more:
            break
    return total


async def _forget_some(connection: AsyncConnection, days: int, batch: int, deliveries: int) -> tuple[Forgotten, bool]:
    """What was forgotten, and whether there may be more to forget."""
    feed: Any = (await connection.exec_driver_sql(_FEED, {"batch": batch})).one()
    gone, wanted = feed
    if wanted <= gone:
        return Forgotten(0, None), False
    found = await connection.exec_driver_sql(_ABANDONED, {"days": days})
    abandoned = numbers(found.scalars())
    span: dict[str, Any] = {"gone": gone, "upto": wanted}
    locked: int = (await connection.exec_driver_sql(_LOCK, span)).scalar_one()
    span["upto"] = gone + locked
    about = {"days": days, "late": LATE_DAYS, "abandoned": abandoned}
    stop: Any = (await connection.exec_driver_sql(_STOP, span | about)).one_or_none()
    if stop is not None:
        span["upto"] = stop.position - 1
    held_back = stop.recorded_at if stop is not None and stop.late else None
    full: int | None = (await connection.exec_driver_sql(_FULL, span | {"deliveries": deliveries})).scalar_one()
    if full is not None:
        span["upto"] = full
    if span["upto"] == gone:
        return Forgotten(0, held_back), False
    delivered: Any = (await connection.exec_driver_sql(_DELIVERIES, span)).all()
    count: int = (await connection.exec_driver_sql(_FORGET, span)).scalar_one()
    assert count == span["upto"] - gone, f"{count} events had the positions {gone + 1} to {span['upto']}"
    given_up = tuple(endpoint for endpoint, waited in delivered if waited)
    return Forgotten(count, held_back, len(delivered), given_up), span["upto"] == wanted or full is not None
