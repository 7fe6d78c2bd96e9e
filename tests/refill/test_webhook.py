"""The webhook in the settings of auto-refill: an endpoint that hears of one wallet's refills, shown with its secret once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ledger.kit.secret_keys import new_key
from ledger.payments.desk import Desk
from tests.refill.scene import TERMS, Scene
from tests.support.api import Api, fresh, make_key, run_sql, running
from tests.support.desk import settings_of
from tests.support.sandbox import SandboxAt
from tests.webhooks.delivering import LOCAL, Post, post_at
from tests.webhooks.receivers import Receiver, receiving

pytestmark = pytest.mark.anyio

HOOKS = "/v1/webhook-endpoints"
URL = "https://example.com/hooks/of-ada/7f3c2a"


@pytest.fixture(scope="module")
def secret_keys() -> str:
    return new_key()


@pytest.fixture
async def scene(database_url: str, sandbox: SandboxAt, desk: Desk, secret_keys: str) -> AsyncIterator[Scene]:
    settings = settings_of(database_url, sandbox, secret_keys=secret_keys, egress_allow=LOCAL)
    async with running(database_url, settings) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        yield Scene(api, desk, sandbox)
        await api.client.aclose()


@pytest.fixture
async def post(database_url: str, secret_keys: str) -> AsyncIterator[Post]:
    run_sql(database_url, "UPDATE webhook_endpoints SET state = 'deleted' WHERE state <> 'deleted'")
    async with post_at(database_url, secret_keys) as found:
        yield found


@pytest.fixture(autouse=True)
def right_clock(database_url: str) -> Iterator[None]:
    yield
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")


async def put(scene: Scene, wallet: str, **fields: Any) -> dict[str, Any]:
    answer = await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def hooks(scene: Scene, wallet: str) -> list[dict[str, Any]]:
    """The endpoints that are the wallet's own."""
    owner = (await scene.api.get(f"/v1/wallets/{wallet}")).json()["owner_id"]
    listed = (await scene.api.get(HOOKS, owner_id=owner)).json()["items"]
    return [hook for hook in listed if hook["wallet_id"] == wallet]


async def told(post: Post, receiver: Receiver, many: int = 1) -> list[dict[str, Any]]:
    await post.until(lambda: len(receiver.came) >= many, "it was told")
    return [came.event for came in receiver.came]


async def test_it_hears_of_this_wallets_refills_from_the_first_on(scene: Scene, post: Post) -> None:
    """Also of what the request itself causes; not of other wallets of the owner, nor of other events."""
    owner = fresh("owner")
    wallet, other = [
        await scene.api.wallet("500" if more else "50", owner_id=owner, **more) for more in ({}, {"purpose": "x"})
    ]
    async with receiving() as receiver:
        frozen = await scene.api.post(f"/v1/wallets/{wallet}/freeze", {"reason": "to be told of at once"})
        assert frozen.status_code == 200, frozen.text
        made = await put(scene, wallet, **TERMS, notification_webhook=receiver.url)
        receiver.secret = made["notification_webhook_secret"]
        await put(scene, other, **TERMS | {"threshold": "600"})
        await scene.work()
        events = await told(post, receiver)
    assert made["notification_webhook"] == made["notification_settings"]["webhook_url"] == receiver.url
    assert [(event["type"], event["wallet_id"]) for event in events] == [("auto_refill.blocked", wallet)]
    [hook] = await hooks(scene, wallet)
    assert hook["id"] == made["notification_settings"]["webhook_endpoint_id"]
    assert (hook["owner_id"], hook["events"], hook["url"]) == (owner, ["auto_refill.*"], receiver.url)
    log = (await scene.api.get(f"{HOOKS}/{hook['id']}/deliveries")).json()["items"]
    assert [each["type"] for each in log] == ["auto_refill.blocked"]


async def test_what_it_missed_is_of_its_wallet_alone(scene: Scene, post: Post) -> None:
    owner = fresh("owner")
    wallets = [await scene.api.wallet("50", owner_id=owner, purpose=purpose) for purpose in ("a", "b")]
    for wallet in wallets:
        await put(scene, wallet, **TERMS)
    await scene.work()
    await post.courier().run(0.5)
    async with receiving() as receiver:
        made = await put(scene, wallets[0], enabled=True, notification_webhook=receiver.url)
        receiver.secret = made["notification_webhook_secret"]
        path = f"{HOOKS}/{made['notification_settings']['webhook_endpoint_id']}/redeliver"
        again = await scene.api.post(path, {"since": "2020-01-01T00:00:00Z", "which": "missed"})
        assert again.json() == {"deliveries": 1}, again.text
        events = await told(post, receiver)
    assert [event["wallet_id"] for event in events] == [wallets[0]]


async def test_the_secret_is_shown_once(scene: Scene) -> None:
    """Repeated, it is none; under the same key it is the same, until it has ended. Elsewhere it is never."""
    wallet = await scene.api.wallet("500")
    path, body = f"/v1/wallets/{wallet}/auto-refill", TERMS | {"notification_webhook": URL}
    key = {"Idempotency-Key": fresh("key")}
    first = await scene.api.send("PUT", path, json=body, headers=key)
    secret = first.json()["notification_webhook_secret"]
    assert secret.startswith("whsec_")
    again = await scene.api.send("PUT", path, json=body, headers=key)
    assert again.json()["notification_webhook_secret"] == secret
    assert (await put(scene, wallet, **body))["notification_webhook_secret"] is None
    assert len(await hooks(scene, wallet)) == 1
    other = await scene.api.send("PUT", path, json=body | {"notification_webhook": URL + "/2"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_CONFLICT")
    assert (await scene.shown(wallet))["notification_webhook"] == URL
    for shown in (await scene.api.get(path), await scene.api.get(HOOKS, limit=100)):
        assert secret not in shown.text
    for table in ("idempotency_keys", "webhook_secrets", "refill_consents"):
        text = str([bytes(cell) if isinstance(cell, memoryview) else cell
                    for row in run_sql(scene.url, f"SELECT * FROM {table}") for cell in row])  # fmt: skip
        assert secret not in text, table
    [hook] = await hooks(scene, wallet)
    await scene.api.post(f"{HOOKS}/{hook['id']}/rotate-secret", {"overlap_s": 0})
    ended = await scene.api.send("PUT", path, json=body, headers=key)
    assert ended.json()["notification_webhook_secret"] is None


async def test_another_address_keeps_the_secret_and_null_removes_it(scene: Scene, post: Post) -> None:
    """What is not named stays; one that was disabled or deleted elsewhere is there again when it is set again."""
    wallet = await scene.wallet("500")
    async with receiving() as receiver:
        made = await put(scene, wallet, enabled=True, notification_webhook=URL)
        moved = await put(scene, wallet, enabled=True, notification_webhook=receiver.url)
        hook = made["notification_settings"]["webhook_endpoint_id"]
        assert moved["notification_settings"]["webhook_endpoint_id"] == hook
        assert moved["notification_webhook_secret"] is None
        assert (await put(scene, wallet, enabled=True, threshold="90"))["notification_webhook"] == receiver.url

        await scene.api.send("PATCH", f"{HOOKS}/{hook}", json={"enabled": False})
        off = await scene.shown(wallet)
        assert (off["notification_webhook"], off["notification_settings"]["webhook_url"]) == (receiver.url, None)
        on = await put(scene, wallet, enabled=True, notification_webhook=receiver.url)
        assert on["notification_settings"]["webhook_url"] == receiver.url
        receiver.secret = made["notification_webhook_secret"]
        await scene.use(wallet, "450")
        await scene.work()
        assert (await told(post, receiver))[0]["type"] == "auto_refill.completed"

    for _ in range(2):
        gone = await put(scene, wallet, enabled=True, notification_webhook=None)
        assert (gone["notification_webhook"], gone["notification_settings"]["webhook_endpoint_id"]) == (None, None)
    assert await hooks(scene, wallet) == []
    back = await put(scene, wallet, enabled=True, notification_webhook=URL)
    assert back["notification_settings"]["webhook_endpoint_id"] != hook
    assert back["notification_webhook_secret"] not in (None, made["notification_webhook_secret"])


async def test_it_can_be_set_and_removed_while_it_is_off(scene: Scene) -> None:
    wallet = await scene.api.wallet("500")
    made = await put(scene, wallet, enabled=False, notification_webhook=URL)
    assert (made["status"], made["notification_webhook"]) == ("off", URL)
    assert (await put(scene, wallet, enabled=False, notification_webhook=None))["notification_webhook"] is None


async def test_there_is_one_however_many_ask_at_once(scene: Scene) -> None:
    """One of them is told the secret. Those of wallets do not count against what an owner may have."""
    wallet = await scene.api.wallet("500")
    answers = await asyncio.gather(*(put(scene, wallet, enabled=False, notification_webhook=URL) for _ in range(6)))
    assert sum(answer["notification_webhook_secret"] is not None for answer in answers) == 1
    assert len(await hooks(scene, wallet)) == 1


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://localhost/x", "ftp://x", ""])
async def test_an_address_that_may_not_be_called_changes_nothing(scene: Scene, url: str) -> None:
    wallet = await scene.wallet("500")
    before = await scene.shown(wallet)
    body = {"enabled": True, "threshold": "7", "notification_webhook": url}
    refused = await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", json=body)
    assert refused.json()["code"] == ("URL_REFUSED" if url else "INVALID_REQUEST"), refused.text
    assert await scene.shown(wallet) == before


async def test_settings_that_are_refused_make_no_webhook(scene: Scene) -> None:
    wallet = await scene.api.wallet("500")
    body = {"enabled": True, "threshold": "7", "notification_webhook": URL}
    refused = await scene.api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", json=body)
    assert refused.status_code == 400, "no amount"
    assert await hooks(scene, wallet) == []


async def test_without_keys_for_secrets_there_is_none(scene: Scene, sandbox: SandboxAt) -> None:
    wallet = await scene.wallet("500")
    async with running(scene.url, settings_of(scene.url, sandbox)) as app:
        api = Api(app, make_key(scene.url, "write")[1], scene.url)
        body = {"enabled": True, "notification_webhook": URL}
        refused = await api.send("PUT", f"/v1/wallets/{wallet}/auto-refill", json=body)
        assert (refused.status_code, refused.json()["code"]) == (503, "SECRET_KEYS_MISSING")
        await api.client.aclose()
    assert (await scene.shown(wallet))["notification_webhook"] is None


async def test_an_address_is_whole_for_whoever_could_set_it_alone(scene: Scene) -> None:
    """It may itself be a secret: who may write sees the webhook of the settings, and an admin that of an endpoint."""
    wallet = await scene.api.wallet("500")
    owner = (await scene.api.get(f"/v1/wallets/{wallet}")).json()["owner_id"]
    masked = "https://example.com/…7c2a".replace("7c2a", URL[-4:])

    async def seen() -> list[str]:
        found = []
        for scope in ("read", "write", "admin"):
            key = make_key(scene.url, scope)[1]
            answer = await scene.api.client.get(
                f"/v1/wallets/{wallet}/auto-refill", headers={"Authorization": f"Bearer {key}"}
            )
            found.append(answer.json()["notification_settings"]["webhook_url"])
        return found

    other = {"url": URL, "events": ["*"], "owner_id": owner}
    assert (await scene.api.post(HOOKS, other)).status_code == 201
    assert await seen() == [masked, masked, URL]
    await put(scene, wallet, enabled=False, notification_webhook=URL)
    assert await seen() == [masked, URL, URL]
