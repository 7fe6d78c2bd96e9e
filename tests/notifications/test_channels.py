"""A wallet's channels over HTTP: set, shown, replaced, refused, tested."""

from typing import Any

import httpx
import pytest

from ledger.settings import Settings
from tests.notifications.postoffice import PostOffice
from tests.support.api import Api, make_key, run_sql, running
from tests.webhooks.receivers import receiving, reply

pytestmark = pytest.mark.anyio

SLACK = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnop"
MAIL = {"kind": "email", "address": "billing@example.com"}
GONE_ID = "chn_00000000001"


async def put(api: Api, wallet_id: str, *channels: dict[str, Any]) -> httpx.Response:
    return await api.send("PUT", f"/v1/wallets/{wallet_id}/notifications", json={"channels": channels})


async def set_to(api: Api, wallet_id: str, *channels: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await put(api, wallet_id, *channels)
    assert answer.status_code == 200, answer.text
    assert answer.json() == (await api.get(f"/v1/wallets/{wallet_id}/notifications")).json()
    assert answer.json()["wallet_id"] == wallet_id
    return list(answer.json()["channels"])


async def test_channels_are_set_and_shown(api: Api) -> None:
    """An address as it is, a URL masked and encrypted; nobody is asked which events unless he says."""
    wallet_id = await api.wallet()
    assert [] == (await api.get(f"/v1/wallets/{wallet_id}/notifications")).json()["channels"]
    slack = {"kind": "slack", "url": SLACK, "events": ["balance.*", "balance.*"], "enabled": False}
    mail, chat = await set_to(api, wallet_id, MAIL | {"address": "Billing@EXAMPLE.com"}, slack)
    assert {"kind": "email", "address": "Billing@example.com", "url": None, "enabled": True}.items() <= mail.items()
    assert "balance.low" in mail["events"]
    shown = {"kind": "slack", "address": None, "url": "https://hooks.slack.com/…mnop", "events": ["balance.*"]}
    assert (shown | {"enabled": False, "disabled_for": "request"}).items() <= chat.items()
    (row,) = run_sql(api.database_url, "SELECT c::text FROM notification_channels c WHERE kind = 'slack'")
    assert "B00000000" not in row[0]


async def test_a_list_replaces_the_one_before(api: Api) -> None:
    """A channel that leads where one did is that one; by its id it need not be told where it leads."""
    wallet_id = await api.wallet()
    mail, chat = await set_to(api, wallet_id, MAIL, {"kind": "slack", "url": SLACK})
    assert [mail, chat] == await set_to(api, wallet_id, {"kind": "slack", "url": SLACK}, MAIL)
    (changed,) = await set_to(api, wallet_id, {"kind": "slack", "id": chat["id"], "events": ["*"]})
    assert changed == chat | {"events": ["*"], "updated_at": changed["updated_at"]}
    (moved,) = await set_to(api, wallet_id, {"kind": "slack", "id": chat["id"], "url": SLACK + "q"})
    assert "https://hooks.slack.com/…nopq" == moved["url"]
    assert [] == await set_to(api, wallet_id)


@pytest.mark.parametrize(
    ("channel", "status", "code", "where"),
    [
        ({"kind": "email"}, 400, "INVALID_REQUEST", "channels[0].address"),
        ({"kind": "slack", "address": "a@b.de"}, 400, "INVALID_REQUEST", "channels[0].address"),
        ({"kind": "sms", "address": "a@b.de"}, 400, "INVALID_REQUEST", "channels[0].kind"),
        (MAIL | {"url": SLACK}, 400, "INVALID_REQUEST", "channels[0].url"),
        (MAIL | {"address": "a@b.de\r\nBcc: c@d.de"}, 400, "INVALID_REQUEST", "channels[0].address"),
        (MAIL | {"events": []}, 400, "INVALID_REQUEST", "channels[0].events"),
        (MAIL | {"events": ["nothing.known"]}, 400, "INVALID_REQUEST", "channels[0].events[0]"),
        (MAIL | {"id": GONE_ID}, 400, "INVALID_REQUEST", "channels[0].id"),
        (MAIL | {"colour": "red"}, 400, "INVALID_REQUEST", "channels[0].colour"),
        ({"kind": "slack", "url": "http://hooks.slack.com/x"}, 422, "URL_REFUSED", None),
        ({"kind": "slack", "url": "https://169.254.169.254/latest"}, 422, "URL_REFUSED", None),
        ({"kind": "slack", "url": "https://localhost/x"}, 422, "URL_REFUSED", None),
        ({"kind": "slack", "url": "https://[::ffff:10.0.0.1]/x"}, 422, "URL_REFUSED", None),
        ({"kind": "slack", "url": "https://user:pass@hooks.slack.com/x"}, 422, "URL_REFUSED", None),
        ({"kind": "slack", "url": "file:///etc/passwd"}, 422, "URL_REFUSED", None),
    ],
)
async def test_what_may_not_be_is_refused(
    api: Api, channel: dict[str, Any], status: int, code: str, where: str | None
) -> None:
    """With the place, and nothing is changed."""
    wallet_id = await api.wallet()
    answer = await put(api, wallet_id, channel)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert where is None or answer.json()["errors"][0]["path"] == where
    assert [] == (await api.get(f"/v1/wallets/{wallet_id}/notifications")).json()["channels"]


async def test_a_channel_is_named_once_and_there_are_ten_at_most(api: Api) -> None:
    wallet_id = await api.wallet()
    (mail,) = await set_to(api, wallet_id, MAIL)
    for twice in ([MAIL, MAIL], [MAIL, {"kind": "email", "id": mail["id"]}]):
        assert "INVALID_REQUEST" == (await put(api, wallet_id, *twice)).json()["code"]
    many = [MAIL | {"address": f"a{number}@example.com"} for number in range(11)]
    assert "INVALID_REQUEST" == (await put(api, wallet_id, *many)).json()["code"]
    assert 10 == len(await set_to(api, wallet_id, *many[:10]))


async def test_wallets_do_not_share_channels(api: Api) -> None:
    """Neither is another wallet's channel taken by its id, nor is there one of a wallet that is none."""
    (mail,) = await set_to(api, await api.wallet(), MAIL)
    answer = await put(api, await api.wallet(), {"kind": "email", "id": mail["id"]})
    assert "channels[0].id" == answer.json()["errors"][0]["path"]
    nobody = "wal_00000000001"
    assert 404 == (await put(api, nobody, MAIL)).status_code
    assert 404 == (await api.get(f"/v1/wallets/{nobody}/notifications")).status_code
    assert 404 == (await api.post(f"/v1/wallets/{nobody}/notifications/test", {})).status_code


async def test_what_is_not_set_up_is_refused(database_url: str) -> None:
    """E-mail without a mail server, and a URL without a key to keep it by."""
    async with running(database_url, Settings(database_url=database_url)) as app:
        api = Api(app, make_key(database_url, "admin")[1], database_url)
        wallet_id = await api.wallet()
        for channel, code in ((MAIL, "MAIL_NOT_SET_UP"), ({"kind": "slack", "url": SLACK}, "SECRET_KEYS_MISSING")):
            answer = await put(api, wallet_id, channel)
            assert (answer.status_code, answer.json()["code"]) == (503, code)
        await api.client.aclose()


async def test_a_test_is_sent_at_once_and_says_how_it_ended(api: Api, office: PostOffice) -> None:
    """To all channels, or to one; once a minute."""
    wallet_id = await api.wallet(metadata={"name": "Research"})
    path = f"/v1/wallets/{wallet_id}/notifications/test"
    assert 404 == (await api.post(path, {})).status_code
    async with receiving(lambda _: reply(403)) as receiver:
        mail, chat = await set_to(api, wallet_id, MAIL, {"kind": "slack", "url": receiver.url})
        ended = await api.post(path, {})
        assert ended.json()["results"] == [
            {"channel_id": mail["id"], "kind": "email", "sent": True, "detail": None},
            {"channel_id": chat["id"], "kind": "slack", "sent": False, "detail": "the receiver answered 403"},
        ]
        assert ["Test: notifications of “Research” arrive here"] == office.subjects()
        again = await api.post(path, {"channel_id": mail["id"]})
        assert (429, "RATE_LIMITED") == (again.status_code, again.json()["code"])
        assert 404 == (await api.post(path, {"channel_id": GONE_ID})).status_code
        mail, chat = (await api.get(f"/v1/wallets/{wallet_id}/notifications")).json()["channels"]
    assert mail["last_sent_at"] is not None
    assert (chat["enabled"], chat["problem"]) == (True, "the receiver answered 403")
