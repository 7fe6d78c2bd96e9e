"""What waits for endpoints, and what was given up, is seen on the page."""

import pytest

from ledger.webhooks.deliveries.fanout import fan_out
from tests.metrics.reading import figures
from tests.support.api import Api, run_sql
from tests.webhooks.conftest import _post, api, app, post, secret_keys
from tests.webhooks.delivering import Post, ahead, endpoint, number
from tests.webhooks.receivers import receiving

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("always_new")]

__all__ = ["_post", "api", "app", "post", "secret_keys"]


@pytest.fixture(autouse=True)
def nothing_waits(post: Post, database_url: str) -> None:
    run_sql(database_url, "TRUNCATE webhook_deliveries CASCADE")


async def test_a_delivery_waits_grows_old_and_is_sent(api: Api, post: Post) -> None:
    async with receiving() as hook:
        await endpoint(api, hook, "credits.granted")
        await api.wallet("10")
        await fan_out(post.database)
        ahead(api.database_url, 300)
        found = await figures(api)
        assert {"due": 1, "sending": 0} == found["webhook_deliveries"]
        assert found["webhook_due_age_seconds"] == pytest.approx(300, abs=30)
        await post.until(lambda: _of_state(api.database_url, "delivered"), "delivered")
    found = await figures(api)
    assert {"due": 0, "sending": 0} == found["webhook_deliveries"]
    assert 0 == found["webhook_due_age_seconds"]


async def test_what_waits_for_its_owner_is_counted_and_not_late(api: Api, post: Post) -> None:
    """For an endpoint that is disabled on request, or paused."""
    async with receiving() as hook:
        mine = await endpoint(api, hook, "credits.granted")
        await api.wallet("10")
        await fan_out(post.database)
        ahead(api.database_url, 300)
        disabled = (await figures(api))["webhook_disabled_endpoints"]["request"]
        await api.send("PATCH", f"/v1/webhook-endpoints/{mine}", json={"enabled": False})
        found = await figures(api)
        assert (1, 0) == (found["webhook_deliveries"]["due"], found["webhook_due_age_seconds"])
        assert disabled + 1 == found["webhook_disabled_endpoints"]["request"]
        await api.send("PATCH", f"/v1/webhook-endpoints/{mine}", json={"enabled": True})
        assert (await figures(api))["webhook_due_age_seconds"] > 200
        pause = "UPDATE webhook_endpoints SET paused_until = ledger_now() + interval '1 hour' WHERE endpoint = %s"
        run_sql(api.database_url, pause, number(mine))
        assert 0 == (await figures(api))["webhook_due_age_seconds"]


async def test_what_was_given_up_is_counted_for_a_day(api: Api, post: Post) -> None:
    async with receiving() as hook:
        mine = await endpoint(api, hook, "credits.granted")
        await api.wallet("10")
        await fan_out(post.database)
        await api.send("DELETE", f"/v1/webhook-endpoints/{mine}")
        await post.until(lambda: _of_state(api.database_url, "exhausted"), "given up")
    assert {"attempts": 0, "gone": 0, "failing": 0, "deleted": 1} == (await figures(api))["webhook_exhausted"]
    ahead(api.database_url, 25 * 3600)
    assert 0 == (await figures(api))["webhook_exhausted"]["deleted"]


def _of_state(database_url: str, state: str) -> int:
    return int(run_sql(database_url, "SELECT count(*) FROM webhook_deliveries WHERE state = %s", state)[0][0])
