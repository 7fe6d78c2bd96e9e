"""Where the credits of a wallet went, as a client sees it: by service, by time, by whom; and what changed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.analytics import store
from ledger.kit.ids import parse_wallet
from ledger.rollups import roller
from tests.book.conftest import Clock
from tests.support.api import Api, run_sql

pytestmark = pytest.mark.anyio

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")


def noon(clock: Clock, days_ago: int = 0) -> datetime:
    """Noon in New York, of a day at least so many days ago, and not in the future."""
    today = clock.now().astimezone(ZONE)
    if days_ago == 0:
        return clock.now()
    return today.replace(hour=12, minute=5, second=0, microsecond=0) - timedelta(days=days_ago)


async def use(api: Api, wallet: str, credits: str, at: datetime, **fields: Any) -> str:
    body = {"service": "chat", "credits": credits, "occurred_at": at.isoformat()} | fields
    answer = await api.post(f"/v1/wallets/{wallet}/usage", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["transaction"]["id"])


async def read(api: Api, wallet: str, **given: Any) -> dict[str, Any]:
    answer = await api.get(f"/v1/wallets/{wallet}/usage/analytics", **given)
    assert answer.status_code == 200, answer.text
    found = dict(answer.json())
    assert found["behind"] == 0
    for part in (*found["breakdowns"].values(), list(found["breakdown_by_service"].values())):
        shares = sum(Decimal(line["percentage"]) for line in part)
        assert shares == (100 if found["total_credits_used"] != "0" else 0)
        assert sum(Decimal(line["credits"]) for line in part) == Decimal(found["total_credits_used"])
        assert sum(line["sessions"] for line in part) == found["sessions"]
        assert sum(line["operations"] for line in part) == found["operations"]
    assert sum(Decimal(day["credits"]) for day in found["daily_usage"]) == Decimal(found["total_credits_used"])
    return found


@pytest.fixture
async def wallet(api: Api, clock: Clock) -> str:
    """A month of a wallet in New York: 10 of search in the week before, 30 + 15 of chat and 6 of search in this one,
    half of one of them back."""
    wallet = await api.wallet("1000", time_zone=str(ZONE))
    await use(api, wallet, "10", noon(clock, 9), service="search")
    first = await use(api, wallet, "30", noon(clock, 3), session="s1", metadata={"user_id": "ann", "team": "red"})
    late = noon(clock, 2).replace(hour=23, minute=50)
    await use(api, wallet, "15", late, session="s1", metadata={"user_id": "bob", "purpose": "tests", "team": 7})
    await use(api, wallet, "6", noon(clock, 1), service="search", session="s2")
    await api.post(f"/v1/transactions/{first}/refund", {"amount": "15", "reason": "failed"})
    return wallet


async def test_an_answer_adds_up_and_names_what_it_knows(api: Api, wallet: str, clock: Clock) -> None:
    found = await read(api, wallet, timeframe="7d", breakdown_by="service,user,purpose,day,metadata:team")
    today = clock.now().astimezone(ZONE).date()
    assert found["timeframe"] == {
        "from": str(today - timedelta(days=6)),
        "to": str(today + timedelta(days=1)),
        "days": 7,
        "time_zone": "America/New_York",
    }
    assert found["number"] == (await api.get(f"/v1/wallets/{wallet}/balance")).json()["number"]
    sums = {name: found[name] for name in ("total_credits_used", "average_daily_usage", "charged", "refunded")}
    assert sums == {
        "total_credits_used": "36",
        "average_daily_usage": "5.142857",
        "charged": "51",
        "refunded": "15",
    }
    assert found["breakdown_by_service"]["chat"] == {
        "credits": "30",
        "percentage": "83.33",
        "sessions": 1,
        "operations": 2,
        "cost_per_operation": "15",
    }
    shares = {
        by: {line["key"]: (line["credits"], line["sessions"]) for line in lines}
        for by, lines in found["breakdowns"].items()
    }
    assert list(shares) == ["service", "user", "purpose", "day", "metadata:team"]
    assert shares["user"] == {"ann": ("15", 1), "bob": ("15", 0), None: ("6", 1)}
    assert shares["purpose"] == {"tests": ("15", 0), None: ("21", 2)}
    assert shares["metadata:team"] == {"red": ("15", 1), "7": ("15", 0), None: ("6", 1)}
    days = {str(today - timedelta(days=ago)): credits for ago, credits in ((3, "15"), (2, "15"), (1, "6"))}
    assert {day: credits for day, (credits, _) in shares["day"].items()} == days
    assert {day["date"]: day["credits"] for day in found["daily_usage"] if day["credits"] != "0"} == days
    assert len(found["daily_usage"]) == 7


async def test_a_breakdown_by_session(api: Api, wallet: str, clock: Clock) -> None:
    """Each has all of its use, and counts as a session where it began; what came back is that of the use it is of."""
    await use(api, wallet, "4", noon(clock), metadata={"user_id": "ann"})
    found = await read(api, wallet, timeframe="7d", breakdown_by="session")
    lines = [
        (line["key"], line["credits"], line["refunded"], line["sessions"]) for line in found["breakdowns"]["session"]
    ]
    assert [("s1", "30", "15", 1), ("s2", "6", "0", 1), (None, "4", "0", 0)] == lines
    # It began a day before the first day that is asked about.
    later = await read(api, wallet, **{"from": str(noon(clock, 2).date())}, breakdown_by="session")
    assert [("s1", "15", 0), ("s2", "6", 1), (None, "4", 0)] == [
        (line["key"], line["credits"], line["sessions"]) for line in later["breakdowns"]["session"]
    ]


async def test_what_moved_is_told_against_the_period_before(api: Api, wallet: str) -> None:
    found = await read(api, wallet, timeframe="7d")
    assert found["compared_with"]["total_credits_used"] == "10"
    assert [(m["service"], m["change"], m["difference"], m["percent"]) for m in found["movers"]] == [
        ("chat", "new", "30", None),
        ("search", "down", "-4", "-40.00"),
    ]
    codes = {insight["code"] for insight in found["insights"]}
    assert {"service_dominates", "service_new", "spend_accelerating", "refunded_share_high"} <= codes


async def test_hours_weeks_and_months_are_those_of_the_wallet(api: Api, wallet: str, clock: Clock) -> None:
    """Ten to midnight in New York is another day in UTC."""
    found = await read(api, wallet, timeframe="30d", breakdown_by="hour,week,month")
    late = noon(clock, 2)
    assert f"{late.date()}T23" in [line["key"] for line in found["breakdowns"]["hour"]]
    assert found["total_credits_used"] == "46"
    for by in ("week", "month"):
        keys = [line["key"] for line in found["breakdowns"][by]]
        assert keys == sorted(keys)
    day = str(late.date())
    next_day = str(late.date() + timedelta(days=1))
    one = await read(api, wallet, **{"from": day, "to": next_day})
    assert (one["total_credits_used"], one["timeframe"]["days"]) == ("15", 1)
    await api.send("PATCH", f"/v1/wallets/{wallet}", json={"time_zone": "Asia/Kolkata"})
    moved = await read(api, wallet, **{"from": next_day}, breakdown_by="day")
    assert Decimal(moved["total_credits_used"]) == 21


async def test_a_month_by_its_name(api: Api, clock: Clock) -> None:
    wallet = await api.wallet("10")
    now = clock.now()
    await use(api, wallet, "1", now)
    found = await read(api, wallet, timeframe=f"{now:%Y-%m}")
    assert (found["timeframe"]["from"], found["timeframe"]["days"]) == (f"{now:%Y-%m}-01", now.day)
    assert found["total_credits_used"] == "1"
    earlier = await read(api, wallet, timeframe="2020-02")
    assert (earlier["timeframe"]["days"], earlier["total_credits_used"], earlier["breakdown_by_service"]) == (
        29,
        "0",
        {},
    )


async def test_quantities_are_in_units_of_their_meter(api: Api, clock: Clock) -> None:
    """Two services may have a meter of one name, with decimals of their own."""
    wallet = await api.wallet("10")
    for service, decimals in (("scans", 2), ("prints", 0)):
        meter = {"service": service, "meter": "pages", "unit": "page", "decimals": decimals}
        await api.post("/v1/meters", meter)
        price = {"service": service, "meter": "pages", "valid_from": "2020-01-01T00:00:00Z", "asset": "CREDIT"}
        await api.post("/v1/prices", price | {"per_unit": "0.5"})
    path = f"/v1/wallets/{wallet}/usage"
    for service, quantity in (("scans", "1.25"), ("scans", "1.25"), ("prints", "3")):
        answer = await api.post(path, {"service": service, "quantity": quantity})
        assert answer.status_code == 201, answer.text
    amended = await api.post(f"/v1/usage/{answer.json()['transaction']['id']}/amend", {"quantity": "4", "reason": "x"})
    assert amended.status_code == 201, amended.text
    await use(api, wallet, "1", clock.now(), service="scans")
    found = await read(api, wallet, breakdown_by="meter")
    lines = found["breakdowns"]["meter"]
    assert {(line["service"], line["key"]): (line["quantity"], line["credits"]) for line in lines} == {
        ("scans", "pages"): ("2.5", "1.25"),
        ("prints", "pages"): ("4", "2"),
        ("scans", None): (None, "1"),
    }


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"timeframe": "31d"}, "timeframe"),
        ({"timeframe": "2026-13"}, "timeframe"),
        ({"timeframe": "9000-01"}, "timeframe"),
        ({"timeframe": "7d", "from": "2026-01-01"}, "timeframe"),
        ({"to": "2026-01-01"}, "from"),
        ({"from": "2026-01-01", "to": "2026-01-01"}, "to"),
        ({"from": "2024-01-01", "to": "2026-01-01"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "9998-02-01"}, "from"),
        ({"breakdown_by": "colour"}, "breakdown_by"),
        ({"breakdown_by": "metadata:"}, "breakdown_by"),
        ({"breakdown_by": ""}, "breakdown_by"),
    ],
)
async def test_questions_that_cannot_be_answered(api: Api, query: dict[str, str], path: str) -> None:
    wallet = await api.wallet()
    answer = await api.get(f"/v1/wallets/{wallet}/usage/analytics", **query)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert [error["path"] for error in answer.json()["errors"]] == [path]


async def test_a_breakdown_has_bounds(api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of it, and transactions that sessions and metadata keys are looked up in."""
    wallet = await api.wallet("10")
    for number in range(4):
        await use(api, wallet, "1", clock.now(), metadata={"user_id": f"u{number}"})
    monkeypatch.setattr(store, "GROUPS_MAX", 3)
    monkeypatch.setattr(store, "JOURNAL_MAX", 3)
    for by, limit in (("user", 3), ("metadata:x", 3), ("session", 3)):
        answer = await api.get(f"/v1/wallets/{wallet}/usage/analytics", breakdown_by=by)
        assert (answer.status_code, answer.json()["code"]) == (422, "ANALYTICS_TOO_LARGE")
        assert answer.json()["details"] == {"breakdown_by": by, "limit": limit}


async def test_a_history_that_takes_too_long_is_told_as_far_as_it_goes(
    api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet = await api.wallet("100")
    for _ in range(5):
        await use(api, wallet, "1", clock.now())
    run_sql(
        api.database_url, "UPDATE notes SET body = 'no JSON' WHERE wallet_id = %s AND number > 3", parse_wallet(wallet)
    )
    monkeypatch.setattr(roller, "CHUNK", 3)
    answer = (await api.get(f"/v1/wallets/{wallet}/usage/analytics")).json()
    assert (answer["number"], answer["behind"], answer["total_credits_used"]) == (3, 3, "2")


async def test_stats_are_a_life_in_numbers(api: Api, wallet: str, clock: Clock) -> None:
    await api.grant(wallet, "5", source="earned")
    found = (await api.get(f"/v1/wallets/{wallet}/stats")).json()
    assert found == {
        "wallet_id": wallet,
        "credits_earned": "5",
        "credits_spent": "46",
        "credits_refunded": "15",
        "operations": 4,
        "sessions": 2,
        "average_cost_per_operation": "11.5",
        "first_used_on": str(noon(clock, 9).date()),
        "last_used_on": str(noon(clock, 1).date()),
        "estimated_remaining_days": 186,
        "number": 7,
        "behind": 0,
        "as_of": found["as_of"],
    }
    empty = (await api.get(f"/v1/wallets/{await api.wallet()}/stats")).json()
    assert (empty["credits_spent"], empty["average_cost_per_operation"], empty["first_used_on"]) == ("0", None, None)
    for path in ("stats", "usage/analytics", "forecast"):
        missing = await api.get(f"/v1/wallets/wal_00000000001/{path}")
        assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
