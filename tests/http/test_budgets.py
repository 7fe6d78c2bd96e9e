"""Budgets over HTTP: made, shown with what is spent of them, changed, ended; and what a hard one refuses."""

import json
from typing import Any

import pytest

from tests.http.scene import Scene, refused
from tests.support.api import Api, fresh, run_sql

pytestmark = pytest.mark.anyio


async def make(api: Api, wallet: str, **fields: Any) -> dict[str, Any]:
    made = await api.post(f"/v1/wallets/{wallet}/budgets", {"period": "month", "limit": "100"} | fields)
    assert made.status_code == 201, made.text
    return dict(made.json())


async def use(api: Api, wallet: str, credits: str, service: str = "chat", **fields: Any) -> Any:
    return await api.post(f"/v1/wallets/{wallet}/usage", {"service": service, "credits": credits} | fields)


async def told(api: Api, wallet: str) -> list[tuple[int, str, str]]:
    """The levels that events told of the wallet's budgets: (level, spent, period)."""
    rows = run_sql(
        api.database_url, "SELECT payload FROM outbox WHERE type = 'budget.threshold_reached' ORDER BY event"
    )
    events = [json.loads(payload) for (payload,) in rows]
    return [(e["data"]["level"], e["data"]["spent"], e["data"]["period"]) for e in events if e["wallet_id"] == wallet]


async def test_a_budget_shows_what_is_spent_and_left(api: Api) -> None:
    wallet = await api.wallet("1000", time_zone="Asia/Tokyo")
    made = await make(api, wallet, service="chat", alerts=[100, 50, 50])
    assert (made["service"], made["user_id"], made["alerts"], made["hard"]) == ("chat", None, [50, 100], False)
    assert (made["spent"], made["left"], made["told"], made["time_zone"]) == ("0", "100", [], "Asia/Tokyo")
    assert made["period_start"].endswith("T15:00:00.000000Z")

    await use(api, wallet, "60.5")
    await use(api, wallet, "10", "render")
    path = f"/v1/wallets/{wallet}/budgets/{made['id']}"
    shown = (await api.get(path)).json()

    assert (shown["spent"], shown["left"], shown["told"]) == ("60.5", "39.5", [50])
    assert (await api.get(f"/v1/wallets/{wallet}/budgets")).json() == {"items": [shown], "next_cursor": None}
    assert [(50, "60.5", "month")] == await told(api, wallet)


async def test_a_wallet_that_moves_takes_its_budgets_along(api: Api) -> None:
    """From the next period on, those that it has; one that is made afterwards begins there."""
    wallet = await api.wallet("1000", time_zone="Asia/Tokyo")
    path = f"/v1/wallets/{wallet}"
    made = await make(api, wallet)
    await use(api, wallet, "60")
    assert 200 == (await api.send("PATCH", path, json={"time_zone": "America/New_York"})).status_code
    later = await make(api, wallet, period="day")
    shown = (await api.get(f"{path}/budgets/{made['id']}")).json()
    kept = {name: made[name] for name in ("time_zone", "period_start", "period_end")}
    assert {**kept, "next_time_zone": "America/New_York", "spent": "60", "told": [50]} == {
        name: shown[name] for name in (*kept, "next_time_zone", "spent", "told")
    }
    assert ("America/New_York", None) == (later["time_zone"], later["next_time_zone"])
    back = await api.send("PATCH", path, json={"time_zone": "Asia/Tokyo"})
    assert (200, "Asia/Tokyo") == (back.status_code, back.json()["time_zone"])
    assert None is (await api.get(f"{path}/budgets/{made['id']}")).json()["next_time_zone"]


async def test_what_was_spent_before_counts_and_is_told_at_once(api: Api) -> None:
    """Uses, captures and what came back of them; by service and by member."""
    wallet = await api.wallet("1000")
    first = (await use(api, wallet, "50", metadata={"user_id": "ann"})).json()["transaction"]["id"]
    await api.post(f"/v1/transactions/{first}/refund", {"amount": "5"})
    await use(api, wallet, "20", "render", metadata={"user_id": 7})
    hold = await api.post(f"/v1/wallets/{wallet}/holds", {"amount": 9, "metadata": {"user_id": "ann"}})
    hold_id = hold.json()["hold"]["id"]
    captured = await api.post(f"/v1/holds/{hold_id}/capture", {"amount": 3, "service": "chat"})
    await api.post(f"/v1/transactions/{captured.json()['transaction']['id']}/refund", {"amount": "1"})

    spent = [
        (await make(api, wallet, **about))["spent"]
        for about in (
            {},
            {"service": "chat"},
            {"service": "t"},
            {"user_id": "ann"},
            {"user_id": "7"},
            {"user_id": "bob"},
        )
    ]
    assert ["67", "47", "0", "47", "20", "0"] == spent
    assert [(50, "67", "month")] == await told(api, wallet)
    await use(api, wallet, "1")
    assert [(50, "67", "month")] == await told(api, wallet)


async def test_a_change_tells_what_it_passes_and_rearms_what_it_does_not(api: Api) -> None:
    wallet = await api.wallet("1000")
    path = f"/v1/wallets/{wallet}/budgets/{(await make(api, wallet, alerts=[50, 100]))['id']}"
    await use(api, wallet, "60")

    lowered = await api.send("PATCH", path, json={"limit": "60"})
    assert (lowered.json()["told"], lowered.json()["left"]) == ([50, 100], "0")
    raised = await api.send("PATCH", path, json={"limit": "200", "hard": True})
    assert (raised.json()["told"], raised.json()["hard"]) == ([], True)
    await use(api, wallet, "40")

    assert [(50, "60", "month"), (100, "60", "month"), (50, "100", "month")] == await told(api, wallet)


async def test_a_hard_budget_refuses_with_402(api: Api) -> None:
    """A use, a hold and a capture beyond it; what it has left can be used to the last."""
    wallet = await api.wallet("1000")
    made = await make(api, wallet, limit="10", hard=True, service="chat")
    hold = (await api.post(f"/v1/wallets/{wallet}/holds", {"amount": "8", "service": "chat"})).json()["hold"]["id"]
    assert (await use(api, wallet, "6")).status_code == 201

    refusal = await use(api, wallet, "4.000001")
    assert (refusal.status_code, refusal.json()["code"]) == (402, "CREDIT_LIMIT_EXCEEDED")
    assert refusal.json()["details"] == {"budget": made["id"], "limit": "10", "spent": "6", "left": "4"}
    beyond = await api.post(f"/v1/wallets/{wallet}/holds", {"amount": "5", "service": "chat"})
    assert beyond.json()["code"] == "CREDIT_LIMIT_EXCEEDED"
    assert (await api.post(f"/v1/holds/{hold}/capture", {})).json()["code"] == "CREDIT_LIMIT_EXCEEDED"
    assert (await api.post(f"/v1/holds/{hold}/capture", {"amount": "4"})).status_code == 201
    assert (await use(api, wallet, "100", "render")).status_code == 201

    ended = await api.send("DELETE", f"/v1/wallets/{wallet}/budgets/{made['id']}")
    assert (ended.status_code, ended.json()["spent"], ended.json()["left"]) == (200, "10", "0")
    assert (await use(api, wallet, "4")).status_code == 201
    assert (await api.get(f"/v1/wallets/{wallet}/budgets/{made['id']}")).status_code == 404
    assert [] == (await api.get(f"/v1/wallets/{wallet}/budgets")).json()["items"]


async def test_a_price_is_held_against_the_budget(api: Api) -> None:
    """What the rate card makes of a quantity; a void gives it back, an amendment beyond the limit changes nothing."""
    wallet = await api.wallet("1000")
    path = f"/v1/wallets/{wallet}/budgets/{(await make(api, wallet, limit='8', hard=True))['id']}"
    ten_hours = {"service": "neural_training", "quantity": "10", "dimensions": {"size": "nano"}}
    used = await api.post(f"/v1/wallets/{wallet}/usage", ten_hours)
    assert (used.status_code, (await api.get(path)).json()["spent"]) == (201, "5")
    assert (await api.post(f"/v1/wallets/{wallet}/usage", ten_hours)).json()["code"] == "CREDIT_LIMIT_EXCEEDED"

    event = f"/v1/usage/{used.json()['transaction']['id']}"
    beyond = await api.post(f"{event}/amend", {"quantity": "16.1", "reason": "counted wrong"})
    assert beyond.json()["code"] == "CREDIT_LIMIT_EXCEEDED", beyond.text
    assert "5" == (await api.get(path)).json()["spent"]
    amended = await api.post(f"{event}/amend", {"quantity": "16", "reason": "counted wrong"})
    assert (amended.status_code, (await api.get(path)).json()["spent"]) == (201, "8"), amended.text


async def test_a_key_makes_one_budget(api: Api) -> None:
    """Again under the same key: the same answer, to the byte, even though more is spent by now."""
    wallet = await api.wallet("1000")
    body, key, path = {"period": "day", "limit": 5}, fresh("key"), f"/v1/wallets/{wallet}/budgets"
    first = await api.post(path, body, key=key)
    await use(api, wallet, "1")
    again = await api.post(path, body, key=key)

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "idempotency-replayed" not in first.headers
    assert (again.headers["idempotency-replayed"], again.headers["location"]) == ("true", first.headers["location"])
    assert (await api.post(path, body | {"limit": 6}, key=key)).json()["code"] == "IDEMPOTENCY_CONFLICT"
    assert 1 == len((await api.get(path)).json()["items"])


async def test_pages_of_budgets(api: Api) -> None:
    wallet = await api.wallet()
    made = [(await make(api, wallet, limit=n))["id"] for n in range(1, 6)]
    path, found, cursor = f"/v1/wallets/{wallet}/budgets", [], None
    while True:
        page = (await api.get(path, limit=2, **({"cursor": cursor} if cursor else {}))).json()
        found += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert made == found


async def test_a_wallet_has_so_many_budgets_and_no_more(api: Api) -> None:
    wallet = await api.wallet()
    for _ in range(50):
        await make(api, wallet)
    path = f"/v1/wallets/{wallet}/budgets"
    await refused(api, 400, "INVALID_REQUEST", "POST", path, json={"period": "day", "limit": 1})


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "no period": ("INVALID_REQUEST", {"period": None}),
    "a year": ("INVALID_REQUEST", {"period": "year"}),
    "zero": ("INVALID_AMOUNT", {"limit": "0"}),
    "negative": ("INVALID_AMOUNT", {"limit": -1}),
    "a float": ("INVALID_AMOUNT", {"limit": 1.5}),
    "too fine": ("INVALID_AMOUNT", {"limit": "0.0000001"}),
    "too much": ("INVALID_AMOUNT", {"limit": "1000000000001"}),
    "beyond int64": ("INVALID_AMOUNT", {"limit": 2**70}),
    "both": ("INVALID_REQUEST", {"service": "chat", "user_id": "ann"}),
    "no service name": ("INVALID_REQUEST", {"service": "Chat!"}),
    "empty member": ("INVALID_REQUEST", {"user_id": ""}),
    "long member": ("INVALID_REQUEST", {"user_id": "a" * 256}),
    "alert of zero": ("INVALID_REQUEST", {"alerts": [0]}),
    "alert too high": ("INVALID_REQUEST", {"alerts": [1001]}),
    "alert of text": ("INVALID_REQUEST", {"alerts": ["50"]}),
    "too many alerts": ("INVALID_REQUEST", {"alerts": list(range(1, 22))}),
    "hard as text": ("INVALID_REQUEST", {"hard": "yes"}),
    "unknown field": ("INVALID_REQUEST", {"scope": "wallet"}),
}


@pytest.mark.parametrize(("code", "fields"), BODIES.values(), ids=BODIES.keys())
async def test_bad_budgets(api: Api, scene: Scene, code: str, fields: dict[str, Any]) -> None:
    body = {"period": "day", "limit": "1"} | fields
    await refused(api, 400, code, "POST", f"/v1/wallets/{scene.wallet}/budgets", json=body)


@pytest.mark.parametrize("body", [{"limit": "0"}, {"limit": None}, {"alerts": [0]}, {"period": "day"}, {"hard": 1}, []])
async def test_bad_changes(api: Api, scene: Scene, body: Any) -> None:
    path = f"/v1/wallets/{scene.wallet}/budgets/{(await make(api, scene.wallet))['id']}"
    code = "INVALID_AMOUNT" if isinstance(body, dict) and body.get("limit", "1") in ("0", None) else "INVALID_REQUEST"
    await refused(api, 400, code, "PATCH", path, json=body)


async def test_budgets_that_are_not_there(api: Api, scene: Scene) -> None:
    """None, one of another wallet, one that cannot be; in a wallet that is not there."""
    other = await api.wallet()
    of_other = (await make(api, other))["id"]
    for budget_id in ("bud_1", of_other, scene.usage, "bud_" + scene.wallet[4:] + "1"):
        path = f"/v1/wallets/{scene.wallet}/budgets/{budget_id}"
        await refused(api, 404, "NOT_FOUND", "GET", path)
        await refused(api, 404, "NOT_FOUND", "PATCH", path, json={"hard": True})
        await refused(api, 404, "NOT_FOUND", "DELETE", path)
    for wallet in ("wal_00000000001", "user:nobody-here", "x"):
        await refused(api, 404, "NOT_FOUND", "GET", f"/v1/wallets/{wallet}/budgets")
    body = {"period": "day", "limit": 1}
    await refused(api, 404, "NOT_FOUND", "POST", "/v1/wallets/wal_00000000001/budgets", json=body)
