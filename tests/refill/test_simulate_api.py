"""What-if over HTTP: what would have been charged, and that nothing is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.book.conftest import Clock
from tests.http.conftest import api, app, scene
from tests.http.scene import Scene, refused
from tests.support.api import Api, counts, make_key, run_sql

__all__ = ["api", "app", "scene"]

pytestmark = pytest.mark.anyio

TERMS = {"threshold": "100", "amount_usd": "50.00"}
"""500 credits at the rate of the settings."""


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)


async def simulate(api: Api, wallet: str, **fields: Any) -> dict[str, Any]:
    body = {name: value for name, value in (TERMS | fields).items() if value is not None}
    answer = await api.post(f"/v1/wallets/{wallet}/auto-refill/simulate", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def use(api: Api, wallet: str, credits: str) -> dict[str, Any]:
    used = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "chat", "credits": credits})
    assert used.status_code == 201, used.text
    return dict(used.json()["transaction"])


async def test_what_would_have_been_charged(api: Api, clock: Clock) -> None:
    """300 credits of 600 a week: the second week is followed by an outage that a refill would have avoided."""
    wallet = await api.wallet("600")
    begun = (await api.get(f"/v1/wallets/{wallet}/transactions")).json()["items"][-1]["recorded_at"]
    used = []
    for _ in range(2):
        clock.advance(timedelta(days=7))
        used.append((await use(api, wallet, "300"))["recorded_at"])
    clock.advance(timedelta(days=7))
    before = counts(api.database_url)
    found = await simulate(api, wallet)

    assert before == counts(api.database_url)
    end = found["period_end"]
    assert {
        "wallet_id": wallet,
        "period_start": begun,
        "period_end": end,
        "resolution": "transaction",
        "transactions": 3,
        "refills_left_out": 0,
        "threshold": "100",
        "credits_per_refill": "500",
        "up_to_credits": None,
        "amount": "50.00",
        "currency": "USD",
        "maximum_per_month": 10,
        "monthly_spend_cap": "500.00",
        "usual_use_per_day": None,
        "refills": 1,
        "refills_per_30_days": "1.43",
        "total_cost": "50.00",
        "total_credits": "500",
        "charges": [{"at": used[1], "amount": "50.00", "credits": "500", "cause": "threshold"}],
        "blocked": [],
        "without_refills": {
            "lowest_balance": "0",
            "last_balance": "0",
            "outages": 1,
            "outage_s": found["outage_avoided_s"],
            "outage_list": [{"starts_at": used[1], "ends_at": end}],
        },
        "with_refills": {
            "lowest_balance": "0",
            "last_balance": "500",
            "outages": 0,
            "outage_s": 0,
            "outage_list": [],
        },
        "outages_avoided": 1,
        "outage_avoided_s": pytest.approx(7 * 86_400, abs=60),
    } == found
    assert found | {"period_end": end} == (await simulate(api, wallet)) | {
        name: found[name] for name in ("period_end", "without_refills", "outage_avoided_s")
    }


async def test_what_stood_in_the_way_is_told(api: Api, clock: Clock) -> None:
    """A refill of 100 credits does not do, and the next one waits for the cooldown."""
    wallet = await api.wallet("50")
    clock.advance(timedelta(hours=2))
    terms = {"threshold": "200", "amount_credits": "100", "amount_usd": None, "cooldown_s": 86_400}
    found = await simulate(api, wallet, days=1, **terms)
    assert (1, "10.00") == (found["refills"], found["total_cost"])
    [blocked] = found["blocked"]
    assert ("cooldown", 1) == (blocked["reason"], blocked["times"])
    assert found["period_start"] == blocked["first_at"]
    assert pytest.approx(7_200, abs=60) == blocked["duration_s"]
    assert None is found["refills_per_30_days"]


async def test_what_is_left_out_is_as_it_is_set(api: Api, clock: Clock) -> None:
    """Of the wallet's own settings, which stay as they are."""
    wallet = await api.wallet("600")
    path = f"/v1/wallets/{wallet}/auto-refill"
    await api.send("PUT", path, json={"enabled": True, **TERMS, "maximum_per_month": 3})
    await use(api, wallet, "100")
    kept = (await api.get(path)).json()

    answer = await api.post(f"{path}/simulate", {"threshold": "550"})
    found = answer.json()
    assert ("550", 3, "150.00", 1) == (
        found["threshold"],
        found["maximum_per_month"],
        found["monthly_spend_cap"],
        found["refills"],
    )
    assert kept == (await api.get(path)).json()


async def test_up_to_a_level(api: Api) -> None:
    wallet = await api.wallet("80")
    found = await simulate(api, wallet, amount_usd=None, up_to_credits="200")
    assert (None, "200", "20.00") == (found["credits_per_refill"], found["up_to_credits"], found["amount"])
    assert [("12.00", "120")] == [(charge["amount"], charge["credits"]) for charge in found["charges"]]


async def test_many_transactions_are_looked_at_each_hour(
    api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the answer says so."""
    monkeypatch.setattr("ledger.refill.simulate_api.EXACT_MAX", 3)
    wallet = await api.wallet("600")
    for _ in range(5):
        clock.advance(timedelta(minutes=61))
        await use(api, wallet, "110")
    found = await simulate(api, wallet)
    assert ("hour", 6, 1) == (found["resolution"], found["transactions"], found["refills"])


BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "no threshold": ("INVALID_REQUEST", {"threshold": None}),
    "no amount": ("INVALID_REQUEST", {"amount_usd": None}),
    "two amounts": ("INVALID_REQUEST", {"amount_credits": "5"}),
    "a float": ("INVALID_AMOUNT", {"threshold": 1.5}),
    "below the least payment": ("AMOUNT_TOO_LOW", {"amount_usd": "0.01"}),
    "a level below the threshold": ("INVALID_REQUEST", {"amount_usd": None, "up_to_credits": "100"}),
    "a cap below the amount": ("INVALID_REQUEST", {"monthly_spend_cap": "49.99"}),
    "no days": ("INVALID_REQUEST", {"days": 0}),
    "too many days": ("INVALID_REQUEST", {"days": 91}),
    "days as text": ("INVALID_REQUEST", {"days": "7"}),
    "no such zone": ("INVALID_REQUEST", {"time_zone": "Europe/Atlantis"}),
    "no such holiday": ("INVALID_REQUEST", {"holidays": ["2026-02-30"]}),
    "closes before it opens": (
        "INVALID_REQUEST",
        {"business_hours_only": True, "business_hours": {"opens": "18:00", "closes": "09:00"}},
    ),
    "enabled": ("INVALID_REQUEST", {"enabled": True}),
    "consent": ("INVALID_REQUEST", {"consent": {"given_by": "ada"}}),
}


@pytest.mark.parametrize(("code", "fields"), BODIES.values(), ids=BODIES.keys())
async def test_bad_requests(api: Api, scene: Scene, code: str, fields: dict[str, Any]) -> None:
    body = {name: value for name, value in (TERMS | fields).items() if value is not None}
    status = 422 if code.startswith("AMOUNT_TOO") else 400
    await refused(api, status, code, "POST", f"/v1/wallets/{scene.wallet}/auto-refill/simulate", json=body)


async def test_wallets_that_are_not_there(api: Api) -> None:
    for wallet in ("wal_00000000001", "user:nobody-here", "x"):
        await refused(api, 404, "NOT_FOUND", "POST", f"/v1/wallets/{wallet}/auto-refill/simulate", json=TERMS)


async def test_it_needs_no_more_than_reading(api: Api, app: Any) -> None:
    wallet = await api.wallet("10")
    reader = Api(app, make_key(api.database_url, "read")[1], api.database_url)
    answer = await reader.post(f"/v1/wallets/{wallet}/auto-refill/simulate", TERMS)
    await reader.client.aclose()
    assert 200 == answer.status_code
    assert [] == run_sql(api.database_url, "SELECT 1 FROM refill_attempts a JOIN wallets w USING (wallet_id)")
