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

MANY = 50_000
ROWS_MAX = 2_000
TELL = """
WITH told AS (
    INSERT INTO outbox (wallet_id, event, type, payload, recorded_at, position)
    SELECT 78, n, 'credits.granted', '{}', ledger_now() - make_interval(days => %s), f.last + n
    FROM feed f, generate_series(1, %s) n)
UPDATE feed SET last = last + %s"""

READ = """
SELECT t.seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i WHERE i.relid = t.relid)
FROM pg_stat_user_tables t WHERE relname = 'outbox'"""


async def test_only_its_time_is_looked_at(api: Api, post: Post) -> None:
    """However much there is before it: of the log no more is read than a batch of it."""
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
        counted = Database(api.database_url, pool_size=1, role=SERVICE_ROLE)
        try:
            for which, found in (("exhausted", 0), ("missed", 1), ("all", 0)):
                again = Again(since=since, which=which)  # type: ignore[arg-type]
                until = datetime.max.replace(tzinfo=since.tzinfo)
                before = await read(counted)
                assert await redeliver_some(counted, number(hook), again, since, until) == found, which
                assert await read(counted) - before <= ROWS_MAX, which
        finally:
            await counted.dispose()
            run_sql(api.database_url, "DELETE FROM webhook_deliveries WHERE wallet_id = 78")
            run_sql(api.database_url, "DELETE FROM outbox WHERE wallet_id = 78")
    assert states(api.database_url, number(hook)) == {"delivered": 1, "due": 1}


async def read(database: Database) -> int:
    """How many rows of the log, and of its indexes, were read so far; that of the database's one connection counts."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    async with database.transaction() as connection:
        rows: int = (await connection.exec_driver_sql(READ)).scalar_one()
    return rows
