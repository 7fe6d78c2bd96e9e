"""Makes ``ledger/docs/examples.json`` by calling the real application: an example is what it really answers.

    LEDGER_DATABASE_URL=postgresql://… python -m tests.contract.examples

Run it against an empty, migrated database after the shape of a request or an answer has changed.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ledger.book.read import Reader
from ledger.events.feed import advance
from ledger.forecast.model import HOLT_WINTERS
from ledger.forecast.service import make_due
from ledger.kit.db import Database
from ledger.kit.secret_keys import new_key
from ledger.rollups.figures import FiguresBeside
from ledger.webhooks.deliveries.fanout import fan_out
from tests.contract.examples_payments import record_payments
from tests.notifications.postoffice import post_office
from tests.support.api import Api, make_key, run_sql, running
from tests.support.desk import settings_of
from tests.support.sandbox import sandbox_served

FILE = Path(__file__).parents[2] / "ledger" / "docs" / "examples.json"


class Recorder:
    """Calls, and what they were and answered, by the operation's name."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.examples: dict[str, dict[str, Any]] = {}

    async def __call__(self, operation: str, method: str, path: str, body: Any = None, *, keep: bool = True) -> Any:
        given = {} if body is None else {"json": body}
        key = {"Idempotency-Key": f"example-{operation}" if keep else f"{path}-{operation}"}
        answer = await self.api.send(method, path, headers=key, **given)
        assert answer.status_code < 300, (operation, answer.text)
        if not keep:
            return answer.json()
        example = {"response": answer.json()}
        self.examples[operation] = example if body is None else {"request": body} | example
        return answer.json()


async def record(call: Recorder) -> None:
    """A day in the life of two wallets."""
    for operation, path in (("health", "/health"), ("ready", "/ready"), ("info", "/v1/info")):
        await call(operation, "GET", path)
    opened = await call(
        "open_wallet", "POST", "/v1/wallets", {"owner_id": "user-42", "metadata": {"plan": "trial", "seats": 3}}
    )
    wallet = f"/v1/wallets/{opened['id']}"
    await call("list_wallets", "GET", "/v1/wallets?owner_id=user-42")
    await call("get_wallet", "GET", wallet)
    await call("change_wallet", "PATCH", wallet, {"time_zone": "Europe/Berlin", "overdraft_limit": "50"})
    await call(
        "give_credits",
        "POST",
        f"{wallet}/credits",
        {"amount": "100", "source": "promotional", "reason": "Welcome", "expires_at": "2089-01-01T00:00:00Z"},
    )
    usage = {"service": "code_completion", "credits": "2.5", "event_id": "job-1", "session": "s-9"}
    used = await call("charge_usage", "POST", f"{wallet}/usage", usage | {"metadata": {"campaign": "spring"}})
    transaction = f"/v1/transactions/{used['transaction']['id']}"
    items = [
        {"wallet_id": opened["id"], "key": "batch-1-1", "service": "sandbox", "credits": "1"},
        {"user_id": "user-42", "key": "batch-1-2", "service": "sandbox", "credits": "1000"},
    ]
    await call("charge_batch", "POST", "/v1/usage/batch", {"items": items})
    counted = {"service": "sandbox_execution", "quantity": "130", "dimensions": {"template": "react"}}
    await call("quote_usage", "POST", f"{wallet}/usage/quote", counted)
    priced = (await call.api.post(f"{wallet}/usage", counted)).json()["transaction"]["id"]
    more = {"quantity": "13", "reason": "Counted in minutes, not in seconds"}
    amended = await call("amend_usage", "POST", f"/v1/usage/{priced}/amend", more)
    await call(
        "void_usage", "POST", f"/v1/usage/{amended['transaction']['id']}/void", {"reason": "The job was a test of ours"}
    )
    await call("explain_transaction", "GET", f"/v1/transactions/{priced}/why")
    await call("refund_usage", "POST", f"{transaction}/refund", {"amount": "1", "reason": "The job failed"})
    await call("reverse_transaction", "POST", f"{transaction}/reverse", {"reason": "Charged to the wrong wallet"})
    await call("get_transaction", "GET", transaction)
    await call("list_transactions", "GET", f"{wallet}/transactions?limit=1")
    await _holds(call, wallet)
    await _budgets(call, wallet)
    body = {"from_wallet_id": opened["id"], "to_user_id": "user-43", "amount": "10", "reason": "Project budget"}
    transfer = await call("make_transfer", "POST", "/v1/transfers", body)
    await call("list_transfers", "GET", f"/v1/transfers?wallet_id={opened['id']}")
    await call("get_transfer", "GET", f"/v1/transfers/{transfer['id']}")
    correction = {"amount": "1", "direction": "debit", "reason": "Given twice"}
    await call("adjust_credits", "POST", f"{wallet}/adjustments", correction)
    await call("get_balance", "GET", f"{wallet}/balance")
    await call("get_stats", "GET", f"{wallet}/stats")
    await call(
        "get_analytics", "GET", f"{wallet}/usage/analytics?timeframe=7d&breakdown_by=user,session,metadata:campaign"
    )
    await _forecast(call)
    await call("list_lots", "GET", f"{wallet}/lots")
    await call("freeze_wallet", "POST", f"{wallet}/freeze")
    await call("unfreeze_wallet", "POST", f"{wallet}/unfreeze")
    await call("close_wallet", "POST", "/v1/wallets/user:user-44/close")
    await _rates(call)
    await _events(call, opened["id"])
    await _webhooks(call)
    await _notifications(call, wallet)


async def _rates(call: Recorder) -> None:
    meter = {"service": "transcription", "meter": "minutes", "unit": "minute", "decimals": 2, "free_monthly": "30"}
    await call("add_meter", "POST", "/v1/meters", meter | {"dimensions": {"language": ["en", "de"], "model": None}})
    tiers = [{"up_to": "1000", "amount": "0.012"}, {"amount": "0.01", "flat": "2"}]
    german = {"service": "transcription", "dimensions": {"language": "de"}, "valid_from": "2089-01-01T00:00:00Z"}
    await call("add_price", "POST", "/v1/prices", german | {"graduated": tiers})
    await call("list_prices", "GET", "/v1/prices?service=storage")
    await call("list_meters", "GET", "/v1/meters?service=storage")
    card = await call("get_rate_card", "GET", "/v1/rate-card")
    call.examples["get_rate_card"]["response"] = card | {"meters": card["meters"][-2:]}  # it is long


async def _events(call: Recorder, wallet_id: str) -> None:
    """Placed as a worker does it."""
    database = Database(call.api.database_url)
    try:
        async with database.transaction() as connection:
            await advance(connection)
    finally:
        await database.dispose()
    shown = await call("list_events", "GET", f"/v1/events?wallet_id={wallet_id}&limit=2")
    await call("get_event", "GET", f"/v1/events/{shown['items'][0]['id']}")


async def _webhooks(call: Recorder) -> None:
    """With the secret of Standard Webhooks' own examples."""
    secret = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    wanted = {"url": "https://example.com/hooks/credits", "events": ["payment.*", "balance.low"]}
    made = await call("make_webhook_endpoint", "POST", "/v1/webhook-endpoints", wanted | secret)
    endpoint = f"/v1/webhook-endpoints/{made['id']}"
    await call("list_webhook_endpoints", "GET", "/v1/webhook-endpoints")
    await call("get_webhook_endpoint", "GET", endpoint)
    await call("rotate_webhook_secret", "POST", f"{endpoint}/rotate-secret", secret | {"overlap_s": 3600})
    await _deliveries(call, endpoint)
    await call("change_webhook_endpoint", "PATCH", endpoint, {"events": ["*"], "enabled": False})
    await call("delete_webhook_endpoint", "DELETE", endpoint)


async def _deliveries(call: Recorder, endpoint: str) -> None:
    """Of an event, as a worker makes them; nobody sends it."""
    await call.api.send("PATCH", endpoint, json={"events": ["credits.granted"]})
    await call.api.grant(await call.api.wallet(), "25")
    database = Database(call.api.database_url)
    try:
        await fan_out(database)
    finally:
        await database.dispose()
    shown = await call("list_deliveries", "GET", f"{endpoint}/deliveries")
    delivery = f"/v1/deliveries/{shown['items'][0]['id']}"
    await call("get_delivery", "GET", delivery)
    await call("redeliver", "POST", f"{delivery}/redeliver")
    again = {"since": "2026-11-20T00:00:00Z", "which": "exhausted"}
    await call("redeliver_some", "POST", f"{endpoint}/redeliver", again)
    await call("test_webhook_endpoint", "POST", f"{endpoint}/test")


async def _notifications(call: Recorder, wallet: str) -> None:
    mail = {"kind": "email", "address": "billing@example.com"}
    chat = {"kind": "slack", "url": "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnop"}
    wanted = {"channels": [mail, chat | {"events": ["balance.*"], "enabled": False}]}
    told = await call("set_notifications", "PUT", f"{wallet}/notifications", wanted)
    await call("get_notifications", "GET", f"{wallet}/notifications")
    test = {"channel_id": told["channels"][0]["id"]}
    await call("test_notifications", "POST", f"{wallet}/notifications/test", test)


async def _holds(call: Recorder, wallet: str) -> None:
    reserve = {"amount": "20", "expires_in_s": 3600, "service": "neural_training", "description": "Nightly run"}
    placed = await call("place_hold", "POST", f"{wallet}/holds", reserve)
    hold = f"/v1/holds/{placed['hold']['id']}"
    await call("capture_hold", "POST", f"{hold}/capture", {"amount": "12.5", "final": False})
    await call("get_hold", "GET", hold)
    await call("list_holds", "GET", f"{wallet}/holds?state=open")
    await call("release_hold", "POST", f"{hold}/release")


async def _forecast(call: Recorder) -> None:
    """Of a wallet with five weeks of use, made as a worker makes it."""
    given = {"amount": "1500", "source": "promotional", "reason": "Trial"}
    await call("give_credits", "POST", "/v1/wallets/user:user-45/credits", given, keep=False)
    now = datetime.now(UTC)
    items = [
        {
            "user_id": "user-45",
            "key": f"day-{ago}",
            "service": "code_completion",
            "credits": str(10 + ago % 3 if (now - timedelta(days=ago)).weekday() < 5 else 2),
            "occurred_at": (now - timedelta(days=ago)).isoformat(),
        }
        for ago in range(34, 0, -1)
    ]
    await call("charge_batch", "POST", "/v1/usage/batch", {"items": items}, keep=False)
    await call("get_forecast", "GET", "/v1/wallets/user:user-45/forecast")
    database = Database(call.api.database_url)
    await make_due(database, Reader(database, FiguresBeside()), lambda: HOLT_WINTERS, more=lambda: True)
    await database.dispose()
    await call("get_forecast", "GET", "/v1/wallets/user:user-45/forecast")


async def _budgets(call: Recorder, wallet: str) -> None:
    monthly = {"period": "month", "limit": "20", "service": "neural_training", "hard": True, "alerts": [50, 80, 100]}
    made = await call("make_budget", "POST", f"{wallet}/budgets", monthly)
    budget = f"{wallet}/budgets/{made['id']}"
    await call("get_budget", "GET", budget)
    await call("list_budgets", "GET", f"{wallet}/budgets")
    await call("change_budget", "PATCH", budget, {"limit": "25", "hard": False})
    await call("end_budget", "DELETE", budget)


async def _what_if(call: Recorder) -> None:
    """Of a wallet with four weeks of use: last of all, as the clock is moved."""
    wallet = "/v1/wallets/user:user-46"
    given = {"amount": "600", "source": "promotional", "reason": "Trial"}
    await call("give_credits", "POST", f"{wallet}/credits", given, keep=False)
    for credits in ("250", "200", "150", None):
        run_sql(call.api.database_url, "UPDATE clock SET ahead_us = ahead_us + 7 * 86400000000")
        if credits is not None:
            await call.api.post(f"{wallet}/usage", {"service": "code_completion", "credits": credits})
    hours = {"business_hours_only": True, "business_hours": {"opens": "08:00", "closes": "20:00"}}
    terms = {"threshold": "100", "amount_usd": "50.00", "maximum_per_month": 4, **hours, "time_zone": "Europe/Berlin"}
    await call("simulate_auto_refill", "POST", f"{wallet}/auto-refill/simulate", terms)


async def main() -> None:
    url = os.environ["LEDGER_DATABASE_URL"]
    with sandbox_served() as sandbox, post_office() as office:
        mail = {"smtp_url": f"smtp://127.0.0.1:{office.port}", "mail_from": "Credits <billing@example.com>"}
        async with running(url, settings_of(url, sandbox, secret_keys=new_key(), **mail)) as app:
            call = Recorder(Api(app, make_key(url, "admin")[1], url))
            await record(call)
            await record_payments(call, "/v1/wallets/user:user-42", sandbox)
            await _what_if(call)
    FILE.write_text(json.dumps(call.examples, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
