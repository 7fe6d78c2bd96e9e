"""What names and receivers can do to the mail of others: nothing."""

import asyncio

import pytest

from ledger.kit.ids import parse_wallet
from ledger.notifications.sender import Sender
from tests.notifications.postoffice import PostOffice
from tests.notifications.test_channels import MAIL, set_to
from tests.notifications.test_telling import states, use
from tests.support.api import Api, run_sql
from tests.webhooks.delivering import until
from tests.webhooks.receivers import receiving

pytestmark = pytest.mark.anyio

NAMES = [
    "x =?utf-8?q?a=0D=0ABcc:_victim@example.com?= y",
    "x =?utf-8?q?a=0ABcc:_victim@example.com?= y",
    "x =?utf-8?b?YQ0KDQo8aDE+Ym9keTwvaDE+?= y",
    "=?utf-8?q?a=0D=0ABcc:_victim@example.com?=",
    "é" * 60 + " =?utf-8?q?a=0D=0ABcc:_victim@example.com?= " + "é" * 60,
    "x =?unknown-charset?q?a?= y",
    "x =?utf-8?q?=ff=fe?= y",
    "x" * 400,
    "a\u2028b \ud7ff \u202e rtl",
    "=?",
    "?= =?utf-8?q?",
    '"; <script>alert(1)</script>',
    "{free} %s {0.__class__}",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_is_a_name(api: Api, send: Sender, office: PostOffice, name: str) -> None:
    """In the subject it is the text that it is: it adds no header, ends none, and keeps nothing from being sent."""
    wallet_id = await api.wallet("150", metadata={"name": name})
    await set_to(api, wallet_id, MAIL)
    await use(api, wallet_id, "75.5")
    await send.run(10)
    assert {"sent": 1} == states(api)
    [mail] = office.mails
    assert mail.get_all("Bcc") is None
    assert mail["To"] == "billing@example.com"
    assert len(mail.get_all("Subject", [])) == 1
    assert "\n" not in mail["Subject"]
    assert "\r" not in mail["Subject"]
    body = mail.get_body(("plain",))
    assert body is not None
    shown = " ".join(name.replace("\u2028", " ").replace("=?", "= ?").split())
    subject = str(mail["Subject"])
    assert subject.startswith("Credits are running low: 74.5 left in “" + shown[:60]), subject


async def silent_wallets(api: Api, url: str, many: int) -> None:
    for _ in range(many):
        wallet_id = await api.wallet("150")
        await set_to(api, wallet_id, {"kind": "slack", "url": url, "events": ["balance.low"]})
        await use(api, wallet_id, "75.5")


async def test_a_silent_receiver_holds_up_nobody_else(api: Api, send: Sender, office: PostOffice) -> None:
    """What comes while it says nothing is told at once, not when it is given up."""
    async with receiving(lambda _: 5.0) as silent:
        await silent_wallets(api, silent.url, 3)
        task = asyncio.create_task(send.run(10))
        await until(lambda: len(silent.came) >= 3, "the silent ones were called")
        loop = asyncio.get_running_loop()
        wallet_id = await api.wallet("150")
        await set_to(api, wallet_id, MAIL)
        began = loop.time()
        await use(api, wallet_id, "75.5")
        await until(lambda: office.mails or task.done(), "a mail came")
        assert office.mails, "the sender left off before it told this"
        assert loop.time() - began < 1.2, "it is given up after two seconds"
        await task


async def test_many_silent_receivers_hold_one_worker_at_most(api: Api, send: Sender, database_url: str) -> None:
    """Ticks come every two seconds: a second one that finds the first at work leaves it to it."""
    async with receiving(lambda _: 5.0) as silent:
        await silent_wallets(api, silent.url, 3)
        first = asyncio.create_task(send.run(10))
        await until(lambda: silent.came, "the silent ones were called")
        await silent_wallets(api, silent.url, 3)
        other = Sender(send._database, send._egress, send._mailer, send._keys)
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert 0 == await other.run(10)
        assert loop.time() - began < 1
        await first


async def test_one_that_cannot_be_written_stops_no_other(api: Api, send: Sender, office: PostOffice) -> None:
    """Whatever is raised while one is sent, it is tried again as others that fail, and the rest goes out."""
    bad, good = [await api.wallet("150") for _ in range(2)]
    for wallet_id in (bad, good):
        await set_to(api, wallet_id, MAIL)
        await use(api, wallet_id, "75.5")
    spoiled = "UPDATE outbox SET payload = '[1' WHERE wallet_id = %s AND type = 'balance.low'"
    run_sql(api.database_url, spoiled, parse_wallet(bad))
    await send.run(10)
    assert {"sent": 1, "queued": 1} == states(api)


async def test_one_wallets_silent_channels_leave_places_to_others(
    api: Api, send: Sender, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are, and however long what they are told has waited."""
    monkeypatch.setattr("ledger.notifications.sender.AT_ONCE", 3)
    async with receiving(lambda _: 5.0) as silent:
        wallet_id = await api.wallet("150")
        slack = {"kind": "slack", "events": ["balance.low"]}
        await set_to(api, wallet_id, *(slack | {"url": f"{silent.url}/{number}"} for number in range(9)))
        await use(api, wallet_id, "75.5")
        task = asyncio.create_task(send.run(20))
        await until(lambda: len(silent.came) >= 3, "the silent ones were called")
        other = await api.wallet("150")
        await set_to(api, other, MAIL)
        await use(api, other, "75.5")
        await until(lambda: office.mails or task.done(), "a mail came")
        assert len(silent.came) <= 6, "one round of the silent ones, not all of them"
        await task
    assert len(office.mails) == 1
