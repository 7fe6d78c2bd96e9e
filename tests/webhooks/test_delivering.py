"""Events reach receivers, signed, each once if all goes well, and again if it does not."""

import asyncio

import pytest
from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook

from ledger.kit import duty
from ledger.webhooks.deliveries.courier import DUTY
from tests.support.api import Api, fresh, run_sql
from tests.webhooks.delivering import PATIENCE_S, Post, ahead, endpoint, number, states, until
from tests.webhooks.receivers import OK, in_turn, receiving, reply

pytestmark = pytest.mark.anyio


async def test_an_event_comes_as_it_is_stored_and_signed(api: Api, post: Post) -> None:
    """Both public libraries verify it; a body that was changed they do not."""
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        await api.wallet("5")
        await post.until(lambda: receiver.came, "the event came")
        await post.until(lambda: states(api.database_url, number(hook)) == {"delivered": 1}, "it was written down")
    [came] = receiver.came
    assert (came.event["type"], came.event["id"]) == ("credits.granted", came.id)
    assert came.headers["content-type"] == "application/json"
    assert run_sql(api.database_url, "SELECT 1 FROM outbox WHERE payload = %s", came.body.decode())
    assert receiver.secret is not None
    for library in (Webhook, SvixWebhook):
        library(receiver.secret).verify(came.body, came.headers)
        with pytest.raises(Exception, match="signature"):
            library(receiver.secret).verify(came.body.replace(b"5", b"6"), came.headers)


async def test_each_endpoint_hears_of_what_it_asked_for(api: Api, post: Post) -> None:
    """Of its owner's wallets or of all; by type, family, or everything; since it was made."""
    mine, other = fresh("owner"), fresh("owner")
    await api.wallet("1", owner_id=mine)  # before any endpoint
    async with receiving() as everything, receiving() as families, receiving() as owned, receiving() as nothing:
        await endpoint(api, everything, "*")
        await endpoint(api, families, "hold.*", "credits.*")
        await endpoint(api, owned, "*", owner_id=mine)
        await endpoint(api, nothing, "transfer.*")
        wallets = [await api.wallet("2", owner_id=owner, purpose="other") for owner in (mine, other)]
        all_of = run_sql(
            api.database_url, "SELECT count(*) FROM outbox WHERE payload::jsonb ->> 'wallet_id' = ANY(%s)", wallets
        )
        await post.until(lambda: len(everything.came) == all_of[0][0], "all came")
    assert {each.event["wallet_id"] for each in everything.came} == set(wallets)
    assert [each.event["type"].partition(".")[0] for each in families.came] == ["credits"] * 2
    assert {each.event["wallet_id"] for each in owned.came} == {wallets[0]}
    assert nothing.came == []
    for came in (everything.came, owned.came):
        assert len({each.id for each in came}) == len(came)


async def test_what_fails_is_tried_again_by_the_schedule(api: Api, post: Post) -> None:
    """Ten times in all, with one id and a new signature each time; then it is exhausted, and the log shows each."""
    async with receiving(in_turn(reply(500, body=b"oops \0"))) as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        await api.wallet("5")
        async with post.stint():
            for tries in range(1, 11):
                await until(lambda tries=tries: len(receiver.came) == tries, f"attempt {tries}")  # type: ignore[misc]
                sql = "SELECT count(*) FROM webhook_deliveries WHERE endpoint = %s AND state <> 'sending' AND attempts = %s"
                await until(
                    lambda tries=tries, sql=sql: run_sql(api.database_url, sql, number(hook), tries) == [(1,)], ""
                )  # type: ignore[misc]
                ahead(api.database_url, 30 * 3600)
                run_sql(
                    api.database_url,
                    "UPDATE webhook_endpoints SET failing_since = ledger_now() WHERE failing_since IS NOT NULL",
                )
    assert len(set(receiver.ids())) == 1
    assert states(api.database_url, number(hook)) == {"exhausted": 1}
    log = run_sql(
        api.database_url,
        "SELECT attempt, outcome, status, reply, exhausted_for FROM webhook_attempts JOIN webhook_deliveries USING (delivery) "
        "WHERE endpoint = %s ORDER BY attempt",
        number(hook),
    )
    assert log == [(tries, "status", 500, "oops \N{REPLACEMENT CHARACTER}", "attempts") for tries in range(1, 11)]


async def test_a_receiver_that_is_gone_is_disabled(api: Api, post: Post) -> None:
    """410: what waits is exhausted, and an event tells of it."""
    async with receiving(in_turn(reply(410))) as receiver, receiving() as platform:
        hook = await endpoint(api, receiver, "credits.granted")
        await endpoint(api, platform, "webhook_endpoint.*")
        await api.wallet("5")
        await post.until(lambda: platform.came, "the platform was told")
    assert platform.came[0].event["type"] == "webhook_endpoint.disabled"
    assert platform.came[0].event["data"]["endpoint_id"] == hook
    shown = (await api.get(f"/v1/webhook-endpoints/{hook}")).json()
    assert (shown["state"], shown["disabled_for"]) == ("disabled", "gone")
    assert states(api.database_url, number(hook)) == {"exhausted": 1}


async def test_days_of_failure_disable_with_a_warning_before(api: Api, post: Post) -> None:
    async with receiving(in_turn(reply(500))) as receiver, receiving() as platform:
        hook = await endpoint(api, receiver, "credits.granted")
        await endpoint(api, platform, "webhook_endpoint.*")
        async with post.stint():
            for number_of_day in range(5):
                came = len(receiver.came)
                await api.wallet("5")
                await until(lambda came=came: len(receiver.came) > came, "it was tried")  # type: ignore[misc]
                await until(lambda: "sending" not in states(api.database_url, number(hook)), "it was written down")
                if number_of_day == 3:
                    await until(lambda: platform.came, "the warning came")
                ahead(api.database_url, 25 * 3600)
            await until(lambda: len(platform.came) == 2, "both events came")
    assert [each.event["type"] for each in platform.came] == ["webhook_endpoint.failing", "webhook_endpoint.disabled"]
    assert (await api.get(f"/v1/webhook-endpoints/{hook}")).json()["disabled_for"] == "failing"
    assert set(states(api.database_url, number(hook))) == {"exhausted"}


@pytest.mark.parametrize("why", ["request", "gone"])
async def test_what_was_told_just_before_it_was_disabled_is_not_lost(api: Api, post: Post, why: str) -> None:
    """Though nobody had looked at it yet: it waits, or is exhausted and can be had again. What is told later is not."""
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        wallet = await api.wallet("5")
        await api.send("PATCH", f"/v1/webhook-endpoints/{hook}", json={"enabled": False})
        run_sql(
            api.database_url, "UPDATE webhook_endpoints SET disabled_for = %s WHERE endpoint = %s", why, number(hook)
        )
        await api.grant(wallet, "1")
        state = "due" if why == "request" else "exhausted"
        await post.until(lambda: states(api.database_url, number(hook)) == {state: 1}, state)
        await api.send("PATCH", f"/v1/webhook-endpoints/{hook}", json={"enabled": True})
        if why == "gone":
            path = f"/v1/webhook-endpoints/{hook}"
            again = {"since": (await api.get(path)).json()["created_at"]}
            assert (await api.post(f"{path}/redeliver", again)).json() == {"deliveries": 1}
        await post.until(lambda: states(api.database_url, number(hook)) == {"delivered": 1}, "it came")
    assert [came.event["data"]["credits"] for came in receiver.came] == ["5"]


async def test_a_disabled_endpoint_lets_wait_what_was_due(api: Api, post: Post) -> None:
    """What was told before it was disabled comes when it is enabled again; what was told meanwhile does not."""
    async with receiving(in_turn(reply(500), OK)) as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        await api.wallet("5")
        await post.until(lambda: receiver.came, "the first attempt")
        await api.send("PATCH", f"/v1/webhook-endpoints/{hook}", json={"enabled": False})
        await api.wallet("6")
        ahead(api.database_url, 60)
        await post.courier().run(1)
        assert len(receiver.came) == 1
        await api.send("PATCH", f"/v1/webhook-endpoints/{hook}", json={"enabled": True})
        await post.until(lambda: len(receiver.came) == 2, "the second attempt")
    assert len(set(receiver.ids())) == 1


async def test_a_slow_receiver_gets_few_at_a_time(api: Api, post: Post) -> None:
    """Four to begin with; other receivers do not wait for it."""
    async with receiving(lambda _: 0.5) as slow, receiving() as quick:
        await endpoint(api, slow, "credits.granted")
        await endpoint(api, quick, "credits.granted")
        wallet = await api.wallet()
        for _ in range(12):
            await api.grant(wallet, "1")
        await post.until(lambda: len(quick.came) == 12, "the quick one has all")
        assert len(slow.came) < 12
        await post.until(lambda: len(slow.came) == 12, "the slow one has all")
    assert slow.most_at_once <= 8


async def test_what_a_dead_courier_was_sending_is_sent_again(api: Api, post: Post, database_url: str) -> None:
    """The attempt is logged as lost, once its lease is over."""
    async with receiving() as receiver:
        hook = await endpoint(api, receiver, "credits.granted")
        await api.wallet("5")
        await post.until(lambda: states(database_url, number(hook)) == {"delivered": 1}, "delivered")
        run_sql(
            database_url,
            "UPDATE webhook_deliveries SET state = 'sending', attempts = 2, finished_at = NULL, "
            "due_at = ledger_now() WHERE endpoint = %s",
            number(hook),
        )
        await post.until(lambda: states(database_url, number(hook)) == {"due": 1}, "recovered")
        ahead(database_url, 600)
        await post.until(lambda: states(database_url, number(hook)) == {"delivered": 1}, "delivered again")
    outcomes = run_sql(
        database_url,
        "SELECT outcome FROM webhook_attempts JOIN webhook_deliveries USING (delivery) WHERE endpoint = %s ORDER BY attempt",
        number(hook),
    )
    assert outcomes == [("delivered",), ("lost",), ("delivered",)]
    assert len(set(receiver.ids())) == 1


async def test_there_is_one_courier_at_a_time(api: Api, post: Post) -> None:
    async with post.stint():
        await until(lambda: run_sql(api.database_url, "SELECT 1 FROM duties"), "it has begun")
        assert await duty.take(post.database, DUTY, "another", 1) is None
        assert await duty.take(post.database, DUTY, "another", 2) == 2
        assert await post.courier().run(1) is None


async def test_who_leaves_does_not_let_others_wait_for_a_silent_receiver(api: Api, post: Post) -> None:
    """His place is free, and he says so, while what he sent is still on its way; that is written down when it ends."""
    over = asyncio.Event()
    async with receiving(lambda _: 2.0) as silent, receiving() as quick:
        hook = await endpoint(api, silent, "credits.granted")
        await api.wallet("5")
        leaving = asyncio.create_task(post.courier().run(60, lambda: bool(silent.came), left=over.set))
        await asyncio.wait_for(over.wait(), PATIENCE_S)
        assert (states(api.database_url, number(hook)), leaving.done()) == ({"sending": 1}, False)
        await endpoint(api, quick, "credits.granted")
        await api.wallet("6")
        async with post.stint():
            await until(lambda: quick.came, "another delivers")
            assert not leaving.done()
        assert await leaving == 1
