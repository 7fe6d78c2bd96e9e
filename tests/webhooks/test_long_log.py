"""Delivering again what was told in a time, from a log that is far longer than that."""

from datetime import datetime

import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.webhooks.deliveries.service import redeliver_some
from ledger.webhooks.deliveries.shapes import Again
from tests.support.api import Api, run_sql
from tests.webhooks.delivering import Post, endpoint, number, states
from tests.webhooks.receivers import receiving

pytestmark = pytest.mark.anyio

MANY = 400_000
TELL = """
WITH told AS (
    INSERT INTO outbox (wallet_id, event, type, payload, recorded_at, position)
    SELECT 78, n, 'credits.granted', '{}', ledger_now() - make_interval(days => %s), f.last + n
    FROM feed f, generate_series(1, %s) n)
UPDATE feed SET last = last + %s"""


async def test_only_its_time_is_looked_at(api: Api, post: Post) -> None:
    """However much there is before it, each statement has the time that it needs: here, a fiftieth of the usual."""
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        wallet = await api.wallet("5")
        await post.until(lambda: states(api.database_url, number(hook)) == {"delivered": 1}, "delivered")
        run_sql(api.database_url, TELL, 30, MANY, MANY)
        run_sql(api.database_url, "UPDATE consumers SET position = (SELECT last FROM feed)")
        since: datetime = run_sql(api.database_url, "SELECT ledger_now()")[0][0]
        await api.send("PATCH", f"/v1/webhook-endpoints/{hook}", json={"events": ["balance.*"]})
        await api.grant(wallet, "1")
        await post.courier().run(0.5)
        await api.send("PATCH", f"/v1/webhook-endpoints/{hook}", json={"events": ["credits.granted"]})
        run_sql(api.database_url, "ANALYZE outbox")
        brief = Database(api.database_url, pool_size=1, role=SERVICE_ROLE, statement_timeout_ms=100)
        try:
            for which, found in (("exhausted", 0), ("missed", 1), ("all", 0)):
                again = Again(since=since, which=which)  # type: ignore[arg-type]
                until = datetime.max.replace(tzinfo=since.tzinfo)
                assert await redeliver_some(brief, number(hook), again, since, until) == found, which
        finally:
            await brief.dispose()
            run_sql(api.database_url, "DELETE FROM webhook_deliveries WHERE wallet_id = 78")
    assert states(api.database_url, number(hook)) == {"delivered": 1, "due": 1}
