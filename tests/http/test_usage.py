"""Usage: charged lot by lot, once for each fact; batches whose items stand alone, or stand and fall together."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.api import Api, counts, fresh

pytestmark = pytest.mark.anyio


def item(wallet: str, credits: Any = "1", **fields: Any) -> dict[str, Any]:
    return {"wallet_id": wallet, "key": fresh("item"), "service": "tests", "credits": credits} | fields


async def send(api: Api, *items: Any, atomic: bool = False) -> tuple[int, Any]:
    answer = await api.send("POST", "/v1/usage/batch", json={"items": list(items), "atomic": atomic})
    return answer.status_code, answer.json()


def summary(body: Any) -> list[str]:
    """Each result in a word: its status, or the code of its problem."""
    results = body["results"]
    assert [result["index"] for result in results] == list(range(len(results)))
    return [result["problem"]["code"] if "problem" in result else result["status"] for result in results]


async def test_a_charge_names_its_lots_and_the_overdraft(api: Api) -> None:
    wallet = await api.wallet(overdraft_limit="10")
    late = (await api.grant(wallet, "3"))["lot"]["id"]
    soon = (await api.grant(wallet, "2", expires_at="2089-01-01T00:00:00+02:00"))["lot"]["id"]
    used = (await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "7.5"})).json()
    assert used["charge"] == {
        "credits": "7.5",
        "lots": [{"lot_id": soon, "credits": "2"}, {"lot_id": late, "credits": "3"}],
        "overdraft": "2.5",
    }
    assert used["balance"] == {"balance": "-2.5", "held": "0", "owed": "2.5", "available": "7.5"}
    balance = (await api.get(f"/v1/wallets/{wallet}/balance")).json()
    assert balance["message"] == "7.5 credits available, 2.5 owed."


async def test_an_event_is_charged_once_for_ever(api: Api) -> None:
    wallet = await api.wallet("10")
    path, event = f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "1", "event_id": "job-7"}
    first = await api.post(path, event)
    second = await api.post(path, event)
    assert (second.status_code, second.json()["code"]) == (409, "ALREADY_POSTED")
    assert second.json()["details"] == {"transaction_id": first.json()["transaction"]["id"]}
    status, body = await send(api, item(wallet, event_id="job-7"))
    assert (status, summary(body)) == (200, ["replayed"])
    assert body["results"][0]["transaction_id"] == first.json()["transaction"]["id"]
    assert await api.available(wallet) == "9"


async def test_when_it_happened_is_when_it_counts(api: Api) -> None:
    """In whatever offset it was given."""
    wallet = await api.wallet("10")
    when = datetime.now(UTC).replace(microsecond=500_000) - timedelta(days=1)
    given = when.astimezone(timezone(timedelta(hours=2))).isoformat()
    usage = {"service": "tests", "credits": "1", "occurred_at": given}
    transaction = (await api.post(f"/v1/wallets/{wallet}/usage", usage)).json()["transaction"]
    shown = when.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert transaction["effective_at"] == transaction["facts"]["occurred_at"] == shown


async def test_a_bad_item_does_not_fail_the_others(api: Api) -> None:
    wallet, owner = await api.wallet("10"), fresh("owner")
    await api.grant(f"user:{owner}", "1")
    same = item(wallet)
    status, body = await send(
        api,
        same,
        same,
        item(wallet, 1.5),
        item(wallet, colour="red"),
        item("wal_00000000001"),
        {"user_id": owner} | {k: v for k, v in item(wallet).items() if k != "wallet_id"},
        item(wallet, user_id=owner),
        item(f"user:{fresh('new')}"),
        item(wallet, key="a b"),
        item(wallet, session="\x00"),
        7,
        item(wallet, "1000"),
        item(wallet),
    )
    assert status == 200
    assert summary(body) == [
        "posted",
        "IDEMPOTENCY_KEY_INVALID",
        "INVALID_AMOUNT",
        "INVALID_REQUEST",
        "NOT_FOUND",
        "posted",
        "INVALID_REQUEST",
        "INSUFFICIENT_CREDITS",
        "INVALID_REQUEST",
        "INVALID_REQUEST",
        "INVALID_REQUEST",
        "INSUFFICIENT_CREDITS",
        "posted",
    ]
    assert await api.available(wallet) == "8"


async def test_a_batch_can_be_repeated(api: Api) -> None:
    """What was posted is replayed, a refusal is the same again, and nothing is written."""
    wallet = await api.wallet("10")
    items = [item(wallet), item(wallet, "100"), item(wallet)]
    _, first = await send(api, *items)
    before = counts(api.database_url)
    _, second = await send(api, *items)
    assert summary(first) == ["posted", "INSUFFICIENT_CREDITS", "posted"]
    assert summary(second) == ["replayed", "INSUFFICIENT_CREDITS", "replayed"]
    strip = [{k: v for k, v in result.items() if k != "status"} for result in second["results"]]
    assert strip == [{k: v for k, v in result.items() if k != "status"} for result in first["results"]]
    assert counts(api.database_url) == before


@pytest.mark.parametrize("bad", [{"credits": "100"}, {"credits": 1.5}, {"wallet_id": "wal_00000000001"}])
async def test_an_atomic_batch_is_all_or_nothing(api: Api, bad: dict[str, Any]) -> None:
    """One refusal undoes all, names the culprit, and leaves every key free."""
    wallet = await api.wallet("10")
    good = item(wallet)
    before = counts(api.database_url)
    status, body = await send(api, good, {**item(wallet), **bad}, atomic=True)
    assert (status, body["code"]) == (422, "BATCH_REFUSED")
    assert summary(body["details"])[0] == "BATCH_REFUSED"
    assert summary(body["details"])[1] in ("INSUFFICIENT_CREDITS", "INVALID_AMOUNT", "NOT_FOUND")
    assert counts(api.database_url) == before
    status, body = await send(api, good, item(wallet), atomic=True)
    assert (status, summary(body)) == (200, ["posted", "posted"])


async def test_a_thousand_items(api: Api) -> None:
    wallet = await api.wallet("1000")
    status, body = await send(api, *(item(wallet) for _ in range(1000)))
    assert (status, set(summary(body))) == (200, {"posted"})
    assert await api.available(wallet) == "0"


async def test_many_at_once_never_overdraw(api: Api) -> None:
    wallet = await api.wallet("30")
    usage = {"service": "tests", "credits": "1"}
    answers = await asyncio.gather(*(api.post(f"/v1/wallets/{wallet}/usage", usage) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] * 30 + [402] * 20
    assert await api.available(wallet) == "0"
