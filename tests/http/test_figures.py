"""What stands beside a balance: totals, the month, how long it lasts; complete up to the number of the balance."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import parse_wallet
from ledger.rollups.figures import TAIL_MAX
from ledger.rollups.roller import roll_up
from tests.book.conftest import Clock
from tests.support.api import Api, run_sql

pytestmark = pytest.mark.anyio

NAMES = ("earned_total", "spent_total", "estimated_remaining_days", "monthly_usage")


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")


async def use(api: Api, wallet: str, credits: str, **fields: Any) -> str:
    body = {"service": "tests", "credits": credits} | fields
    answer = await api.post(f"/v1/wallets/{wallet}/usage", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["transaction"]["id"])


async def figures(api: Api, wallet: str) -> tuple[str, str, int | None, str]:
    """Earned, spent, days left, used this month."""
    balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    assert balance["totals_number"] == balance["number"]
    assert balance["monthly_usage"] == balance["monthly_usage"] | {"limit": None, "percentage_used": None}
    earned, spent, days, month = (balance[name] for name in NAMES)
    return earned, spent, days, month["current_month"]


async def roll(api: Api, wallet: str) -> None:
    database = Database(api.database_url, role=SERVICE_ROLE)
    await roll_up(database, parse_wallet(wallet))
    await database.dispose()


async def both(api: Api, wallet: str) -> tuple[str, str, int | None, str]:
    """The same whether it is read from the tail or was rolled up."""
    found = await figures(api, wallet)
    await roll(api, wallet)
    assert found == await figures(api, wallet)
    return found


async def test_a_wallet_without_usage_has_no_days_left_to_tell(api: Api) -> None:
    assert ("0", "0", None, "0") == await both(api, await api.wallet("100"))


async def test_on_its_first_day_a_wallet_lasts_as_long_as_today_says(api: Api) -> None:
    """What was earned is not what was given; what came back was not spent."""
    wallet = await api.wallet("100")
    await api.grant(wallet, "50", source="earned")
    usage = await use(api, wallet, "30")
    assert ("50", "30", 4, "30") == await both(api, wallet)
    await api.post(f"/v1/transactions/{usage}/refund", {"amount": "20", "reason": "failed"})
    assert ("50", "10", 14, "10") == await both(api, wallet)


async def test_days_left_follow_the_higher_rate_of_week_and_month(api: Api, clock: Clock) -> None:
    """28 days of 2 a day, then a week of 7 a day: the week counts. Today does not."""
    wallet = await api.wallet("205")
    now = clock.now()
    for day in range(28, 7, -1):
        await use(api, wallet, "2", occurred_at=(now - timedelta(days=day)).isoformat())
    for day in range(7, 0, -1):
        await use(api, wallet, "7", occurred_at=(now - timedelta(days=day)).isoformat())
    await use(api, wallet, "4")
    month = 4 + sum(7 if day <= 7 else 2 for day in range(1, 29) if (now - timedelta(days=day)).month == now.month)
    assert ("0", "95", 110 // 7, str(month)) == await both(api, wallet)


async def test_a_monthly_budget_is_the_limit_of_the_month(api: Api) -> None:
    """The lowest of the whole wallet; one of a service is not it."""
    wallet = await api.wallet("100")
    for budget in ({"limit": "80"}, {"limit": "40"}, {"limit": "1", "service": "gpu"}, {"limit": "2", "period": "day"}):
        made = await api.post(f"/v1/wallets/{wallet}/budgets", {"period": "month", "hard": False} | budget)
        assert made.status_code == 201, made.text
    await use(api, wallet, "30")
    balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    assert balance["monthly_usage"] == {"current_month": "30", "limit": "40", "percentage_used": "75.00"}


async def test_a_month_ends_in_the_wallets_time_zone(api: Api, clock: Clock) -> None:
    """What was used an hour before its month began is not in it, wherever UTC stands."""
    zone = ZoneInfo("Asia/Kolkata")
    wallet = await api.wallet("100", time_zone=str(zone))
    began = clock.now().astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if clock.now() - began < timedelta(hours=1):
        clock.advance(timedelta(hours=1))
    for minutes, credits in ((-10, "1"), (10, "2")):
        await use(api, wallet, credits, occurred_at=(began + timedelta(minutes=minutes)).isoformat())
    assert "2" == (await both(api, wallet))[3]


async def test_another_time_zone_counts_at_once(api: Api, clock: Clock) -> None:
    """Days are made anew by whoever reads first."""
    wallet = await api.wallet("100")
    at = (clock.now() - timedelta(days=2)).replace(hour=23, minute=50)
    await use(api, wallet, "3", occurred_at=at.isoformat())
    await roll(api, wallet)
    days = "SELECT day FROM rollup_days WHERE wallet_id = %s AND by = 'all'"
    assert [(at.date(),)] == run_sql(api.database_url, days, parse_wallet(wallet))
    await api.send("PATCH", f"/v1/wallets/{wallet}", json={"time_zone": "Asia/Kolkata"})
    await figures(api, wallet)
    assert [(at.date() + timedelta(days=1),)] == run_sql(api.database_url, days, parse_wallet(wallet))


async def test_a_balance_does_not_wait_for_a_long_tail(api: Api) -> None:
    """More than a read adds by itself is left to the worker; the totals name the number that they go up to."""
    wallet = await api.wallet("1000")
    items = [{"wallet_id": wallet, "key": f"tail-{n}", "service": "tests", "credits": "1"} for n in range(3 * TAIL_MAX)]
    await api.send("POST", "/v1/usage/batch", json={"items": items})
    shown = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    assert ("0", 0, 3 * TAIL_MAX + 1) == (shown["spent_total"], shown["totals_number"], shown["number"])
    await roll(api, wallet)
    shown = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    assert (str(3 * TAIL_MAX), 3 * TAIL_MAX + 1) == (shown["spent_total"], shown["totals_number"])


async def test_a_balance_is_answered_though_its_history_cannot_be_counted(api: Api) -> None:
    """It then says how far its totals go."""
    wallet = await api.wallet("1000")
    items = [{"wallet_id": wallet, "key": f"bad-{n}", "service": "tests", "credits": "1"} for n in range(2 * TAIL_MAX)]
    await api.send("POST", "/v1/usage/batch", json={"items": items})
    run_sql(api.database_url, "UPDATE notes SET body = 'no JSON' WHERE wallet_id = %s", parse_wallet(wallet))
    balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    assert ("900", 2 * TAIL_MAX + 1, 0, "0") == (
        balance["available"],
        balance["number"],
        balance["totals_number"],
        balance["spent_total"],
    )
