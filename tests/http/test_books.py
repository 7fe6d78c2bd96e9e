"""Credits, lots, holds, transfers and the history of a wallet, as a client sees them."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ledger.book.verify import verify
from ledger.kit.db import sync_url
from tests.support.api import Api

pytestmark = pytest.mark.anyio


async def test_credits_become_lots(api: Api) -> None:
    wallet = await api.wallet()
    kinds = {"promotional": "grant", "earned": "earn", "adjustment": "adjustment", "allowance": "allowance"}
    for source, kind in kinds.items():
        given = await api.grant(wallet, "1.5", source=source, priority=7, expires_at="2089-01-01T00:00:00Z")
        assert given["transaction"]["kind"] == kind
        assert given["lot"] == {
            "id": given["transaction"]["postings"][0]["lot_id"],
            "source": source,
            "priority": 7,
            "effective_at": given["transaction"]["effective_at"],
            "expires_at": "2089-01-01T00:00:00.000000Z",
            "cost": "0",
            "currency": None,
        }
    lots = (await api.get(f"/v1/wallets/{wallet}/lots")).json()["items"]
    assert [(lot["source"], lot["remaining"], lot["state"]) for lot in lots] == [(s, "1.5", "open") for s in kinds]
    balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    shown = {name: balance[name] for name in ("balance", "available", "pending", "currency", "message", "more_lots")}
    assert shown == {
        "balance": "6",
        "available": "6",
        "pending": "0",
        "currency": "credits",
        "message": "6 credits available.",
        "more_lots": False,
    }
    assert [lot["source"] for lot in balance["lots"]] == list(kinds)


async def test_used_up_lots_can_be_left_out(api: Api) -> None:
    wallet = await api.wallet("1")
    await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 1})
    assert [lot["state"] for lot in (await api.get(f"/v1/wallets/{wallet}/lots")).json()["items"]] == ["used"]
    assert (await api.get(f"/v1/wallets/{wallet}/lots", open_only="true")).json()["items"] == []


async def test_adjustments_go_both_ways(api: Api) -> None:
    wallet = await api.wallet("10")
    path = f"/v1/wallets/{wallet}/adjustments"
    taken = (await api.post(path, {"amount": "4", "direction": "debit", "reason": "given twice"})).json()
    given = (await api.post(path, {"amount": "1", "direction": "credit", "reason": "too much"})).json()
    assert (taken["lot"], taken["balance"]["balance"]) == (None, "6")
    assert (given["lot"]["source"], given["balance"]["balance"]) == ("adjustment", "7")


async def test_a_hold_is_captured_in_parts_and_the_rest_comes_back(api: Api) -> None:
    wallet = await api.wallet("10")
    placed = await api.post(f"/v1/wallets/{wallet}/holds", {"amount": "8", "service": "training"})
    hold = placed.json()["hold"]
    assert placed.headers["location"] == f"/v1/holds/{hold['id']}"
    assert placed.json()["balance"] == {"balance": "10", "held": "8", "owed": "0", "available": "2"}
    first = await api.post(f"/v1/holds/{hold['id']}/capture", {"amount": "3", "final": False})
    assert _amounts(first.json()["hold"]) == ("open", "3", "0", "5")
    last = await api.post(f"/v1/holds/{hold['id']}/capture", {"amount": "1"})
    assert _amounts(last.json()["hold"]) == ("captured", "4", "4", "0")
    assert last.json()["transaction"]["service"] == "training"
    assert (await api.get(f"/v1/holds/{hold['id']}")).json() == last.json()["hold"]
    assert await api.available(wallet) == "6"


async def test_holds_are_listed_by_state(api: Api) -> None:
    wallet = await api.wallet("10")
    ids = []
    for _ in range(3):
        ids.append((await api.post(f"/v1/wallets/{wallet}/holds", {"amount": "1"})).json()["hold"]["id"])
    await api.post(f"/v1/holds/{ids[1]}/release")
    listed: dict[str, Any] = {}
    for state in ("open", "released", "expired"):
        found = await api.get(f"/v1/wallets/{wallet}/holds", state=state)
        listed[state] = [hold["id"] for hold in found.json()["items"]]
    assert listed == {"open": [ids[2], ids[0]], "released": [ids[1]], "expired": []}


async def test_a_transfer_is_in_both_books_and_can_be_reversed(api: Api) -> None:
    payer, payee = await api.wallet("10"), await api.wallet()
    body = {"from_wallet_id": payer, "to_wallet_id": payee, "amount": "4", "reason": "project budget"}
    made = await api.post("/v1/transfers", body)
    transfer = made.json()
    assert made.headers["location"] == f"/v1/transfers/{transfer['id']}"
    assert (transfer["from_wallet_id"], transfer["to_wallet_id"], transfer["status"]) == (payer, payee, "completed")
    for wallet in (payer, payee):
        assert (await api.get("/v1/transfers", wallet_id=wallet)).json()["items"] == [transfer]
    other = (await api.get(f"/v1/transactions/{transfer['linked_transaction_id']}")).json()
    assert (other["wallet_id"], other["linked_transaction_id"]) == (payee, transfer["transaction_id"])
    reverse = f"/v1/transactions/{transfer['transaction_id']}/reverse"
    assert (await api.post(reverse, {"amount": "1", "reason": "too much"})).status_code == 201
    fetched = (await api.get(made.headers["location"])).json()
    assert fetched == transfer | {"status": "partially_reversed"}
    assert (await api.available(payer), await api.available(payee)) == ("7", "3")


async def test_history_pages_through_everything_once(api: Api) -> None:
    wallet = await api.wallet("10")
    for _ in range(6):
        await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "0.5"})
    seen, cursor = [], None
    while True:
        given = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = (await api.get(f"/v1/wallets/{wallet}/transactions", **given)).json()
        seen += [row["number"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    grants = (await api.get(f"/v1/wallets/{wallet}/transactions", kind="grant")).json()["items"]
    assert [row["number"] for row in grants] == [1]


async def test_history_by_time(api: Api) -> None:
    wallet = await api.wallet("10")
    middle = (await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 1})).json()["transaction"]
    await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 1})
    path, at = f"/v1/wallets/{wallet}/transactions", middle["effective_at"]
    after = await api.get(path, **{"from": at})
    until = await api.get(path, to=at)
    assert [row["number"] for row in after.json()["items"]] == [3, 2]
    assert [row["number"] for row in until.json()["items"]] == [1]


async def test_wallets_page_through_everything_once(api: Api) -> None:
    made = {await api.wallet() for _ in range(5)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/wallets", limit=2, **cursor)).json()
        seen += [row["id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert made <= set(seen) and len(seen) == len(set(seen))


async def test_the_balance_of_the_past(api: Api) -> None:
    wallet = await api.wallet("10")
    first = (await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 1})).json()["transaction"]
    await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 1})
    then = await api.get(f"/v1/wallets/{wallet}/balance", as_of=first["recorded_at"])
    assert (then.json()["balance"], then.json()["as_of"]) == ("9", first["recorded_at"])
    later = await api.get(f"/v1/wallets/{wallet}/balance", as_of=first["effective_at"], basis="effective")
    assert later.json()["balance"] == "9"


async def test_credits_come_back_for_a_failed_job(api: Api) -> None:
    wallet = await api.wallet("10")
    used = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "6"})
    location = used.headers["location"]
    part = await api.post(f"{location}/refund", {"amount": "2", "reason": "half of it failed"})
    assert (part.json()["kind"], part.json()["reverses"]) == ("usage_refund", used.json()["transaction"]["id"])
    assert (await api.get(location)).json()["status"] == "partially_reversed"
    await api.post(f"{location}/refund")
    assert (await api.get(location)).json()["status"] == "reversed"
    assert await api.available(wallet) == "10"


async def test_afterwards_every_book_verifies(api: Api) -> None:
    """What was done through the API stands the recomputation by the other code."""
    report = await verify(sync_url(api.database_url))
    assert report.ok, report.faults


def _amounts(hold: dict[str, Any]) -> tuple[str, str, str, str]:
    return hold["state"], hold["captured"], hold["released"], hold["remaining"]


async def test_lists_show_what_was_reversed(api: Api) -> None:
    payer, payee = await api.wallet("10"), await api.wallet()
    body = {"from_wallet_id": payer, "to_wallet_id": payee, "amount": "4", "reason": "lunch"}
    moved = (await api.post("/v1/transfers", body)).json()
    await api.post(f"/v1/transactions/{moved['transaction_id']}/reverse", {"amount": "1", "reason": "too much"})

    for wallet in (payer, payee):
        [shown] = (await api.get("/v1/transfers", wallet_id=wallet)).json()["items"]
        assert shown == moved | {"status": "partially_reversed"}
        listed = (await api.get(f"/v1/wallets/{wallet}/transactions", kind="transfer")).json()["items"]
        assert [row["status"] for row in listed] == ["partially_reversed"]


async def test_a_date_is_a_day_in_the_wallets_time_zone(api: Api) -> None:
    """Five in the morning in UTC is still the day before in New York."""
    wallet = await api.wallet("1", time_zone="America/New_York")
    path = f"/v1/wallets/{wallet}/transactions"
    day = (await api.get(path)).json()["items"][0]["effective_at"]
    local = datetime.fromisoformat(day).astimezone(ZoneInfo("America/New_York")).date()

    async def found(**params: str) -> int:
        return len((await api.get(path, **params)).json()["items"])

    assert await found(**{"from": str(local), "to": str(local + timedelta(days=1))}) == 1
    assert await found(to=str(local)) == 0
    assert await found(**{"from": str(local + timedelta(days=1))}) == 0
    refused = await api.get(path, to="2026-02-30")
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "to")


async def test_a_balance_of_the_future_is_refused(api: Api) -> None:
    wallet = await api.wallet("1")
    refused = await api.get(f"/v1/wallets/{wallet}/balance", as_of="2089-01-01T00:00:00Z")
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "as_of")


async def test_the_type_of_a_problem_is_a_page_that_explains_it(api: Api) -> None:
    problem = (await api.get("/v1/wallets/wal_00000000001/balance")).json()
    page = await api.get(problem["type"])
    assert (page.status_code, "NOT_FOUND" in page.text) == (200, True)
    assert (await api.get("/docs/errors/NO_SUCH_CODE")).status_code == 404
