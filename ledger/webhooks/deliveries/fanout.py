"""Deliveries for events, by who wants them.

The consumer ``webhooks`` reads the events by their positions, and moves on in the transaction that writes the
deliveries: there is one for each event and endpoint, whoever dies.

An endpoint hears of what was told since it was made, and of nothing that is told while it is disabled. What was told
before that, and is only looked at now, waits for it as what had been looked at does.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.events import feed
from ledger.kit import failpoints
from ledger.kit.db import Database
from ledger.webhooks.endpoints.service import OWNER_MAX

CONSUMER: Final = "webhooks"

DELIVERIES: Final = 25_000
"""That one transaction makes, at most, unless a single event has more: with the 1,000 events of a batch, as many
endpoints as there may be would need minutes, and the same batch would be begun again for ever."""

WANTED: Final = """
(e.wallet_id IS NULL OR e.wallet_id = o.wallet_id)
AND e.events && ARRAY['*', o.type, split_part(o.type, '.', 1) || '.*', regexp_replace(o.type, '[^.]+$', '*')]"""
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
    AND (e.state = 'enabled' OR (e.state = 'disabled' AND o.recorded_at < e.disabled_at))
    AND e.created_at <= o.recorded_at AND {WANTED}
ORDER BY o.position
ON CONFLICT (endpoint, wallet_id, event) DO NOTHING"""


_EVENTS: Final = f"""
SELECT greatest({DELIVERIES} / (count(*) + {OWNER_MAX}), 1) FROM webhook_endpoints
WHERE owner_id IS NULL AND state <> 'deleted'"""
"""Of how many events the deliveries are that one transaction has the time for."""


async def fan_out(database: Database, *, limit: int = feed.BATCH) -> tuple[int, bool]:
    """Give positions to new events, and make deliveries of the next ones; gives how many events that were, and whether
    there may be more."""

    async def work(connection: AsyncConnection) -> tuple[int, bool]:
        await feed.advance(connection, limit=limit)
        found = await feed.span(connection, CONSUMER, limit=limit)
        if found is None:
            return 0, False
        after, last = found
        most: int = (await connection.exec_driver_sql(_EVENTS)).scalar_one()
        upto = min(last, after + most)
        await connection.exec_driver_sql(_FAN_OUT, {"after": after, "last": upto})
        await feed.passed(connection, CONSUMER, upto)
        await failpoints.reach("webhooks.before_fan_out")
        return upto - after, upto < last or last - after == limit

    return await database.retrying(work)
