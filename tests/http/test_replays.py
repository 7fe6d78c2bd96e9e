"""A repeated request is answered with the same bytes, and does nothing."""

import asyncio
from typing import Any

import pytest

from tests.support.api import Api, counts, fresh, make_key

pytestmark = pytest.mark.anyio


async def twice(api: Api, path: str, body: Any, status: int) -> dict[str, Any]:
    """Send it twice under one key: same status, bytes and Location, the second marked."""
    key = fresh("key")
    first = await api.post(path, body, key=key)
    before = counts(api.database_url)
    second = await api.post(path, body, key=key)
    assert first.status_code == second.status_code == status, first.text
    assert second.content == first.content
    assert second.headers.get("location") == first.headers.get("location")
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert counts(api.database_url) == before
    return dict(first.json())


async def test_every_posting_call_replays(api: Api) -> None:
    """From the grant to the transfer, each with metadata whose order as given is not the stored one."""
    wallet, other = await api.wallet(), await api.wallet()
    path, odd = f"/v1/wallets/{wallet}", {"zebra": 1, "ant": True, "Bee": "ü"}
    grant = {"amount": "100.5", "source": "promotional", "reason": "hello", "metadata": odd}
    await twice(api, f"{path}/credits", grant, 201)
    usage = {"service": "tests", "credits": 7, "event_id": "e", "session": "s", "dimensions": {"z": "1", "a": "2"}}
    used = await twice(api, f"{path}/usage", usage | {"metadata": odd}, 201)
    transaction = f"/v1/transactions/{used['transaction']['id']}"
    await twice(api, f"{transaction}/refund", {"amount": "2"}, 201)
    await twice(api, f"{transaction}/reverse", {"amount": 1, "reason": "wrong"}, 201)
    held = await twice(api, f"{path}/holds", {"amount": 20, "session": "s", "metadata": odd}, 201)
    hold = f"/v1/holds/{held['hold']['id']}"
    await twice(api, f"{hold}/capture", {"amount": "3.25", "final": False}, 201)
    await twice(api, f"{hold}/release", None, 201)
    move = {"from_wallet_id": wallet, "to_wallet_id": other, "amount": 1, "reason": "gift", "metadata": odd}
    await twice(api, "/v1/transfers", move, 201)
    for direction in ("credit", "debit"):
        await twice(api, f"{path}/adjustments", {"amount": 1, "direction": direction, "reason": "x"}, 201)


async def test_what_is_fetched_later_is_what_was_answered(api: Api) -> None:
    """The transaction of an answer and the one at its Location are the same."""
    wallet = await api.wallet("10")
    used = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "1"})
    fetched = await api.get(used.headers["location"])
    assert fetched.json() == used.json()["transaction"]


async def test_refusals_replay(api: Api) -> None:
    """402, 409 and 422 are remembered: more credits do not change the answer under the old key."""
    wallet, key = await api.wallet("5"), fresh("key")
    usage = {"service": "tests", "credits": "6"}
    first = await api.post(f"/v1/wallets/{wallet}/usage", usage, key=key)
    await api.grant(wallet, "100")
    second = await api.post(f"/v1/wallets/{wallet}/usage", usage, key=key)
    assert first.status_code == second.status_code == 402
    assert (second.content, second.headers["idempotency-replayed"]) == (first.content, "true")
    assert (await api.post(f"/v1/wallets/{wallet}/usage", usage)).status_code == 201


async def test_another_body_under_the_key_is_a_conflict(api: Api) -> None:
    wallet, key = await api.wallet("5"), fresh("key")
    await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "1"}, key=key)
    other = await api.post(f"/v1/wallets/{wallet}/usage", {"service": "tests", "credits": "2"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")


async def test_a_replay_survives_the_rotation_of_the_key(api: Api, app: Any) -> None:
    """Keys of one client share what they did; another client's do not."""
    wallet, key = await api.wallet("5"), fresh("key")
    usage = {"service": "tests", "credits": "1"}
    first = await api.post(f"/v1/wallets/{wallet}/usage", usage, key=key)
    rotated = Api(app, make_key(api.database_url, "write")[1], api.database_url)
    stranger = Api(app, make_key(api.database_url, "write", client="other")[1], api.database_url)
    assert (await rotated.post(f"/v1/wallets/{wallet}/usage", usage, key=key)).content == first.content
    assert "idempotency-replayed" not in (await stranger.post(f"/v1/wallets/{wallet}/usage", usage, key=key)).headers
    assert await api.available(wallet) == "3"


async def test_opening_a_wallet_replays(api: Api) -> None:
    body = {"owner_id": fresh("owner"), "metadata": {"z": 1, "a": 2}}
    await twice(api, "/v1/wallets", body, 201)


async def test_many_at_once_under_one_key_are_one(api: Api) -> None:
    """Twenty of the same request at the same time: one posting, twenty equal answers."""
    wallet, key = await api.wallet("100"), fresh("key")
    body = {"service": "tests", "credits": "1"}
    answers = await asyncio.gather(*(api.post(f"/v1/wallets/{wallet}/usage", body, key=key) for _ in range(20)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await api.available(wallet) == "99"


async def test_many_wallets_at_once_under_one_key_are_one(api: Api) -> None:
    key, body = fresh("key"), {"owner_id": fresh("owner")}
    answers = await asyncio.gather(*(api.post("/v1/wallets", body, key=key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
