"""No receiver, and no number of them, keeps others from being delivered to."""

import pytest

from ledger.kit.ids import new_public
from ledger.webhooks.deliveries.fanout import DELIVERIES, fan_out
from ledger.webhooks.endpoints.service import PLATFORM_MAX
from tests.support.api import Api, fresh, run_sql
from tests.webhooks.delivering import Post, endpoint, number, states, until
from tests.webhooks.receivers import receiving

pytestmark = pytest.mark.anyio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def test_receivers_that_take_their_time_leave_places_to_others(
    api: Api, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They answer well, but slowly, and have much more to come that is older: they hold all places, and whenever some
    of these are free, whoever has none comes first."""
    monkeypatch.setattr("ledger.webhooks.deliveries.courier.ON_THE_WAY_MAX", 4)
    async with receiving(lambda _: 0.4) as slow, receiving() as quick:
        owner = fresh("owner")
        fields = {"secret": SECRET, "owner_id": owner}
        hooks = [await endpoint(api, slow, "credits.granted", **fields) for _ in range(6)]
        wallet = await api.wallet(owner_id=owner)
        for _ in range(10):
            await api.grant(wallet, "1")
        async with post.stint():
            await until(lambda: len(slow.came) >= 4, "the slow ones have all places")
            await endpoint(api, quick, "credits.granted")
            await api.grant(wallet, "1")
            await until(lambda: quick.came, "the quick one has its event")
            waiting = sum(states(api.database_url, number(hook)).get("due", 0) for hook in hooks)
            for hook in hooks:
                await api.send("DELETE", f"/v1/webhook-endpoints/{hook}")
    assert waiting > 40, "it did not have to wait for all that the slow ones had before"


async def test_as_many_endpoints_as_there_may_be_hear_of_a_backlog(api: Api, post: Post) -> None:
    """In transactions that the database has the time for: one that had not would be begun again for ever."""
    made = [new_public("whe")[0] for _ in range(PLATFORM_MAX)]
    run_sql(
        api.database_url,
        "INSERT INTO webhook_endpoints (endpoint, url, events) SELECT unnest(%s::bigint[]), 'https://example.com', '{*}'",
        made,
    )
    run_sql(
        api.database_url,
        "INSERT INTO outbox (wallet_id, event, type, payload, recorded_at)"
        " SELECT 77, event, 'credits.granted', '{}', ledger_now() FROM generate_series(1, 100) event",
    )
    done, more = 0, True
    while more:
        _, more = await fan_out(post.database)
        [(deliveries,)] = run_sql(api.database_url, "SELECT count(*) FROM webhook_deliveries WHERE wallet_id = 77")
        assert deliveries - done <= DELIVERIES
        done = deliveries
    assert done == 100 * PLATFORM_MAX
    run_sql(api.database_url, "TRUNCATE webhook_deliveries CASCADE")
