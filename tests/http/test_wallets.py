"""Wallets: opened once, named by owner and purpose, changed, frozen, closed."""

import asyncio

import pytest

from tests.support.api import Api, fresh

pytestmark = pytest.mark.anyio


async def test_the_first_wallet_without_a_purpose_is_the_primary_one(api: Api) -> None:
    owner = fresh("owner")
    first = await api.post("/v1/wallets", {"owner_id": owner})
    again = await api.post("/v1/wallets", {"owner_id": owner})
    named = await api.get(f"/v1/wallets/user:{owner}")
    assert first.json()["primary"] is True
    assert first.headers["location"] == f"/v1/wallets/{first.json()['id']}"
    assert (again.status_code, again.json()["code"]) == (409, "WALLET_EXISTS")
    assert again.json()["details"] == {"wallet_id": first.json()["id"]}
    assert named.json() == first.json()


async def test_a_purpose_names_one_wallet_even_in_a_race(api: Api) -> None:
    owner = fresh("owner")
    body = {"owner_id": owner, "purpose": "project"}
    answers = await asyncio.gather(*(api.post("/v1/wallets", body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    (opened,) = [answer.json() for answer in answers if answer.status_code == 201]
    assert opened["primary"] is False
    assert {a.json()["details"]["wallet_id"] for a in answers if a.status_code == 409} == {opened["id"]}
    listed = await api.get("/v1/wallets", owner_id=owner)
    assert listed.json() == {"items": [opened], "next_cursor": None}


async def test_an_owner_s_primary_wallet_opens_on_the_first_write(api: Api) -> None:
    path = f"/v1/wallets/user:{fresh('owner')}"
    assert (await api.get(f"{path}/balance")).status_code == 404
    usage = {"service": "tests", "credits": "1"}
    answers = await asyncio.gather(*(api.post(f"{path}/usage", usage) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {402}
    assert (await api.get(f"{path}/balance")).json()["balance"] == "0"


async def test_settings_change_and_what_is_not_named_stays(api: Api) -> None:
    wallet = await api.wallet(metadata={"a": 1})
    before = (await api.get(f"/v1/wallets/{wallet}")).json()
    change = {"overdraft_limit": "12.5", "low_balance_warning": 50, "critical_balance": "0", "time_zone": "Asia/Tokyo"}
    changed = await api.send("PATCH", f"/v1/wallets/{wallet}", json=change)
    expected = before | change | {"low_balance_warning": "50"}
    assert (changed.status_code, changed.json()) == (200, expected)
    cleared = await api.send("PATCH", f"/v1/wallets/{wallet}", json={"metadata": {}})
    assert cleared.json() == expected | {"metadata": {}}
    assert (await api.get(f"/v1/wallets/{wallet}")).json() == cleared.json()


async def test_a_purpose_can_be_changed_to_a_free_one(api: Api) -> None:
    owner = fresh("owner")
    one = (await api.post("/v1/wallets", {"owner_id": owner, "purpose": "one"})).json()["id"]
    two = (await api.post("/v1/wallets", {"owner_id": owner, "purpose": "two"})).json()["id"]
    taken = await api.send("PATCH", f"/v1/wallets/{one}", json={"purpose": "two"})
    assert (taken.status_code, taken.json()["details"]) == (409, {"wallet_id": two})
    renamed = await api.send("PATCH", f"/v1/wallets/{one}", json={"purpose": "three"})
    assert renamed.json()["purpose"] == "three"
    assert (await api.post("/v1/wallets", {"owner_id": owner, "purpose": "one"})).status_code == 201


async def test_a_refused_change_changes_nothing(api: Api) -> None:
    """A limit below what is owed refuses the whole change, its other fields too."""
    wallet = await api.wallet(overdraft_limit=10)
    await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": 8})
    before = (await api.get(f"/v1/wallets/{wallet}")).json()
    change = {"overdraft_limit": 5, "time_zone": "Asia/Tokyo"}
    refused = await api.send("PATCH", f"/v1/wallets/{wallet}", json=change)
    assert (refused.status_code, refused.json()["code"]) == (422, "LIMIT_BELOW_OWED")
    assert (await api.get(f"/v1/wallets/{wallet}")).json() == before


async def test_frozen_refuses_use_and_closed_needs_nothing_left(api: Api) -> None:
    wallet = await api.wallet("10")
    path, usage = f"/v1/wallets/{wallet}", {"service": "tests", "credits": "10"}
    assert (await api.post(f"{path}/freeze")).json()["status"] == "frozen"
    assert (await api.post(f"{path}/usage", usage)).json()["code"] == "WALLET_FROZEN"
    assert (await api.post(f"{path}/unfreeze")).json()["status"] == "active"
    assert (await api.post(f"{path}/close")).json()["code"] == "WALLET_NOT_EMPTY"
    assert (await api.post(f"{path}/usage", usage)).status_code == 201
    assert (await api.post(f"{path}/close")).json()["status"] == "closed"
    assert (await api.post(f"{path}/usage", usage)).json()["code"] == "WALLET_CLOSED"
