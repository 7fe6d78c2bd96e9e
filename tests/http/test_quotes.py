"""A quote says what posting would say, budgets and state of the wallet included, and leaves no trace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.kit.ids import wallet_public
from tests.support.api import Api, run_sql
from tests.support.book import new_wallets

pytestmark = pytest.mark.anyio


async def budget(api: Api, wallet: str, **fields: Any) -> str:
    made = await api.post(f"/v1/wallets/{wallet}/budgets", {"period": "month", "limit": "10"} | fields)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def everything(api: Api) -> dict[str, str]:
    """Every row of every table, with where it lies and who wrote or locked it last. (A key's last use is noted.)"""
    tables = run_sql(
        api.database_url, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {
        name: run_sql(
            api.database_url,
            f"SELECT coalesce(md5(string_agg(t.ctid::text || t.xmin || t.xmax || t::text, '' ORDER BY t.ctid)), '') FROM {name} t",
        )[0][0]
        for (name,) in tables
        if name != "api_keys"
    }  # fmt: skip


async def quote(api: Api, wallet: str, **event: Any) -> dict[str, Any]:
    """The quote, which must have left no trace."""
    before = everything(api)
    answer = await api.post(f"/v1/wallets/{wallet}/usage/quote", {"service": "chat"} | event)
    assert 200 == answer.status_code, answer.text
    assert before == everything(api)
    return dict(answer.json())


async def both(api: Api, wallet: str, **event: Any) -> dict[str, Any]:
    """The quote, which must say what posting then says."""
    quoted = await quote(api, wallet, **event)
    posted = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "chat"} | event)
    assert quoted["would_post"] == (201 == posted.status_code), posted.text
    if quoted["would_post"]:
        assert (quoted["charge"], quoted["balance"], None) == (
            posted.json()["charge"],
            posted.json()["balance"],
            quoted["problem"],
        )
    else:
        assert (None, None, posted.json()) == (quoted["charge"], quoted["balance"], quoted["problem"])
    return quoted


async def test_a_hard_budget_that_would_be_exceeded(api: Api) -> None:
    """With its facts; the last credit of it can be used; what the budget does not concern is quoted as ever."""
    wallet = await api.wallet("1000")
    made = await budget(api, wallet, hard=True, service="chat")
    assert (await both(api, wallet, credits="6"))["would_post"]
    problem = (await both(api, wallet, credits="4.000001"))["problem"]
    assert ("CREDIT_LIMIT_EXCEEDED", 402) == (problem["code"], problem["status"])
    assert {"budget": made, "limit": "10", "spent": "6", "left": "4"} == problem["details"]
    assert (await quote(api, wallet, credits="100", service="render"))["would_post"]
    assert (await both(api, wallet, credits="4"))["would_post"]


async def test_a_price_is_held_against_the_budget_in_a_quote_too(api: Api) -> None:
    """Free units count nothing; what the card makes of the others is held against what is left."""
    wallet = await api.wallet("1000")
    await budget(api, wallet, hard=True)
    sandbox = {"service": "sandbox_execution", "dimensions": {"template": "python"}}
    assert "0" == (await both(api, wallet, quantity="100", **sandbox))["charge"]["credits"]
    problem = (await both(api, wallet, quantity="101", **sandbox))["problem"]
    assert ("CREDIT_LIMIT_EXCEEDED", "10") == (problem["code"], problem["details"]["left"])
    assert "10" == (await both(api, wallet, quantity="100", **sandbox))["charge"]["credits"]


async def test_a_soft_budget_that_would_be_exceeded(api: Api) -> None:
    """It limits nothing, and a quote tells no level."""
    wallet = await api.wallet("1000")
    path = f"/v1/wallets/{wallet}/budgets/{await budget(api, wallet)}"
    assert (await quote(api, wallet, credits="500"))["would_post"]
    shown = (await api.get(path)).json()
    assert ("0", []) == (shown["spent"], shown["told"])


async def test_an_exhausted_wallet(api: Api) -> None:
    """Of its credits, and of its overdraft."""
    wallet = await api.wallet("5", overdraft_limit="2")
    problem = (await both(api, wallet, credits="8"))["problem"]
    assert ("INSUFFICIENT_CREDITS", "7", "1") == (problem["code"], problem["available"], problem["shortfall"])
    quoted = await both(api, wallet, credits="7")
    assert ("2", "-2") == (quoted["charge"]["overdraft"], quoted["balance"]["balance"])
    empty = await api.wallet()
    assert "INSUFFICIENT_CREDITS" == (await both(api, empty, credits="0.000001"))["problem"]["code"]


async def test_a_frozen_and_a_closed_wallet(api: Api) -> None:
    frozen, closed = await api.wallet("5"), await api.wallet()
    await api.post(f"/v1/wallets/{frozen}/freeze")
    await api.post(f"/v1/wallets/{closed}/close")
    for wallet, code in ((frozen, "WALLET_FROZEN"), (closed, "WALLET_CLOSED")):
        problem = (await both(api, wallet, credits="1"))["problem"]
        assert (code, 409) == (problem["code"], problem["status"])


async def test_a_fact_that_was_charged_and_a_price_that_is_not_there(api: Api) -> None:
    wallet = await api.wallet("5")
    used = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "chat", "credits": "1", "event_id": "job-1"})
    problem = (await both(api, wallet, credits="1", event_id="job-1"))["problem"]
    assert ("ALREADY_POSTED", used.json()["transaction"]["id"]) == (
        problem["code"],
        problem["details"]["transaction_id"],
    )
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    unpriced = await both(api, wallet, service="api_call", quantity="1", occurred_at=at)
    assert "PRICE_NOT_FOUND" == unpriced["problem"]["code"]


async def test_what_is_wrong_with_the_event_or_its_wallet_is_no_quote(api: Api) -> None:
    """It is refused as posting would refuse it, whatever the wallet could pay."""
    wallet, missing = await api.wallet("5"), wallet_public(new_wallets(api.database_url)[0] + 1)
    for path, body, status, code in (
        (wallet, {"service": "chat", "credits": "0"}, 400, "INVALID_AMOUNT"),
        (wallet, {"service": "chat", "quantity": "1"}, 422, "UNKNOWN_METER"),
        (missing, {"service": "chat", "credits": "1"}, 404, "NOT_FOUND"),
        ("user:nobody-at-all", {"service": "chat", "credits": "1"}, 404, "NOT_FOUND"),
    ):
        answer = await api.post(f"/v1/wallets/{path}/usage/quote", body)
        assert (status, code) == (answer.status_code, answer.json()["code"]), path
