"""Hostile settings of auto-refill: a problem with a code and the place, nothing is kept, never a 500."""

import json
from typing import Any

import pytest

from ledger.kit.ids import parse_wallet, row_public
from tests.refill.scene import Scene
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
GOOD = {"enabled": "true", "threshold": '"100"', "amount_usd": '"50"'}
"""Members as they are written, so that what no JSON library would write can be sent."""

BAD: dict[str, tuple[dict[str, str], str]] = {
    "a float": ({"amount_usd": "50.5"}, "amount_usd"),
    "a float in credits": ({"amount_usd": "", "amount_credits": "500.0"}, "amount_credits"),
    "not a whole cent": ({"amount_usd": '"50.005"'}, "amount_usd"),
    "credits of not a whole cent": ({"amount_usd": "", "amount_credits": '"500.000001"'}, "amount_credits"),
    "a thousand digits": ({"threshold": "9" * 1_000}, "threshold"),
    "2^63": ({"threshold": str(2**63)}, "threshold"),
    "an exponent": ({"threshold": '"1e2"'}, "threshold"),
    "beyond what a double holds": ({"threshold": "1e999"}, ""),
    "less than nothing": ({"threshold": "-1"}, "threshold"),
    "a threshold that is null": ({"threshold": "null"}, "threshold"),
    "a threshold in a list": ({"threshold": "[100]"}, "threshold"),
    "both units": ({"amount_credits": "500"}, "amount_usd"),
    "an amount without a unit": ({"amount": "50"}, "amount"),
    "up to less than the threshold": ({"amount_usd": "", "up_to_credits": '"100"'}, "up_to_credits"),
    "a cap below one refill": ({"monthly_spend_cap": '"49.99"'}, "monthly_spend_cap"),
    "a cap of nothing": ({"monthly_spend_cap": "0"}, "monthly_spend_cap"),
    "no refills at all": ({"maximum_per_month": "0"}, "maximum_per_month"),
    "more refills than there are seconds": ({"maximum_per_month": str(10**30)}, "maximum_per_month"),
    "a truth for a number": ({"maximum_per_month": "true"}, "maximum_per_month"),
    "a cooldown of a moment": ({"cooldown_s": "59"}, "cooldown_s"),
    "a cooldown of half a second": ({"cooldown_s": "600.5"}, "cooldown_s"),
    "a cooldown for ever": ({"cooldown_s": str(2**40)}, "cooldown_s"),
    "no hours at all": (
        {"business_hours_only": "true", "business_hours": '{"opens":"09:00","closes":"09:00"}'},
        "business_hours.closes",
    ),
    "hours over midnight": (
        {"business_hours_only": "true", "business_hours": '{"opens":"22:00","closes":"06:00"}'},
        "business_hours.closes",
    ),
    "an opening at the end": (
        {"business_hours_only": "true", "business_hours": '{"opens":"24:00","closes":"24:00"}'},
        "business_hours.closes",
    ),
    "half past the end": (
        {"business_hours_only": "true", "business_hours": '{"closes":"24:30"}'},
        "business_hours.closes",
    ),
    "an hour with a line end": (
        {"business_hours_only": "true", "business_hours": '{"opens":"09:00\\n"}'},
        "business_hours.opens",
    ),
    "hours that are not asked for": ({"business_hours": '{"opens":"08:00"}'}, "business_hours"),
    "a day that is none": ({"holidays": '["2027-02-29"]'}, "holidays[0]"),
    "a day before there were any": ({"holidays": '["2026-12-25","0000-01-01"]'}, "holidays[1]"),
    "a day with a time": ({"holidays": '["2026-12-25T00:00"]'}, "holidays[0]"),
    "a year of days and one": ({"holidays": json.dumps(["2026-12-25"] * 367)}, "holidays"),
    "a zone that is none": ({"time_zone": '"Mars/Olympus"'}, "time_zone"),
    "a zone in a file": ({"time_zone": '"../../etc/passwd"'}, "time_zone"),
    "no zone": ({"time_zone": '""'}, "time_zone"),
    "nobody's consent": ({"consent": '{"given_by":""}'}, "consent.given_by"),
    "a consent of NUL": ({"consent": '{"given_by":"a\\u0000b"}'}, "consent.given_by"),
    "half a character": ({"consent": '{"given_by":"\\ud800"}'}, ""),
    "switched off and changed": ({"enabled": "false"}, "threshold"),
    "a text for a truth": ({"enabled": '"true"'}, "enabled"),
    "neither on nor off": ({"enabled": ""}, "enabled"),
    "a field of ours": ({"paused_for": "null"}, "paused_for"),
}
"""What is changed in good settings (nothing: is left out), and where that is said to be wrong."""


def written(change: dict[str, str]) -> bytes:
    members = [f'"{name}":{value}' for name, value in (GOOD | change).items() if value]
    return ("{" + ",".join(members) + "}").encode()


@pytest.mark.parametrize("bad", BAD)
async def test_bad_settings_are_refused_at_their_place(scene: Scene, bad: str) -> None:
    change, path = BAD[bad]
    wallet = await scene.api.wallet("10")
    answer = await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", content=written(change), headers=JSON)
    problem = answer.json()
    assert (400, True) == (answer.status_code, problem["code"] in ("INVALID_REQUEST", "INVALID_AMOUNT")), problem
    assert path in [error["path"] for error in problem["errors"]] if path else problem["detail"]
    assert [] == run_sql(scene.url, "SELECT 1 FROM refills WHERE wallet_id = %s", parse_wallet(wallet))
    assert [] == run_sql(scene.url, "SELECT 1 FROM refill_consents WHERE wallet_id = %s", parse_wallet(wallet))


@pytest.mark.parametrize(
    "change",
    [
        {"business_hours_only": "true", "business_hours": '{"opens":"00:00","closes":"24:00"}'},
        {"holidays": json.dumps(["9999-12-31", "0001-01-01", "2026-12-25", "2026-12-25"])},
        {"monthly_spend_cap": '"1000000000"', "maximum_per_month": "1000"},
        {"threshold": '"999999999999.999999"'},
        {"time_zone": '"Pacific/Apia"', "smart_refill": "true", "business_hours_only": "true"},
        {"weekend_refill": "false", "cooldown_s": "2592000"},
        {"amount_usd": '"10000"'},
        {"amount_usd": '"10"'},
    ],
)
async def test_settings_at_their_limits_are_kept(scene: Scene, change: dict[str, str]) -> None:
    """Each is taken, shown, and decided by without a fault; the same again is the same."""
    wallet = await scene.api.wallet("10")
    for _ in range(2):
        answer = await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", content=written(change), headers=JSON)
        assert 200 == answer.status_code, answer.text
    await scene.use(wallet, "1")
    assert (await scene.shown(wallet))["enabled"]
    await scene.set(wallet, enabled=False)
    await scene.work()


async def test_of_a_wallet_that_is_closed_nothing_is_charged(scene: Scene) -> None:
    wallet = await scene.api.wallet()
    await scene.save(wallet, "pm_card_visa")
    await scene.api.post(f"/v1/wallets/{wallet}/close")
    answer = await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", content=written({}), headers=JSON)
    assert answer.status_code < 500, answer.text
    await scene.work()
    assert scene.charges(wallet) == []


async def test_attempts_that_are_not_there_are_not_found(scene: Scene) -> None:
    """Of another wallet, beyond all numbers, and ids of something else; so are wallets."""
    mine, other = await scene.wallet("10", card=None), await scene.wallet("10", card=None)
    [attempt] = await scene.attempts(other)
    path = f"/v1/wallets/{mine}/auto-refill/attempts"
    last = row_public("arf", parse_wallet(mine), 2**63 - 1)
    for wrong in (attempt["id"], last, "arf_x", "arf_", mine, f"arf_{'Z' * 300}"):
        answer: Any = await scene.api.get(f"{path}/{wrong}")
        assert (404, "NOT_FOUND") == (answer.status_code, answer.json()["code"]), wrong
    assert (await scene.api.get(path, cursor="nonsense")).status_code == 400
    assert (await scene.api.get(path, status="lost")).status_code == 400
    for path in ("", "/attempts", f"/attempts/{attempt['id']}"):
        answer = await scene.api.get(f"/v1/wallets/wal_0GJkz3mQx7B/auto-refill{path}")
        assert (404, "NOT_FOUND") == (answer.status_code, answer.json()["code"]), path
    for method, path in (("PUT", ""), ("POST", "/resume")):
        body = {"enabled": True, "threshold": "1", "amount_usd": "50"} if method == "PUT" else None
        answer = await scene.api.send(method, f"/v1/wallets/wal_0GJkz3mQx7B/auto-refill{path}", json=body)
        assert (404, "NOT_FOUND") == (answer.status_code, answer.json()["code"]), path


@pytest.mark.parametrize(
    "body", ['{"stopped":1}', '{"stopped":true,"reason":""}', "{}", '{"stopped":true,"who":"me"}', "[]", '{"stopped":']
)
async def test_a_switch_that_is_not_understood_stays(scene: Scene, body: str) -> None:
    answer = await scene.api.send("PUT", "/v1/auto-refill/switch", content=body.encode(), headers=JSON)
    assert (400, "INVALID_REQUEST") == (answer.status_code, answer.json()["code"])
    assert (await scene.api.get("/v1/auto-refill/switch")).json()["stopped"] is False
