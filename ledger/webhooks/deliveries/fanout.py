"""Deliveries for events, by who wants them.

The consumer ``webhooks`` reads the events by their positions, and moves on in the transaction that writes the
deliveries: there is one for each event and endpoint, whoever dies.

An endpoint hears of what was told since it was made, and of nothing that is told while it is disabled.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.events import feed
from ledger.kit import failpoints
from ledger.kit.db import Database

CONSUMER: Final = "webhooks"

WANTED: Final = """
(e.wallet_id IS NULL OR e.wallet_id = o.wallet_id) AND e.events && ARRAY['*', o.type, split_part(o.type, '.', 1) || '.*', regexp_replace(o.type, '[^.]+$', '*')]"""
"""Whether an endpoint ``e`` has a pattern for an event ``o``."""

_FAN_OUT: Final = f"""
INSERT INTO webhook_deliveries (endpoint, wallet_id, event, type, due_at, created_at)
SELECT e.endpoint, o.wallet_id, o.event, o.type, t.now, t.now
FROM (SELECT ledger_now() AS now) t CROSS JOIN outbox o
LEFT JOIN wallet_settings w ON w.wallet_id = o.wallet_id
CROSS JOIN LATERAL (
    SELECT * FROM webhook_endpoints WHERE owner_id IS NULL
    UNION ALL SELECT * FROM webhook_endpoints WHERE owner_id = w.owner_id) e
WHERE o.position > %(after)s AND o.position <= %(last)s
    AND e.state = 'enabled' AND e.created_at <= o.recorded_at AND {WANTED}
ORDER BY o.position
ON CONFLICT (endpoint, wallet_id, event) DO NOTHING"""


async def fan_out(database: Database, *, limit: int = feed.BATCH) -> int:
    """Give positions to new events, and make deliveries of the next ones; gives how many events that were."""

    async def work(connection: AsyncConnection) -> int:
        await feed.advance(connection, limit=limit)
        span = await feed.span(connection, CONSUMER, limit=limit)
        if span is None:
            return 0
        after, last = span
        await connection.exec_driver_sql(_FAN_OUT, {"after": after, "last": last})
        await feed.passed(connection, CONSUMER, last)
        await failpoints.reach("webhooks.before_fan_out")
        return last - after

    return await database.retrying(work)
