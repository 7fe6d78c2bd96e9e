"""Events that tell of receivers that fail: a warning after three days, and that an endpoint was disabled."""

from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.chart import HOUSE
from ledger.book.commands import Attempt, Refused, Rider, Tell
from ledger.book.door import Door
from ledger.book.house import open_house
from ledger.errors import RiderConflict
from ledger.events.payloads import EndpointDisabled, EndpointFailing
from ledger.kit.db import Database
from ledger.kit.ids import public
from ledger.webhooks.deliveries.rules import NOTICE
from ledger.webhooks.endpoints.shapes import KIND

log = structlog.get_logger(__name__)

_UNTOLD: Final = """
SELECT * FROM webhook_endpoints WHERE told_at IS NULL
AND (state = 'disabled' AND disabled_for <> 'request' OR state = 'enabled' AND warned_at IS NOT NULL)
ORDER BY endpoint LIMIT 100"""

_TOLD: Final = """
UPDATE webhook_endpoints SET told_at = ledger_now()
WHERE endpoint = %(endpoint)s AND state = %(state)s AND told_at IS NULL"""


async def tell(database: Database, door: Door) -> int:
    """Tell of endpoints that fail and of which nobody was told; gives of how many. However often it is tried, it is
    told once."""
    rows = await database.retrying(_untold)
    if rows:
        await database.retrying(open_house)
    for row in rows:
        of_type, data = _event(row)
        mark = Rider(sql=_TOLD, params={"endpoint": row.endpoint, "state": row.state})
        command = Tell(wallet_id=HOUSE, of_type=of_type, data=data)
        key = f"{of_type}/{row.endpoint}/{row.failing_since or row.disabled_at}"
        attempt = Attempt(command=command, key=key, namespace="job", actor="system", riders=(mark,))
        [outcome] = await door.submit([attempt])
        if isinstance(outcome, Refused) and not isinstance(outcome.error, RiderConflict):  # somebody else told it
            log.error("webhook.not_told", type=of_type, endpoint=row.endpoint, why=str(outcome.error))
    return len(rows)


async def _untold(connection: AsyncConnection) -> Sequence[Row[Any]]:
    return (await connection.exec_driver_sql(_UNTOLD)).all()


def _event(row: Row[Any]) -> tuple[str, EndpointFailing | EndpointDisabled]:
    about = {
        "endpoint_id": public(KIND, row.endpoint),
        "owner_id": row.owner_id,
        "failing_since": row.failing_since,
    }
    if row.state == "disabled":
        return "webhook_endpoint.disabled", EndpointDisabled(disabled_for=row.disabled_for, **about)
    return "webhook_endpoint.failing", EndpointFailing(disables_at=row.warned_at + NOTICE, **about)
