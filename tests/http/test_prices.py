"""Meters, prices and the card as a whole, as clients read and operators change them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.http.test_replays import twice
from tests.support.api import Api, fresh, make_key, run_sql, running

pytestmark = pytest.mark.anyio

SMALL = {"size": "small"}


async def meter(api: Api, **fields: Any) -> str:
    """A new meter of a new service, in minutes with two decimals; the service's name."""
    name = fresh("job")
    body = {"service": name, "meter": "minutes", "unit": "minute", "decimals": 2, "dimensions": {"size": None}}
    added = await api.post("/v1/meters", body | fields)
    assert added.status_code == 201, added.text
    return name


async def price(api: Api, service: str, per_unit: str = "0.5", **fields: Any) -> dict[str, Any]:
    added = await api.post("/v1/prices", {"service": service, "per_unit": per_unit} | fields)
    assert added.status_code == 201, added.text
    return dict(added.json())


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_the_card_that_ships_is_there(api: Api) -> None:
    """With what is free and what is charged now."""
    (found,) = (await api.get("/v1/meters", service="storage")).json()["items"]
    expected = {
        "service": "storage",
        "meter": "gb_months",
        "unit": "GB-month",
        "decimals": 9,
        "dimensions": {},
        "free_monthly": "1",
        "prices": [
            {
                "service": "storage",
                "meter": "gb_months",
                "dimensions": {},
                "version": 1,
                "valid_from": "2020-01-01T00:00:00.000000Z",
                "valid_to": None,
                "asset": "USD",
                "per_unit": "0.1",
                "package": None,
                "graduated": None,
                "volume": None,
            }
        ],
    }
    assert expected == found
    card = (await api.get("/v1/rate-card")).json()
    assert {"USD": "10"} == card["credits_per_unit"]
    assert expected in card["meters"]


async def test_a_meter_is_added_and_found(api: Api) -> None:
    """At its Location, without a price; the card's version grows."""
    before = (await api.get("/v1/rate-card")).json()["version"]
    body = {"service": fresh("job"), "meter": "tokens", "unit": "token", "free_monthly": 1000}
    added = await api.post("/v1/meters", body)
    expected = body | {"decimals": 0, "dimensions": {}, "free_monthly": "1000", "prices": []}
    assert (201, expected) == (added.status_code, added.json())
    assert [expected] == (await api.send("GET", added.headers["location"])).json()["items"]
    assert before + 1 == (await api.get("/v1/rate-card")).json()["version"]


async def test_a_price_is_valid_from_now_and_ends_with_the_next(api: Api) -> None:
    """A client need not know the ledger's time, nor the number of the version, nor the name of an only meter."""
    service = await meter(api)
    began = await price(api, service)
    later = instant(began["valid_from"]) + timedelta(days=30)
    package = {"amount": "3.50", "size": "1.5"}
    added = await api.post(
        "/v1/prices", {"service": service, "package": package, "asset": "CREDIT", "valid_from": later.isoformat()}
    )
    second = added.json()
    assert (1, "minutes", None, "0.5", "USD") == tuple(
        began[name] for name in ("version", "meter", "valid_to", "per_unit", "asset")
    )
    assert (2, {"amount": "3.5", "size": "1.5"}, None) == (second["version"], second["package"], second["per_unit"])
    first = began | {"valid_to": second["valid_from"]}
    assert [first, second] == (await api.send("GET", added.headers["location"])).json()["items"]
    (found,) = (await api.get("/v1/meters", service=service)).json()["items"]
    assert [first] == found["prices"]


async def test_prices_at_an_instant(api: Api) -> None:
    """A price changes in the middle of a month: what occurred before has the old version."""
    service = await meter(api)
    past = datetime(2026, 1, 1, tzinfo=UTC)
    await price(api, service, "1", valid_from=past.isoformat())
    changed = instant((await price(api, service, "2"))["valid_from"])
    end = changed + timedelta(days=5)
    await price(api, service, "3", dimensions=SMALL, valid_to=end.isoformat())

    async def at(when: datetime) -> list[str]:
        found = await api.get("/v1/prices", service=service, at=when.isoformat())
        return [each["per_unit"] for each in found.json()["items"]]

    assert [] == await at(past - timedelta(microseconds=1))
    assert ["1"] == await at(past)
    assert ["1"] == await at(changed - timedelta(microseconds=1))
    assert ["2"] == await at(changed)
    assert ["3", "2"] == await at(end - timedelta(microseconds=1))
    assert ["2"] == await at(end)


async def test_lists_go_on_where_they_stopped(api: Api) -> None:
    """Page by page the same as at once, whatever was added meanwhile; a selector may be longer than a cursor."""
    long = {f"d{number}": "x" * 90 for number in range(10, 20)}
    service = await meter(api, dimensions=dict.fromkeys((*long, "size")))
    await api.post("/v1/meters", {"service": service, "meter": "after"})
    for number in range(3):
        await price(api, service, meter="minutes", dimensions=long | {"size": str(number)})

    async def walk(path: str, **filters: Any) -> list[Any]:
        cursor, seen = {}, []
        while True:
            page = (await api.get(path, limit=1, **filters, **cursor)).json()
            seen += page["items"]
            if page["next_cursor"] is None:
                return seen
            cursor = {"cursor": page["next_cursor"]}

    for path, count in (("/v1/prices", 3), ("/v1/meters", 2)):
        at_once = (await api.get(path, service=service, limit=100)).json()
        assert (count, None) == (len(at_once["items"]), at_once["next_cursor"])
        assert at_once["items"] == await walk(path, service=service)
    assert ["after", "minutes"] == [each["meter"] for each in await walk("/v1/meters", service=service)]
    assert [] == await walk("/v1/prices", service=service, meter="after")
    first = (await api.get("/v1/prices", service=service, limit=1)).json()["next_cursor"]
    await price(api, service, meter="minutes", dimensions={"d10": "w"})
    rest = (await api.get("/v1/prices", service=service, cursor=first)).json()["items"]
    assert 2 == len(rest)
    other = await api.get("/v1/prices", cursor=first)
    assert (400, "INVALID_CURSOR") == (other.status_code, other.json()["code"])


async def test_both_calls_replay(api: Api, database_url: str) -> None:
    """The same bytes, no second version; another body under the key is a conflict."""
    service = fresh("job")
    await twice(api, "/v1/meters", {"service": service, "meter": "minutes"}, 201)
    key = fresh("key")
    first = await api.post("/v1/prices", {"service": service, "per_unit": 1}, key=key)
    again = await api.post("/v1/prices", {"service": service, "per_unit": 1}, key=key)
    other = await api.post("/v1/prices", {"service": service, "per_unit": 2}, key=key)
    assert (first.content, first.headers["location"]) == (again.content, again.headers["location"])
    assert (422, "IDEMPOTENCY_CONFLICT") == (other.status_code, other.json()["code"])
    rows = run_sql(database_url, "SELECT version, actor LIKE 'key_%%' FROM prices WHERE service = %s", service)
    assert [(1, True)] == rows
    without = await api.send("POST", "/v1/prices", json={"service": service, "per_unit": 1})
    assert (201, 2) == (without.status_code, without.json()["version"])


async def test_operators_at_once_queue_up(api: Api) -> None:
    """Each has the version after the one before; none is lost, and none is refused."""
    service = await meter(api)
    added = await asyncio.gather(*(price(api, service, str(number)) for number in range(1, 7)))
    by_version = sorted(added, key=lambda each: each["version"])
    assert [1, 2, 3, 4, 5, 6] == [each["version"] for each in by_version]
    assert sorted(each["valid_from"] for each in added) == [each["valid_from"] for each in by_version]


async def test_another_process_notices(api: Api, database_url: str) -> None:
    """It had read the card before, and shows the new one."""
    async with running(database_url) as other_app:
        other = Api(other_app, make_key(database_url, "read")[1], database_url)
        cards = other_app.state.services.cards
        before = (await other.get("/v1/rate-card")).json()["version"]
        service = await meter(api)
        assert before == cards.current.version
        assert service in {each["service"] for each in (await other.get("/v1/rate-card")).json()["meters"]}
        assert before + 1 == cards.current.version
        forbidden = await other.post("/v1/prices", {"service": service, "per_unit": 1})
        assert (403, {"scope": "admin"}) == (forbidden.status_code, forbidden.json()["details"])
        await other.client.aclose()


BAD_METERS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no name": ({"meter": None}, 400, "INVALID_REQUEST"),
    "an unknown field": ({"price": "1"}, 400, "INVALID_REQUEST"),
    "a float": ({"free_monthly": 1.5}, 400, "INVALID_AMOUNT"),
    "more decimals than it counts": ({"unit": "hour", "free_monthly": "1.5"}, 400, "INVALID_QUANTITY"),
    "one that is there": ({"service": "storage", "meter": "gb_months"}, 422, "INVALID_METER"),
    "a value twice": ({"dimensions": {"size": ["a", "a"]}}, 422, "INVALID_METER"),
    "free of nothing": ({"free_monthly": 5}, 422, "FREE_TIER_WITHOUT_UNIT"),
}

BAD_PRICES: dict[str, tuple[dict[str, Any], int, str]] = {
    "no model": ({"per_unit": None}, 400, "INVALID_REQUEST"),
    "two models": ({"package": {"amount": 1, "size": 1}}, 400, "INVALID_REQUEST"),
    "a time without an offset": ({"valid_from": "2026-01-01T00:00:00"}, 400, "INVALID_REQUEST"),
    "a time before the calendar": ({"valid_from": "0001-01-01T00:00:00+14:00"}, 400, "INVALID_REQUEST"),
    "a float": ({"per_unit": 0.5}, 400, "INVALID_AMOUNT"),
    "a negative amount": ({"per_unit": "-1"}, 400, "INVALID_AMOUNT"),
    "a package of nothing": ({"per_unit": None, "package": {"amount": 1, "size": 0}}, 400, "INVALID_QUANTITY"),
    "another service": ({"service": "nothing"}, 422, "UNKNOWN_METER"),
    "another meter": ({"meter": "hours"}, 422, "UNKNOWN_METER"),
    "another dimension": ({"dimensions": {"colour": "red"}}, 422, "INVALID_PRICE"),
    "more dimensions than a key has room for": (
        {"dimensions": {f"d{n}": "ü" * 90 for n in range(9)}},
        422,
        "INVALID_PRICE",
    ),
    "a currency without a rate": ({"asset": "EUR"}, 422, "INVALID_PRICE"),
    "from before now": ({"valid_from": "2026-06-01T00:00:00Z"}, 422, "INVALID_PRICE"),
    "from before the version before": ({"valid_from": "2020-01-01T00:00:00Z"}, 422, "PRICE_OVERLAP"),
    "two that would apply": ({"dimensions": {"d1": "x"}, "valid_from": "2026-01-01T00:00:00Z"}, 422, "AMBIGUOUS_PRICE"),
}


@pytest.mark.parametrize("bad", BAD_METERS)
async def test_a_bad_meter_is_refused(api: Api, bad: str) -> None:
    """With its code, and nothing of the card is changed."""
    fields, status, code = BAD_METERS[bad]
    await refused(api, "/v1/meters", {"service": "job", "meter": "minutes"} | fields, status, code)


@pytest.mark.parametrize("bad", BAD_PRICES)
async def test_a_bad_price_is_refused(api: Api, bad: str) -> None:
    """Of a meter that has one for everything and one for a dimension already."""
    fields, status, code = BAD_PRICES[bad]
    service = await meter(api, dimensions={f"d{number}": None for number in range(9)})
    await price(api, service, valid_from="2026-01-01T00:00:00Z")
    await price(api, service, valid_from="2026-01-01T00:00:00Z", dimensions={"d0": "x"})
    await refused(api, "/v1/prices", {"service": service, "per_unit": 1} | fields, status, code)


async def refused(api: Api, path: str, body: dict[str, Any], status: int, code: str) -> None:
    before = (await api.get("/v1/rate-card")).content
    key = fresh("key")
    for _ in range(2):  # the key stays free: it is tried again, and not replayed
        answer = await api.post(path, body, key=key)
        assert (status, code) == (answer.status_code, answer.json()["code"]), answer.text
        assert "idempotency-replayed" not in answer.headers
    assert before == (await api.get("/v1/rate-card")).content


@pytest.mark.parametrize("query", ["at=yesterday", "at=2026-01-01", "limit=0", "version=1", "service=" + "x" * 65])
async def test_bad_queries(api: Api, query: str) -> None:
    found = await api.send("GET", f"/v1/prices?{query}")
    assert (400, "INVALID_REQUEST") == (found.status_code, found.json()["code"])
