"""Two wallets with opposite histories are told opposite things: end to end, with the model that workers forecast by."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from ledger.book.read import Reader
from ledger.forecast.model import HOLT_WINTERS
from ledger.forecast.service import find_due, make_due
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import parse_wallet
from ledger.rollups.figures import FiguresBeside
from ledger.rollups.roller import ALL, roll_moved
from tests.support.api import Api, make_key, run_sql, running
from tests.support.book import check

pytestmark = pytest.mark.anyio

NOW = datetime(2031, 3, 5, 9, tzinfo=UTC)
"""A Wednesday. The ledger's clock is set to it, so that the weekdays of the histories are the same in every run."""

DAYS = 84
WEEK = (1.4, 1.3, 1.2, 1.2, 1.1, 0.5, 0.3)
"""How busy each weekday is, Monday first."""


class History(NamedTuple):
    """Uses of one credit each, and how many of them on each day for each service."""

    credits: str
    uses: dict[date, dict[str, int]]

    def total(self, ago: int, days: int) -> int:
        """What was used in the days up to ``ago`` days ago."""
        counted = [NOW.date() - timedelta(ago + day) for day in range(1, days + 1)]
        return sum(sum(self.uses[day].values()) for day in counted)


def history(credits: str, seed: int, services: dict[str, tuple[float, float, int]], week: tuple[float, ...]) -> History:
    """Each service goes from so many uses a day to so many, in a straight line, and ends so many days ago."""
    chance = random.Random(seed)
    uses: dict[date, dict[str, int]] = {}
    for place in range(DAYS):
        day = NOW.date() - timedelta(DAYS - place)
        uses[day] = {
            service: round((first + (last - first) * place / DAYS) * week[day.weekday()] * chance.uniform(0.9, 1.1))
            for service, (first, last, ended) in services.items()
            if DAYS - place > ended
        }
    return History(credits, uses)


RISING = history("950", 1, {"code_completion": (4, 16, 0)}, WEEK)
"""One service, more of it each week, with quiet weekends; what is left lasts some days."""

FALLING = history(
    "6000",
    2,
    {
        "chat": (5, 2, 0),
        "search": (5, 2, 0),
        "images": (4, 1.5, 0),
        "storage": (4, 2, 0),
        "translation": (4, 1.5, 0),
        "speech": (4, 3, 30),
    },
    (1,) * 7,
)
"""Many services, each used less and less, one of them no more; there is plenty left."""


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    run_sql(
        database_url,
        "UPDATE clock SET ahead_us = ahead_us + (extract(epoch FROM %s - ledger_now()) * 1e6)::bigint",
        NOW,
    )
    async with running(database_url) as app:
        found = Api(app, make_key(database_url, "admin", "usage:backfill")[1], database_url)
        yield found
        await found.client.aclose()
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")


async def lived(api: Api, history: History) -> str:
    """A wallet with this history."""
    wallet = await api.wallet(history.credits)
    items = [
        {
            "wallet_id": wallet,
            "key": f"{service}-{day}-{number}",
            "service": service,
            "credits": "1",
            "occurred_at": datetime.combine(day, time(8 + number % 10, number % 60), UTC).isoformat(),
        }
        for day, services in history.uses.items()
        for service, count in services.items()
        for number in range(count)
    ]
    for first in range(0, len(items), 1000):
        answer = await api.send("POST", "/v1/usage/batch", json={"items": items[first : first + 1000]})
        assert {"posted"} == {result["status"] for result in answer.json()["results"]}, answer.text
    return wallet


async def work(url: str) -> None:
    """What workers do at night: roll up, find whose forecast is due, and make it by the real model."""
    database = Database(url, role=SERVICE_ROLE)
    try:
        await roll_moved(database, among=ALL)
        await find_due(database)
        await make_due(database, Reader(database, FiguresBeside()), lambda: HOLT_WINTERS, more=lambda: True)
    finally:
        await database.dispose()


class Told(NamedTuple):
    """What is said of a wallet."""

    analytics: dict[str, Any]
    forecast: dict[str, Any]
    balance: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        return {insight["code"] for insight in self.analytics["insights"]}

    def moved(self) -> dict[str, str]:
        return {mover["service"]: mover["change"] for mover in self.analytics["movers"]}


async def told(api: Api, wallet: str) -> Told:
    path = f"/v1/wallets/{wallet}"
    period = {"from": str(NOW.date() - timedelta(28)), "to": str(NOW.date())}
    answers = [
        await api.get(f"{path}/usage/analytics", **period),
        await api.get(f"{path}/forecast"),
        await api.get(f"{path}/balance"),
    ]
    assert [200, 200, 200] == [answer.status_code for answer in answers], [answer.text for answer in answers]
    return Told(*(answer.json() for answer in answers))


async def test_opposite_histories_are_told_opposite_things(api: Api) -> None:
    """Insights, movers, days left, trend and the day that the credits run out: the opposite of one is said of the
    other."""
    wallets = [await lived(api, past) for past in (RISING, FALLING)]
    await work(api.database_url)
    rising, falling = [await told(api, wallet) for wallet in wallets]

    assert {"spend_accelerating", "service_dominates", "runway_low"} == rising.codes
    assert {"spend_slowing", "service_idle", "runway_ample"} == falling.codes
    (dominant,) = [each["facts"] for each in rising.analytics["insights"] if each["code"] == "service_dominates"]
    assert ("code_completion", "100.00") == (dominant["service"], dominant["percent"])
    assert {"code_completion": "up"} == rising.moved()
    moved = falling.moved()
    assert ("speech", "gone") == next(iter(moved.items()))
    assert (5, {"down"}) == (len(moved), {change for service, change in moved.items() if service != "speech"})
    shares = [Decimal(part["percentage"]) for part in falling.analytics["breakdown_by_service"].values()]
    assert (5, True) == (len(shares), max(shares) <= 30)

    for now, past, trend in ((rising, RISING, 1), (falling, FALLING, -1)):
        spent = [Decimal(now.analytics[name]) for name in ("total_credits_used", "average_daily_usage")]
        assert [past.total(0, 28), round(Decimal(past.total(0, 28)) / 28, 6)] == spent
        expected = Decimal(now.forecast["next_30_days_estimate"])
        assert (expected - past.total(0, 30)) * trend > 0, (expected, past.total(0, 30))
        available = int(past.credits) - past.total(0, DAYS)
        rate = max(Decimal(past.total(0, 7)) / 7, Decimal(past.total(0, 28)) / 28)
        assert (str(available), int(available / rate)) == (
            now.balance["available"],
            now.balance["estimated_remaining_days"],
        )
    assert rising.balance["estimated_remaining_days"] < 14 < 90 < falling.balance["estimated_remaining_days"]
    runs_out = date.fromisoformat(rising.forecast["runs_out_on"])
    assert NOW.date() < runs_out <= NOW.date() + timedelta(rising.balance["estimated_remaining_days"] + 1)
    assert None is falling.forecast["runs_out_on"] is falling.forecast["runs_out_earliest"]

    weekdays = rising.forecast["seasonal_factors"]
    assert Decimal(weekdays["monday"]) > Decimal("1.2") > Decimal("0.5") > Decimal(weekdays["sunday"])
    assert {True} == {
        abs(Decimal(factor) - 1) < Decimal("0.2") for factor in falling.forecast["seasonal_factors"].values()
    }
    check(api.database_url, [parse_wallet(wallet) for wallet in wallets])


async def test_a_forecast_says_whether_it_beats_last_week_again(api: Api) -> None:
    """The back-test is in the answer, and the method in use is the one that missed less: where each week is as the one
    before, that is the naive one."""
    steady = History("20000", {day: {"chat": 1 + day.weekday()} for day in RISING.uses})
    histories = {"rising": RISING, "falling": FALLING, "steady": steady}
    wallets = {name: await lived(api, past) for name, past in histories.items()}
    await work(api.database_url)
    beats = {}
    for name, wallet in wallets.items():
        made = (await told(api, wallet)).forecast
        tested = made["back_test"]
        errors = {kind: Decimal(tested[kind]) for kind in ("error", "model_error", "naive_error")}
        assert min(errors["model_error"], errors["naive_error"]) == errors["error"]
        assert (6, DAYS) == (tested["origins"], made["history_days"])
        beats[name] = (tested["beats_naive"], made["method"])
    better, last_week = (True, "holt_winters"), (False, "seasonal_naive")
    assert {"rising": better, "falling": better, "steady": last_week} == beats
