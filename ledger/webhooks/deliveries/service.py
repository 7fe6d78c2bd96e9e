"""What people do with deliveries: look at them, have them sent again, and try an endpoint."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import EventsExpired, NotFound, SecretKeysMissing, WebhookEndpointDisabled
from ledger.events.catalogue import payload_of
from ledger.events.payloads import EndpointTest
from ledger.events.read import positions
from ledger.kit import clock
from ledger.kit.db import Database
from ledger.kit.egress.client import Egress
from ledger.kit.ids import parse_public, public
from ledger.kit.outbox import outbox
from ledger.kit.secret_keys import SecretKeys
from ledger.webhooks.deliveries.fanout import WANTED
from ledger.webhooks.deliveries.send import reply_of, send
from ledger.webhooks.deliveries.shapes import (
    KIND,
    Again,
    Delivery,
    DeliveryWithLog,
    Tested,
    attempt,
    delivery,
    with_log,
)
from ledger.webhooks.deliveries.store import Tried
from ledger.webhooks.endpoints import store as endpoints
from ledger.webhooks.endpoints.shapes import KIND as ENDPOINT
from ledger.webhooks.tables import webhook_attempts, webhook_deliveries

PIECE: Final = 5_000
"""Events that one transaction looks at."""

TEST: Final = "webhook_endpoint.test"

_d, _o, _a = webhook_deliveries.c, outbox.c, webhook_attempts.c
_EVENT: Final = webhook_deliveries.outerjoin(outbox, (_o.wallet_id == _d.wallet_id) & (_o.event == _d.event))

_AGAIN: Final = """
UPDATE webhook_deliveries SET state = 'due', round = attempts, due_at = ledger_now(), finished_at = NULL,
    exhausted_for = NULL
WHERE delivery IN (
    SELECT d.delivery FROM outbox o JOIN webhook_deliveries d
        ON d.endpoint = %(endpoint)s AND d.wallet_id = o.wallet_id AND d.event = o.event
    WHERE o.position > %(after)s AND o.position <= %(upto)s AND d.state = ANY(%(states)s)
        AND o.recorded_at >= %(since)s AND o.recorded_at < %(until)s
    ORDER BY d.delivery FOR KEY SHARE OF o)
    AND state = ANY(%(states)s)
RETURNING delivery"""
"""Whoever forgets an event while this waits for it has taken its delivery along."""

_MISSED: Final = f"""
INSERT INTO webhook_deliveries (endpoint, wallet_id, event, type, due_at, created_at)
SELECT e.endpoint, o.wallet_id, o.event, o.type, t.now, t.now
FROM (SELECT ledger_now() AS now) t CROSS JOIN webhook_endpoints e CROSS JOIN consumers c CROSS JOIN outbox o
LEFT JOIN wallet_settings w ON w.wallet_id = o.wallet_id
WHERE e.endpoint = %(endpoint)s AND c.name = 'webhooks' AND o.position > %(after)s
    AND o.position <= least(%(upto)s, c.position)
    AND o.recorded_at >= %(since)s AND o.recorded_at < %(until)s
    AND (e.owner_id IS NULL OR e.owner_id = w.owner_id) AND {WANTED}
    AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d
        WHERE d.endpoint = e.endpoint AND d.wallet_id = o.wallet_id AND d.event = o.event)
ORDER BY o.position FOR KEY SHARE OF o
ON CONFLICT (endpoint, wallet_id, event) DO NOTHING
RETURNING delivery"""


def number_of(delivery_id: str) -> int:
    """Raises NotFound."""
    return parse_public(KIND, delivery_id, "delivery")


async def listed(
    connection: AsyncConnection, endpoint: int, state: str | None, type_: str | None, before: int | None, limit: int
) -> Sequence[Row[Any]]:
    """Deliveries to an endpoint, the newest first, from those before this one. Raises NotFound."""
    if await endpoints.find(connection, endpoint) is None:
        raise NotFound("there is no such webhook endpoint")
    statement = select(webhook_deliveries, _o.recorded_at).select_from(_EVENT).where(_d.endpoint == endpoint)
    if state is not None:
        statement = statement.where(_d.state == state)
    if type_ is not None:
        statement = statement.where(_d.type == type_)
    if before is not None:
        statement = statement.where(_d.delivery < before)
    return (await connection.execute(statement.order_by(_d.delivery.desc()).limit(limit))).all()


async def get(connection: AsyncConnection, number: int) -> DeliveryWithLog:
    """A delivery with its log. Raises NotFound."""
    row = await _row(connection, number)
    log = select(webhook_attempts).where(_a.delivery == number).order_by(_a.attempt)
    return with_log(row, (await connection.execute(log)).all())


async def redeliver(database: Database, number: int) -> Delivery:
    """A delivery that is due at once, with as many attempts as a new one; one that is on its way is left
    alone. Raises NotFound, WebhookEndpointDisabled, EventsExpired."""

    async def work(connection: AsyncConnection) -> Delivery:
        row = await _row(connection, number)
        await _enabled(connection, row.endpoint)
        held = select(_o.event).where(_o.wallet_id == row.wallet_id, _o.event == row.event)
        if (await connection.execute(held.with_for_update(read=True, key_share=True))).first() is None:
            raise EventsExpired("the event is not kept any more, so it cannot be delivered again")
        again = webhook_deliveries.update().where(_d.delivery == number, _d.state != "sending")
        due = {"state": "due", "round": _d.attempts, "due_at": func.ledger_now()}
        await connection.execute(again.values(finished_at=None, exhausted_for=None, **due))
        return delivery(await _row(connection, number))

    return await database.retrying(work)


async def redeliver_some(database: Database, endpoint: int, again: Again, since: datetime, until: datetime) -> int:
    """Deliveries of a time that are due again; gives how many. Raises NotFound, WebhookEndpointDisabled."""

    async def begin(connection: AsyncConnection) -> tuple[int, int]:
        await _enabled(connection, endpoint)
        return await positions(connection, since, until)

    first, last = await database.retrying(begin)
    states = [state for state in ("exhausted", "delivered") if again.which in (state, "all")]
    found = 0
    for after in range(first - 1, last, PIECE):
        span = {"endpoint": endpoint, "since": since, "until": until, "after": after, "upto": min(after + PIECE, last)}

        async def work(connection: AsyncConnection, span: dict[str, Any] = span) -> int:
            done = len(await _run(connection, _AGAIN, span | {"states": states})) if states else 0
            return done + (len(await _run(connection, _MISSED, span)) if again.which in ("missed", "all") else 0)

        found += await database.retrying(work)
    return found


async def test(database: Database, egress: Egress, keys: SecretKeys, endpoint: int) -> Tested:
    """Send a test event now. Nothing of it is kept. Raises NotFound, SecretKeysMissing."""
    async with database.transaction() as connection:
        row = await endpoints.find(connection, endpoint)
        if row is None:
            raise NotFound("there is no such webhook endpoint")
        signing = (await endpoints.live_secrets(connection, keys, [endpoint])).get(endpoint)
        now = await clock.now(connection)
    if signing is None:
        raise SecretKeysMissing("the secret was encrypted by a key that this service does not have")
    id_ = f"evt_test_{secrets.token_hex(8)}"
    data = EndpointTest(endpoint_id=public(ENDPOINT, endpoint))
    body = payload_of(TEST, data, id=id_, at=now, wallet_id=None, number=0, transaction_id=None)
    outcome, answer = await send(egress, row.url, signing, id_, body.encode(), now)
    took_ms = round(answer.took_s * 1000)
    tried = Tried(0, 1, now, row.url, outcome.what, took_ms, outcome.status, reply_of(answer))
    return Tested(delivered=outcome.delivered, event_id=id_, request=body, attempt=attempt(tried))


async def _row(connection: AsyncConnection, number: int) -> Row[Any]:
    statement = select(webhook_deliveries, _o.recorded_at, _o.payload).select_from(_EVENT)
    row = (await connection.execute(statement.where(_d.delivery == number))).one_or_none()
    if row is None:
        raise NotFound("there is no such delivery")
    return row


async def _enabled(connection: AsyncConnection, endpoint: int) -> None:
    row = await endpoints.find(connection, endpoint)
    if row is None:
        raise NotFound("there is no such webhook endpoint")
    if row.state != "enabled":
        raise WebhookEndpointDisabled(
            "the endpoint is disabled: enable it first", endpoint_id=public(ENDPOINT, endpoint)
        )


async def _run(connection: AsyncConnection, sql: str, params: dict[str, Any]) -> Sequence[int]:
    return (await connection.exec_driver_sql(sql, params)).scalars().all()
