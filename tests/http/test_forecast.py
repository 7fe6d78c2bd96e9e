"""A forecast is asked for, made by a worker's work, and told; two wallets with opposite pasts get opposite futures."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.book.read import Reader
from ledger.forecast import store
from ledger.forecast.backtest import SEASONAL_NAIVE, Method
from ledger.forecast.service import find_due, make_due
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import parse_wallet
from ledger.rollups.figures import FiguresBeside
from tests.book.conftest import Clock
from tests.support.api import Api, run_sql

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, role=SERVICE_ROLE)
    yield found
    await found.dispose()


def naive() -> Method:
    """Workers bring a better one (tests/workers): what is tested here needs none."""
    return SEASONAL_NAIVE


async def work(database: Database) -> int:
    """What the task does."""
    return await make_due(database, Reader(database, FiguresBeside()), naive, more=lambda: True)


def due(api: Api, wallet: str) -> list[Any]:
    return run_sql(api.database_url, "SELECT due_at FROM forecasts WHERE wallet_id = %s", parse_wallet(wallet))


async def used(api: Api, clock: Clock, daily: dict[int, str], credits: str = "10000", **fields: Any) -> str:
    """A wallet that used so much so many days ago."""
    wallet = await api.wallet(credits, **fields)
    items = [
        {
            "wallet_id": wallet,
            "key": f"{ago}",
            "service": "chat",
            "credits": amount,
            "occurred_at": (clock.now() - timedelta(days=ago)).isoformat(),
        }
        for ago, amount in daily.items()
    ]
    answer = await api.send("POST", "/v1/usage/batch", json={"items": items})
    assert all(result["status"] == "posted" for result in answer.json()["results"]), answer.text
    return wallet


async def read(api: Api, wallet: str, status: int = 200) -> dict[str, Any]:
    answer = await api.get(f"/v1/wallets/{wallet}/forecast")
    assert answer.status_code == status, answer.text
    return dict(answer.json())


async def test_a_short_history_is_said_to_be_short_at_once(api: Api, clock: Clock) -> None:
    today = clock.now().date()
    young = await used(api, clock, {3: "5", 0: "1"})
    assert await read(api, young) == {
        "status": "insufficient",
        "wallet_id": young,
        "history_days": 3,
        "needed_days": 28,
        "ready_on": str(today + timedelta(days=25)),
    }
    new = await read(api, await used(api, clock, {0: "1"}))
    assert (new["history_days"], new["ready_on"]) == (0, str(today + timedelta(days=28)))
    unused = await read(api, await api.wallet("1"))
    assert (unused["status"], unused["ready_on"]) == ("insufficient", None)
    assert due(api, young) == []


async def test_a_forecast_is_asked_for_made_and_told_until_it_is_old(
    api: Api, clock: Clock, database: Database
) -> None:
    wallet = await used(api, clock, dict.fromkeys(range(30, 0, -1), "7"), credits="420")
    pending = await read(api, wallet, status=202)
    assert pending == {"status": "pending", "wallet_id": wallet}
    assert await read(api, wallet, status=202) == pending
    assert await work(database) >= 1

    made = await read(api, wallet)
    today = clock.now().date()
    assert (made["status"], made["outdated"], made["until"]) == ("ready", False, str(today - timedelta(days=1)))
    assert made["next_30_days_estimate"] == "210"
    assert made["confidence_interval"] == {"low": "210", "high": "210", "confidence_percent": 80}
    assert set(made["seasonal_factors"].values()) == {"1.00"}
    assert made["recommended_budget"] == "220"
    assert made["runs_out_on"] == made["runs_out_earliest"] == str(today + timedelta(days=29))
    assert [day["date"] for day in made["days"]][::29] == [str(today), str(today + timedelta(days=29))]
    ((next_due,),) = due(api, wallet)
    assert timedelta(0) < next_due - clock.now() < timedelta(hours=26)

    await api.grant(wallet, "1000")
    assert (await read(api, wallet))["runs_out_on"] is None
    included = (await api.get(f"/v1/wallets/{wallet}/usage/analytics", include_forecasting="true")).json()
    assert included["forecasting"]["next_30_days_estimate"] == "210"

    clock.advance(timedelta(days=1))
    old = await read(api, wallet)
    assert (old["outdated"], old["next_30_days_estimate"], old["age_s"] >= 86_400) == (True, "210", True)
    assert await work(database) >= 1
    again = await read(api, wallet)
    assert (again["outdated"], again["until"]) == (False, str(today))


async def test_an_idle_wallet_is_expected_to_stay_idle(api: Api, clock: Clock, database: Database) -> None:
    """And is not forecast again each night."""
    wallet = await used(api, clock, dict.fromkeys(range(34, 28, -1), "7"))
    await read(api, wallet, status=202)
    await work(database)
    made = await read(api, wallet)
    assert (made["method"], made["next_30_days_estimate"], made["recommended_budget"]) == ("idle", "0", None)
    assert due(api, wallet) == [(None,)]


async def test_wallets_with_enough_of_a_history_are_found_at_night(api: Api, clock: Clock, database: Database) -> None:
    old = await used(api, clock, dict.fromkeys(range(30, 0, -1), "7"))
    young = await used(api, clock, {3: "7"})
    for wallet in (old, young):
        await api.get(f"/v1/wallets/{wallet}/stats")  # which rolls up
    assert await find_due(database) >= 1
    assert await find_due(database) == 0
    assert (len(due(api, old)), len(due(api, young))) == (1, 0)
    await work(database)
    assert (await read(api, old))["status"] == "ready"


async def test_one_that_was_begun_and_not_made_is_due_again(api: Api, clock: Clock, database: Database) -> None:
    """Who asks meanwhile does not make it be made twice."""
    run_sql(api.database_url, "DELETE FROM forecasts")
    wallet = await used(api, clock, dict.fromkeys(range(30, 0, -1), "7"))
    await read(api, wallet, status=202)
    await work(database)
    clock.advance(timedelta(days=1))
    await read(api, wallet)
    assert await database.retrying(store.claim) == parse_wallet(wallet)
    await read(api, wallet)
    assert await work(database) == 0
    clock.advance(timedelta(seconds=store.LEASE_S))
    assert await work(database) == 1


async def test_two_wallets_with_opposite_histories(api: Api, clock: Clock, database: Database) -> None:
    """One grows and has little left, one shrinks and has plenty: insights, days left and forecasts say so."""
    growing = await used(api, clock, {ago: "2" if ago > 14 else "20" for ago in range(34, 0, -1)}, credits="420")
    shrinking = await used(api, clock, {ago: "20" if ago > 14 else "2" for ago in range(34, 0, -1)}, credits="5000")
    told: dict[str, tuple[set[str], int, Decimal, date | None]] = {}
    for wallet in (growing, shrinking):
        await api.get(f"/v1/wallets/{wallet}/forecast")
    await work(database)
    for wallet in (growing, shrinking):
        path = f"/v1/wallets/{wallet}/usage/analytics"
        first = str((clock.now() - timedelta(days=14)).date())
        analytics = (await api.get(path, **{"from": first, "to": str(clock.now().date())})).json()
        balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
        made = await read(api, wallet)
        told[wallet] = (
            {insight["code"] for insight in analytics["insights"]} - {"service_dominates"},
            balance["estimated_remaining_days"],
            Decimal(made["next_30_days_estimate"]),
            made["runs_out_on"] and datetime.fromisoformat(made["runs_out_on"]).date(),
        )
    days = (5_000 - 20 * 20 - 14 * 2) * 28 // (14 * 20 + 14 * 2)  # at the higher rate: that of four weeks
    assert told[growing][:3] == ({"spend_accelerating", "cost_per_operation_rising", "runway_low"}, 5, 600)
    assert told[shrinking][:3] == ({"spend_slowing", "cost_per_operation_falling", "runway_ample"}, days, 60)
    assert told[growing][3] == clock.now().date() + timedelta(days=4)
    assert told[shrinking][3] is None
