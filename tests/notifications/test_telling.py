"""Events of wallets told to people: once, as storms bear it, through servers that are out of order."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from ledger.notifications import queue
from ledger.notifications.collect import collect
from ledger.notifications.rules import Next
from ledger.notifications.sender import Sender, forget
from tests.notifications.postoffice import PostOffice
from tests.notifications.test_channels import MAIL, set_to
from tests.support.api import Api, run_sql
from tests.webhooks.delivering import ahead
from tests.webhooks.receivers import Receiver, in_turn, receiving, reply

pytestmark = pytest.mark.anyio

EVENTS = ["balance.*"]


async def low(api: Api, *channels: dict[str, Any]) -> str:
    """A wallet with these channels, of which 74.5 credits are left."""
    wallet_id = await api.wallet("150")
    await set_to(api, wallet_id, *channels)
    await use(api, wallet_id, "75.5")
    return wallet_id


async def use(api: Api, wallet_id: str, amount: str) -> None:
    used = await api.post(f"/v1/wallets/{wallet_id}/usage", {"credits": amount, "service": "chat"})
    assert used.status_code == 201, used.text


def states(api: Api) -> Counter[str]:
    return Counter(state for (state,) in run_sql(api.database_url, "SELECT state FROM notifications"))


async def channel(api: Api, wallet_id: str, place: int = 0) -> dict[str, Any]:
    found = (await api.get(f"/v1/wallets/{wallet_id}/notifications")).json()["channels"]
    return dict(found[place])


async def test_an_event_is_told_once_in_each_channel(api: Api, send: Sender, office: PostOffice) -> None:
    """By mail and into Slack, with the figures; what was told before the channel was there is not."""
    async with receiving() as receiver:
        wallet_id = await low(api, MAIL, {"kind": "slack", "url": receiver.url})
        assert 2 == await send.run(10)
        assert 0 == await send.run(10)
        text = receiver.came[0].event["text"]
    assert ["billing@example.com"] == office.recipients[0]
    assert office.subjects()[0].startswith("Credits are running low: 74.5 left in the wallet of owner-")
    assert "You asked to hear of it below 100 credits." in office.text()
    assert "*Credits are running low: 74.5 left" in text
    assert wallet_id in text
    assert {"sent": 2} == states(api)
    assert (await channel(api, wallet_id))["last_sent_at"] is not None
    await set_to(api, wallet_id, MAIL, {"kind": "email", "address": "late@example.com"})
    assert 0 == await send.run(10)


async def test_a_wallet_without_channels_costs_nothing(api: Api, send: Sender) -> None:
    """Its events are passed by; so is what no channel wants, what is of before there was one, or while disabled."""
    await set_to(api, await low(api), MAIL)
    await low(api, MAIL | {"events": ["payment.*"]})
    await low(api, MAIL | {"enabled": False})
    assert 0 == await send.run(10)
    assert {} == states(api)
    (consumer,), (last,) = (
        run_sql(api.database_url, sql)
        for sql in ("SELECT position FROM consumers WHERE name = 'notifications'", "SELECT last FROM feed")
    )
    assert consumer == last


async def test_a_storm_is_one_message(api: Api, send: Sender, office: PostOffice) -> None:
    """The first at once, then one that says how many were left out, ten minutes later, with the newest figures."""
    wallet_id = await low(api, MAIL | {"events": ["balance.low"]})
    await send.run(10)
    for number in range(5):
        await api.grant(wallet_id, "100")
        await use(api, wallet_id, f"10{number}")
        await send.run(10)
    assert 1 == len(office.mails)
    assert {"sent": 1, "queued": 1} == states(api)
    ahead(api.database_url, 590)
    await send.run(10)
    assert 1 == len(office.mails)
    ahead(api.database_url, 11)
    await send.run(10)
    assert 2 == len(office.mails)
    assert "Free in the wallet of owner" in office.text()
    assert ": 64.5 credits." in office.text()
    assert "4 other events of this kind since the last message are left out here." in office.text()
    assert 2 == len(set(office.ids()))
    ahead(api.database_url, 700)
    assert 0 == await send.run(10)


async def test_what_a_batch_has_of_one_type_is_one_message(api: Api, send: Sender, office: PostOffice) -> None:
    """What is urgent comes again after a minute."""
    wallet_id = await low(api, MAIL | {"events": ["balance.critical"]})
    for _ in range(3):
        await use(api, wallet_id, "60")
        await api.grant(wallet_id, "60")
    await send.run(10)
    assert ["Only"] == [subject[:4] for subject in office.subjects()]
    assert "2 other events" in office.text()
    await use(api, wallet_id, "60")
    await send.run(10)
    assert 1 == len(office.mails)
    ahead(api.database_url, 61)
    await send.run(10)
    assert 2 == len(office.mails)


@pytest.mark.parametrize(
    ("says", "mails"), [("451 later", 1), ("421 go away", 1), ("hang", 1), ("drop", 2)], ids=lambda given: str(given)
)
async def test_what_may_come_to_pass_is_tried_again(
    api: Api, send: Sender, office: PostOffice, says: str, mails: int
) -> None:
    """After a minute or so, and under the same Message-ID, so that a mail that was taken after all is dropped."""
    wallet_id = await low(api, MAIL)
    office.says = [says]
    await send.run(10)
    assert {"queued": 1} == states(api)
    assert (await channel(api, wallet_id))["problem"] is not None
    ahead(api.database_url, 30)
    assert 0 == await send.run(10)
    ahead(api.database_url, 50)
    assert 1 == await send.run(10)
    assert {"sent": 1} == states(api)
    assert mails == len(office.mails)
    assert 1 == len(set(office.ids()))
    assert (await channel(api, wallet_id))["problem"] is None


async def test_what_never_will_is_not(api: Api, send: Sender, office: PostOffice) -> None:
    """A recipient that is none, and a message that is not wanted; the channel says so, and goes on."""
    wallet_id = await low(api, MAIL)
    office.to_rcpt = ["550 no such user"]
    await send.run(10)
    assert {"failed": 1} == states(api)
    shown = await channel(api, wallet_id)
    assert (True, "the mail server answered 550 no such user") == (shown["enabled"], shown["problem"])
    ahead(api.database_url, 90_000)
    assert 0 == await send.run(10)
    office.says = ["554 rejected"]
    await use(api, wallet_id, "60")
    await send.run(10)
    assert {"failed": 2} == states(api)


async def slack_of(api: Api, send: Sender, receiver: Receiver) -> dict[str, Any]:
    wallet_id = await low(api, {"kind": "slack", "url": receiver.url, "events": EVENTS})
    await send.run(10)
    return await channel(api, wallet_id) | {"wallet_id": wallet_id}


async def test_slack_is_left_alone_as_long_as_it_asks(api: Api, send: Sender) -> None:
    """429 with Retry-After: nothing else goes to the channel either."""
    async with receiving(in_turn(reply(429, "Retry-After: 600"), reply(200))) as receiver:
        shown = await slack_of(api, send, receiver)
        assert "the receiver answered 429" == shown["problem"]
        await use(api, shown["wallet_id"], "60")
        ahead(api.database_url, 590)
        await send.run(10)
        assert 1 == len(receiver.came)
        ahead(api.database_url, 11)
        await send.run(10)
        assert 3 == len(receiver.came)
    assert {"sent": 2} == states(api)


async def test_what_waits_already_leaves_it_alone_too(api: Api, send: Sender) -> None:
    """A message that was to go out before the time is over that Slack has asked for."""
    async with receiving(in_turn(reply(200), reply(503, "Retry-After: 900"), reply(200))) as receiver:
        shown = await slack_of(api, send, receiver)
        await api.grant(shown["wallet_id"], "50")
        await use(api, shown["wallet_id"], "50")
        await send.run(10)  # low again: waits for ten minutes
        await use(api, shown["wallet_id"], "60")
        await send.run(10)
        assert 2 == len(receiver.came)
        ahead(api.database_url, 700)
        await send.run(10)
        assert 2 == len(receiver.came)
        ahead(api.database_url, 201)
        await send.run(10)
    assert states(api)["sent"] == len(receiver.came) - 1 >= 3


@pytest.mark.parametrize("status", [404, 410])
async def test_a_webhook_that_is_gone_is_disabled(api: Api, send: Sender, status: int) -> None:
    """With a note; enabled again it hears of what comes from then on."""
    async with receiving(in_turn(reply(status), reply(200))) as receiver:
        shown = await slack_of(api, send, receiver)
        assert (False, "gone") == (shown["enabled"], shown["disabled_for"])
        assert f"the receiver answered {status}: there is no such webhook any more" == shown["problem"]
        await use(api, shown["wallet_id"], "60")
        await send.run(10)
        assert 1 == len(receiver.came)
        (again,) = await set_to(api, shown["wallet_id"], {"kind": "slack", "url": receiver.url, "events": EVENTS})
        assert (shown["id"], True, None) == (again["id"], again["enabled"], again["problem"])
        await use(api, shown["wallet_id"], "14.5")
        await send.run(10)
        assert 2 == len(receiver.came)
    assert {"failed": 1, "sent": 1} == states(api)


async def test_slack_that_fails_is_tried_again_and_what_it_refuses_is_not(api: Api, send: Sender) -> None:
    """500, silence, and 400."""
    async with receiving(in_turn(reply(500), 5.0, reply(400))) as receiver:
        await slack_of(api, send, receiver)
        for wait_s in (80, 400):
            ahead(api.database_url, wait_s)
            await send.run(10)
        assert 3 == len(receiver.came)
    assert {"failed": 1} == states(api)


async def test_a_channel_that_is_removed_or_disabled_hears_nothing_more(
    api: Api, send: Sender, office: PostOffice
) -> None:
    other = MAIL | {"address": "other@example.com"}
    wallet_id = await low(api, MAIL, other)
    office.says = ["451 later", "451 later"]
    await send.run(10)
    await set_to(api, wallet_id, MAIL | {"enabled": False})
    ahead(api.database_url, 90)
    assert 0 == await send.run(10)
    assert {"failed": 1} == states(api)


async def test_two_senders_tell_nothing_twice(api: Api, send: Sender, office: PostOffice) -> None:
    """Side by side."""
    for _ in range(6):
        await low(api, MAIL)
    await asyncio.gather(*(send.run(10) for _ in range(3)))
    assert 6 == len(office.mails) == len(set(office.ids()))
    assert {"sent": 6} == states(api)


async def test_who_comes_late_with_an_outcome_writes_nothing(api: Api, send: Sender, office: PostOffice) -> None:
    """Its lease ended, and somebody else has sent it meanwhile."""
    await low(api, MAIL)
    database = send._database
    await collect(database)
    (late,) = await database.retrying(lambda connection: queue.claim(connection, 10, 60))
    assert 0 == await send.run(10)
    ahead(api.database_url, 61)
    assert 1 == await send.run(10)
    assert {"sent": 1} == states(api)
    assert not await database.retrying(lambda c: queue.write(c, late, Next("failed"), "too late"))
    office.says = ["451 later"]
    await low(api, MAIL)
    await collect(database)
    (late,) = await database.retrying(lambda connection: queue.claim(connection, 10, 60))
    ahead(api.database_url, 61)
    await database.retrying(queue.recover)
    (mine,) = await database.retrying(lambda connection: queue.claim(connection, 10, 60))
    assert not await database.retrying(lambda c: queue.write(c, late, Next("sent"), ""))
    assert await database.retrying(lambda c: queue.write(c, mine, Next("sent"), ""))
    assert {"sent": 2} == states(api)


async def test_what_ended_long_ago_is_forgotten(api: Api, send: Sender) -> None:
    await low(api, MAIL)
    await send.run(10)
    assert 0 == await forget(send._database)
    ahead(api.database_url, 31 * 86_400)
    assert 1 == await forget(send._database)
