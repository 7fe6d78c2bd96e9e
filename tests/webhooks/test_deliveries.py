"""Deliveries are looked at, sent again, and tried."""

from typing import Any

import pytest

from ledger.settings import Settings
from tests.support.api import Api, fresh, make_key, run_sql, running
from tests.webhooks.delivering import Post, endpoint, number, states
from tests.webhooks.receivers import OK, in_turn, receiving, reply

pytestmark = pytest.mark.anyio

HOOKS = "/v1/webhook-endpoints"


async def deliveries(api: Api, hook: str, **params: Any) -> list[dict[str, Any]]:
    found = await api.get(f"{HOOKS}/{hook}/deliveries", **params)
    assert found.status_code == 200, found.text
    return list(found.json()["items"])


async def test_the_log_shows_request_and_answer(api: Api, post: Post) -> None:
    """Each attempt with its answer; the body is what was sent."""
    async with receiving(in_turn(reply(500, body=b"no \xff"), OK)) as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        await api.wallet("5")
        await post.until(lambda: states(api.database_url, number(hook)) == {"due": 1}, "it failed once")
        [shown] = await deliveries(api, hook)
        assert (shown["state"], shown["attempts"], shown["type"]) == ("due", 1, "credits.granted")
        assert shown["next_attempt_at"] > shown["created_at"]
        again = await api.post(f"/v1/deliveries/{shown['id']}/redeliver")
        assert (again.status_code, again.json()["state"], again.json()["id"]) == (200, "due", shown["id"])
        await post.until(lambda: states(api.database_url, number(hook)) == {"delivered": 1}, "it came")
    found = (await api.get(f"/v1/deliveries/{shown['id']}")).json()
    assert found["request"].encode() == receiver.came[0].body == receiver.came[1].body
    assert found["event_id"] == receiver.came[0].id
    log = [(each["attempt"], each["outcome"], each["status"], each["reply"]) for each in found["log"]]
    assert log == [(1, "status", 500, "no \N{REPLACEMENT CHARACTER}"), (2, "delivered", 200, "thanks")]
    assert (found["next_attempt_at"], found["state"]) == (None, "delivered")
    assert found["finished_at"] > found["created_at"]


async def test_a_time_is_delivered_again(api: Api, post: Post, database_url: str) -> None:
    """What was exhausted; what was missed while the endpoint was disabled; or all of it."""
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        began = (await api.get(f"{HOOKS}/{hook}")).json()["created_at"]
        wallet = await api.wallet()
        for _ in range(3):
            await api.grant(wallet, "1")
        await post.until(lambda: states(database_url, number(hook)) == {"delivered": 3}, "three came")
        await api.send("PATCH", f"{HOOKS}/{hook}", json={"enabled": False})
        await api.grant(wallet, "1")
        await post.courier().run(0.5)
        refused = await api.post(f"{HOOKS}/{hook}/redeliver", {"since": began})
        assert (refused.status_code, refused.json()["code"]) == (409, "WEBHOOK_ENDPOINT_DISABLED")
        await api.send("PATCH", f"{HOOKS}/{hook}", json={"enabled": True})
        run_sql(
            database_url,
            "UPDATE webhook_deliveries SET state = 'exhausted', exhausted_for = 'attempts' WHERE delivery = "
            "(SELECT min(delivery) FROM webhook_deliveries WHERE endpoint = %s)",
            number(hook),
        )
        for which, expected in (("exhausted", 1), ("exhausted", 0), ("missed", 1), ("all", 2)):
            asked = {"since": began, "which": which}
            answer = await api.post(f"{HOOKS}/{hook}/redeliver", asked)
            assert answer.json() == {"deliveries": expected}, which
        await post.until(lambda: states(database_url, number(hook)) == {"delivered": 4}, "all came")
        later = {"since": "2999-01-01T00:00:00Z", "which": "all"}
        assert (await api.post(f"{HOOKS}/{hook}/redeliver", later)).json() == {"deliveries": 0}
    assert len(set(receiver.ids())) == 4


async def test_deliveries_are_listed_newest_first(api: Api, post: Post) -> None:
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted", "balance.*")
        wallet = await api.wallet()
        for _ in range(5):
            await api.grant(wallet, "1")
        await post.until(lambda: len(receiver.came) >= 5, "they came")
    ids: list[str] = []
    cursor = None
    while True:
        found = (
            await api.get(
                f"{HOOKS}/{hook}/deliveries", limit=2, type="credits.granted", **({"cursor": cursor} if cursor else {})
            )
        ).json()
        ids += [each["id"] for each in found["items"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert len(ids) == 5
    assert ids == sorted(ids, reverse=True)
    assert await deliveries(api, hook, state="exhausted") == []


async def test_a_test_event_is_sent_at_once(api: Api, secret_keys: str, database_url: str) -> None:
    """It says how it was taken, also where nobody takes it; nothing is stored."""
    before = run_sql(database_url, "SELECT count(*) FROM outbox")
    async with receiving(in_turn(OK, reply(404, body=b"who?"), 9.0)) as receiver:
        hook = await endpoint(api, receiver)
        taken = (await api.post(f"{HOOKS}/{hook}/test")).json()
        assert (taken["delivered"], taken["attempt"]["outcome"], taken["attempt"]["status"]) == (True, "delivered", 200)
        assert receiver.came[0].event["type"] == "webhook_endpoint.test"
        assert taken["request"].encode() == receiver.came[0].body
        assert taken["event_id"] == receiver.came[0].id
        refused = (await api.post(f"{HOOKS}/{hook}/test")).json()
        assert (refused["delivered"], refused["attempt"]["status"], refused["attempt"]["reply"]) == (False, 404, "who?")
    nobody = (await api.post(f"{HOOKS}/{hook}/test")).json()
    assert (nobody["delivered"], nobody["attempt"]["outcome"]) == (False, "connect")
    async with running(database_url, Settings(database_url=database_url, secret_keys=secret_keys)) as app:
        strict = Api(app, make_key(database_url, "admin")[1], database_url)
        inward = (await strict.post(f"{HOOKS}/{hook}/test")).json()
        assert (inward["delivered"], inward["attempt"]["outcome"]) == (False, "refused")
        await strict.client.aclose()
    assert run_sql(database_url, "SELECT count(*) FROM outbox") == before


@pytest.mark.parametrize(
    "path", ["/v1/deliveries/whd_7zzzzzzzzzz", "/v1/deliveries/x", f"{HOOKS}/whe_00000000001/deliveries"]
)
async def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    assert (await api.get(path)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"since": "2026-01-01T00:00:00Z", "which": "some"}],
)
async def test_bad_times_are_refused(api: Api, body: dict[str, Any]) -> None:
    async with receiving() as receiver:
        hook = await endpoint(api, receiver)
    refused = await api.post(f"{HOOKS}/{hook}/redeliver", body)
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_REQUEST")


async def test_only_admins_see_deliveries(api: Api, database_url: str) -> None:
    reader = make_key(database_url, "read", "write", client=fresh("client"))[1]
    for path in (f"{HOOKS}/whe_00000000001/deliveries", "/v1/deliveries/whd_7zzzzzzzzzz"):
        answer = await api.client.get(path, headers={"Authorization": f"Bearer {reader}"})
        assert answer.status_code == 403


@pytest.mark.parametrize("query", ["type=%00", "type=a%00b", "type=%ff", "state=%00", "cursor=%00", "limit=%00"])
async def test_no_query_breaks_the_list(api: Api, query: str) -> None:
    async with receiving() as receiver:
        hook = await endpoint(api, receiver)
    answer = await api.client.get(f"{HOOKS}/{hook}/deliveries?{query}")
    assert answer.status_code in (200, 400), answer.text
