"""Where secrets cannot be read: nothing is sent, nothing is lost, and nothing grows for ever."""

from pathlib import Path

import pytest

from ledger.kit.secret_keys import new_key
from ledger.settings import Settings
from tests.support.api import Api, make_key, run_sql, running
from tests.support.waiting import until as soon
from tests.webhooks.delivering import Post, ahead, endpoint, number, post_at, states
from tests.webhooks.receivers import receiving
from tests.workers.test_workers import Workers

pytestmark = pytest.mark.anyio

LOG = (
    "SELECT attempt, outcome FROM webhook_attempts JOIN webhook_deliveries USING (delivery)"
    " WHERE endpoint = %s ORDER BY attempt"
)


async def test_a_secret_that_cannot_be_read_is_one_line_in_the_log(api: Api, post: Post, database_url: str) -> None:
    """It is looked at each minute for as long as that is so; the log has the last look, not all of them."""
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        await api.wallet("5")
        async with post_at(database_url, new_key()) as other:
            for looks in range(1, 6):
                sql = "SELECT attempts FROM webhook_deliveries WHERE endpoint = %s AND state = 'due'"
                await other.until(
                    lambda looks=looks, sql=sql: run_sql(database_url, sql, number(hook)) == [(looks,)],  # type: ignore[misc]
                    f"look {looks}",
                )
                ahead(database_url, 100)
        assert run_sql(database_url, LOG, number(hook)) == [(5, "unsigned")]
        await post.until(lambda: states(database_url, number(hook)) == {"delivered": 1}, "the key is there")
    assert run_sql(database_url, LOG, number(hook)) == [(5, "unsigned"), (6, "delivered")]


async def test_without_any_key_events_are_read_all_the_same(database_url: str, redis_url: str, tmp_path: Path) -> None:
    """What no consumer has read is kept for ever: a service without webhooks would never forget an event."""
    async with running(database_url, Settings(database_url=database_url)) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        for _ in range(3):
            await api.wallet("5")
        await api.client.aclose()
    workers = Workers(database_url, redis_url, tmp_path)
    told = "SELECT f.last > 0 AND c.position = f.last FROM feed f, consumers c WHERE c.name = %s"
    try:
        workers.start()
        for consumer in ("notifications", "webhooks"):
            soon(lambda consumer=consumer: run_sql(database_url, told, consumer) == [(True,)], consumer)  # type: ignore[misc]
    finally:
        workers.kill()
