"""Settings of auto-refill: what is left out stays, every change is a consent, and none is ever lost."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger.errors import InvalidRequest
from ledger.kit.ids import parse_wallet
from ledger.refill import changes, store, telling
from ledger.refill.service import wanted_of
from ledger.refill.shapes import Settings
from ledger.wallets.service import get_wallet
from tests.refill.scene import Scene
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio


async def put(scene: Scene, wallet: str, body: dict[str, Any]) -> Any:
    return await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", json=body)


async def test_it_is_off_until_somebody_agrees(scene: Scene) -> None:
    wallet = await scene.api.wallet("10")
    shown = await scene.shown(wallet)
    assert (shown["enabled"], shown["status"], shown["consent"], shown["threshold"]) == (False, "off", None, None)
    off = await put(scene, wallet, {"enabled": False})
    assert off.json() == shown | {"notification_webhook_secret": None}
    await scene.work()
    assert await scene.attempts(wallet) == []


async def test_every_change_is_a_consent_with_what_was_shown(scene: Scene) -> None:
    wallet = await scene.wallet("500", consent={"given_by": "ada@example.com"})
    first = (await scene.shown(wallet))["consent"]
    assert first["given_by"] == "ada@example.com"
    assert first["shown"] == {
        "amount": "50.00",
        "currency": "USD",
        "credits": "500",
        "threshold": "100",
        "maximum_per_month": 10,
        "monthly_spend_cap": "500.00",
        "card": first["shown"]["card"],
    }
    assert (first["shown"]["card"]["brand"], first["shown"]["card"]["last_four"]) == ("visa", "4242")
    await scene.set(wallet, amount_usd="20", maximum_per_month=3)
    second = (await scene.shown(wallet))["consent"]
    assert second["given_by"] == second["actor"], "who does not say whose, agrees as the key"
    assert (second["shown"]["amount"], second["shown"]["monthly_spend_cap"]) == ("20.00", "60.00")
    kept = run_sql(
        scene.url, "SELECT given_by FROM refill_consents WHERE wallet_id = %s ORDER BY consent", parse_wallet(wallet)
    )
    assert len(kept) == 2
    with pytest.raises(psycopg.errors.RestrictViolation):
        run_sql(scene.url, "UPDATE refill_consents SET shown = '{}' WHERE wallet_id = %s", parse_wallet(wallet))


async def test_what_is_left_out_stays(scene: Scene) -> None:
    wallet = await scene.wallet("500", monthly_spend_cap="120", cooldown_s=3_600, weekend_refill=False)
    changed = (await put(scene, wallet, {"enabled": True, "threshold": "200"})).json()
    assert (changed["threshold"], changed["amount"], changed["monthly_spend_cap"]) == ("200", "50.00", "120.00")
    assert (changed["cooldown_s"], changed["weekend_refill"]) == (3_600, False)
    assert (await put(scene, wallet, {"enabled": False})).json()["threshold"] == "200"
    again = (await put(scene, wallet, {"enabled": True})).json()
    assert (again["status"], again["threshold"], again["monthly_spend_cap"]) == ("on", "200", "120.00")


async def test_a_cap_that_was_named_is_never_raised_by_another_change(scene: Scene) -> None:
    """Although it is what the service would have set by itself; one that nobody named follows the others."""
    wallet = await scene.wallet("500", maximum_per_month=10, monthly_spend_cap="500")
    changed = (await put(scene, wallet, {"enabled": True, "maximum_per_month": 20})).json()
    assert (changed["maximum_per_month"], changed["monthly_spend_cap"]) == (20, "500.00")
    plain = await scene.wallet("500", maximum_per_month=10)
    changed = (await put(scene, plain, {"enabled": True, "maximum_per_month": 20})).json()
    assert changed["monthly_spend_cap"] == "1000.00"


@pytest.mark.parametrize("first", [{"monthly_spend_cap": "100"}, {"enabled": False}])
async def test_of_two_changes_at_once_none_is_undone_by_the_other(scene: Scene, first: dict[str, Any]) -> None:
    """The second one was made of settings that are no longer so: it is refused, and nobody agrees to what was not shown."""
    wallet = await scene.wallet("500")
    number = parse_wallet(wallet)
    service = scene.desk.settings
    kept = await get_wallet(scene.desk.database, number)
    async with scene.desk.database.transaction() as connection:
        riders = [
            await changes.setting(connection, number, Settings(**body), actor="key", wallet=kept, service=service)
            for body in ({"enabled": True} | first, {"enabled": True, "threshold": "200"})
        ]
    moved = [await telling.move(scene.desk.door, number, [rider]) for rider in riders if rider is not None]
    assert moved == [True, False]
    shown = await scene.shown(wallet)
    assert shown["threshold"] == "100"
    assert (shown["enabled"], shown["monthly_spend_cap"]) in [(True, "100.00"), (False, "500.00")]


async def test_amounts_of_another_currency_are_not_taken_over(scene: Scene) -> None:
    """The service takes another currency since: 50.00 dollars are not 5000 yen."""
    wallet = await scene.wallet("500", monthly_spend_cap="120")
    async with scene.desk.database.transaction() as connection:
        seen = await store.seen(connection, parse_wallet(wallet))
    yen = replace(scene.desk.settings, settlement_currency="JPY", credits_per_unit='{"JPY":"0.1"}')
    with pytest.raises(InvalidRequest, match="is needed"):
        wanted_of(Settings(enabled=True), seen, "UTC", yen)
    wanted = wanted_of(Settings(enabled=True, amount_credits="500"), seen, "UTC", yen)
    assert (wanted.currency, wanted.amount, wanted.monthly_spend_cap) == ("JPY", 5_000, 50_000)


async def test_no_card_is_charged_in_a_currency_that_is_not_taken_any_more(scene: Scene) -> None:
    """Payments are taken in the settlement currency only. It waits for somebody who agrees to the other one."""
    wallet = await scene.wallet()
    await scene.use(wallet, "60")
    yen = replace(scene.desk.settings, settlement_currency="JPY", credits_per_unit='{"JPY":"0.1"}')
    moved = scene._replace(desk=scene.desk._replace(settings=yen))
    await moved.work()
    [attempt] = await scene.attempts(wallet)
    assert ("canceled", "currency_changed") == (attempt["status"], attempt["reason"])
    shown = await scene.shown(wallet)
    assert ("paused", "currency_changed") == (shown["status"], shown["paused"]["reason"])
    assert 0 == shown["this_month"]["refills"]
    assert ["paused"] == [told["type"] for told in scene.told(wallet)]
    scene.ahead(timedelta(minutes=11))
    await moved.work()
    assert (1, []) == (len(await scene.attempts(wallet)), scene.charges(wallet))


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({}, "INVALID_REQUEST", ""),
        ({"threshold": "100"}, "INVALID_REQUEST", ""),
        ({"amount_usd": "50"}, "INVALID_REQUEST", "threshold"),
        ({"threshold": "100", "amount_usd": "50", "amount_credits": "500"}, "INVALID_REQUEST", "amount_usd"),
        ({"threshold": "100", "amount_usd": "9.99"}, "AMOUNT_TOO_LOW", None),
        ({"threshold": "100", "amount_usd": "10000.01"}, "AMOUNT_TOO_HIGH", None),
        ({"threshold": "100", "amount_credits": "500.05"}, "INVALID_AMOUNT", "amount_credits"),
        ({"threshold": "0", "amount_usd": "50"}, "INVALID_AMOUNT", "threshold"),
        ({"threshold": "500", "up_to_credits": "500"}, "INVALID_REQUEST", "up_to_credits"),
        (
            {"threshold": "100", "amount_usd": "50", "monthly_spend_cap": "49.99"},
            "INVALID_REQUEST",
            "monthly_spend_cap",
        ),
        ({"threshold": "100", "amount_usd": "50", "maximum_per_month": 0}, "INVALID_REQUEST", "maximum_per_month"),
        ({"threshold": "100", "amount_usd": "50", "time_zone": "Mars/Olympus"}, "INVALID_REQUEST", "time_zone"),
        ({"threshold": "100", "amount_usd": "50", "holidays": ["2026-02-30"]}, "INVALID_REQUEST", "holidays[0]"),
        (
            {
                "threshold": "100",
                "amount_usd": "50",
                "business_hours_only": True,
                "business_hours": {"opens": "18:00", "closes": "09:00"},
            },
            "INVALID_REQUEST",
            "business_hours.closes",
        ),
        ({"threshold": "100", "amount": "50"}, "INVALID_REQUEST", "amount"),
    ],
)
async def test_settings_that_cannot_be_are_refused(scene: Scene, body: Any, code: str, path: str | None) -> None:
    wallet = await scene.api.wallet("500")
    refused = await put(scene, wallet, {"enabled": True, **body})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422 if code.startswith("AMOUNT") else 400, code), problem
    if path is not None:
        assert [error["path"] for error in problem["errors"]] == [path]
    assert (await scene.shown(wallet))["enabled"] is False


async def test_a_closed_wallet_is_not_switched_on(scene: Scene) -> None:
    wallet = await scene.api.wallet()
    assert (await scene.api.post(f"/v1/wallets/{wallet}/close")).status_code == 200
    refused = await put(scene, wallet, {"enabled": True, "threshold": "100", "amount_usd": "50"})
    assert (refused.status_code, refused.json()["code"]) == (409, "WALLET_CLOSED")
    assert (await put(scene, wallet, {"enabled": False})).status_code == 200


async def test_switching_it_on_again_gives_the_card_another_chance(scene: Scene) -> None:
    wallet = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    fingerprint = run_sql(
        scene.url, "SELECT fingerprint FROM payment_methods WHERE wallet_id = %s", parse_wallet(wallet)
    )[0][0]
    dead = "INSERT INTO refill_cards (fingerprint, failures, dead) VALUES (%s, 1, true)"
    run_sql(scene.url, dead, fingerprint)
    await scene.work()
    assert await scene.states(wallet) == ["link_sent"], "it is not even tried"
    other = await scene.wallet("10", card="pm_card_chargeCustomerFail")
    await scene.work()
    assert await scene.states(other) == ["waiting"]


async def test_up_to_buys_what_is_missing_debt_included(scene: Scene) -> None:
    wallet = await scene.api.wallet("150", overdraft_limit="100")
    await scene.save(wallet, "pm_card_visa")
    await scene.set(wallet, up_to_credits="1000")
    await scene.use(wallet, "200")
    await scene.work()
    assert await scene.balance(wallet) == "950", "never more is charged than was agreed to"
    [charge] = scene.charges(wallet)
    assert charge.amount == 10_000


async def test_it_keeps_to_business_hours(scene: Scene) -> None:
    """Decided outside, it is charged when it opens."""
    wallet = await scene.wallet("500", business_hours_only=True, weekend_refill=False, time_zone="Europe/Berlin")
    shown = await scene.shown(wallet)
    assert shown["business_hours"] == {"opens": "09:00", "closes": "18:00"}
    ahead_to(scene, "7 days 1 hour")  # Monday, one in the morning
    await scene.use(wallet, "450")
    await scene.work()
    [blocked] = scene.told(wallet)
    assert blocked["reason"] == "outside_hours"
    assert (await scene.shown(wallet))["next_evaluation"][:19] == blocked["until"][:19]
    scene.ahead(timedelta(hours=8))
    await scene.work()
    assert len(scene.charges(wallet)) == 1


async def test_a_debit_takes_days_and_counts_as_on_its_way(scene: Scene) -> None:
    scene.sandbox.tell("/config", debit_after_s=86_400)
    wallet = await scene.wallet("10", card="pm_usBankAccount_success")
    await scene.work()
    assert await scene.states(wallet) == ["processing"]
    await scene.use(wallet, "1")
    await scene.work()
    assert await scene.states(wallet) == ["processing"], "nothing else begins while it is on its way"
    scene.sandbox.pass_time(86_401)
    await scene.hear()
    await scene.work()
    assert (await scene.states(wallet), await scene.balance(wallet)) == (["succeeded"], "509")


async def test_a_smart_refill_comes_before_it_closes_for_long(scene: Scene) -> None:
    """On Friday an hour before six it is seen that the credits do not last until Monday at nine."""
    wallet = await scene.wallet(
        "650", business_hours_only=True, weekend_refill=False, time_zone="Europe/Berlin", smart_refill=True
    )
    forecast(scene, wallet, a_day="250")
    ahead_to(scene, "4 days 12 hours")  # Friday at noon
    await scene.use(wallet, "50")
    shown = await scene.shown(wallet)
    assert shown["estimated_refills_per_month"] == "10.0", "15 are expected, and 10 are allowed"
    assert shown["estimated_monthly_cost"] == "500.00"
    assert shown["next_charge"]["expected_at"] is not None
    assert local(scene, shown["next_evaluation"]) == "Fri 17:00"
    await scene.work()
    assert scene.charges(wallet) == []
    ahead_to(scene, "4 days 17 hours")
    await scene.work()
    [attempt] = await scene.attempts(wallet)
    assert (attempt["cause"], attempt["status"], attempt["held_and_free"]) == ("forecast", "succeeded", "600")
    await scene.work()
    assert len(scene.charges(wallet)) == 1


async def test_a_smart_refill_leaves_alone_what_lasts(scene: Scene) -> None:
    wallet = await scene.wallet(
        "650", business_hours_only=True, weekend_refill=False, time_zone="Europe/Berlin", smart_refill=True
    )
    forecast(scene, wallet, a_day="100")
    ahead_to(scene, "4 days 17 hours")
    await scene.use(wallet, "50")
    await scene.work()
    assert scene.charges(wallet) == []
    assert local(scene, (await scene.shown(wallet))["next_evaluation"]) == "Mon 09:00"


def forecast(scene: Scene, wallet: str, *, a_day: str) -> None:
    """So much is usually used a day."""
    body = json.dumps({"expected_micro": int(a_day) * 30 * 1_000_000})
    run_sql(
        scene.url,
        "INSERT INTO forecasts (wallet_id, made_at, until, body) VALUES (%s, ledger_now(), ledger_now()::date, %s)",
        parse_wallet(wallet),
        body,
    )


def ahead_to(scene: Scene, since_monday: str) -> None:
    """So long after the beginning of a week in Berlin: the next one, or the one that it is now, once it was moved."""
    [(seconds,)] = run_sql(
        scene.url,
        """SELECT min(extract(epoch FROM to_ - ledger_now()))::float8 FROM (
            SELECT (date_trunc('week', ledger_now() AT TIME ZONE 'Europe/Berlin') + make_interval(weeks => w)
                + %s::interval) AT TIME ZONE 'Europe/Berlin' AS to_ FROM generate_series(0, 1) AS w) AS t
        WHERE to_ > ledger_now()""",
        since_monday,
    )
    scene.ahead(timedelta(seconds=seconds))


def local(scene: Scene, instant: str) -> str:
    """Day and time of an instant in Berlin."""
    sql = "SELECT to_char(%s::timestamptz AT TIME ZONE 'Europe/Berlin', 'Dy HH24:MI')"
    return str(run_sql(scene.url, sql, instant)[0][0])
