"""Old events are forgotten from the first on, and never one that somebody still has to hear of."""

import asyncio
import os
import random
from datetime import UTC, datetime, timedelta

import pytest

from ledger.book.commands import Inflow
from ledger.errors import EventsExpired
from ledger.events.feed import advance
from ledger.events.retention import Forgotten, _forget_some, forget
from ledger.webhooks.deliveries.service import _AGAIN as AGAIN
from ledger.webhooks.deliveries.service import _MISSED as MISSED
from ledger.webhooks.deliveries.service import _run as again
from ledger.webhooks.deliveries.service import redeliver, redeliver_some
from ledger.webhooks.deliveries.shapes import Again
from tests.conftest import SEED_VARIABLE
from tests.events.conftest import Teller
from tests.support.api import run_sql
from tests.support.book import CREDIT, check, new_wallets
from tests.webhooks.delivering import until

pytestmark = pytest.mark.anyio

ALWAYS, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
COUNTED = "SELECT (SELECT count(*) FROM webhook_deliveries), (SELECT count(*) FROM webhook_attempts)"


@pytest.fixture
async def wallet(teller: Teller) -> int:
    """Ten gifts to a wallet were told, one a day, and heard of by everybody; of those before nothing is left."""
    (wallet_id,) = new_wallets(teller.url)
    await read_all(teller)
    run_sql(teller.url, "DELETE FROM webhook_endpoints")
    run_sql(teller.url, "DELETE FROM outbox")
    run_sql(teller.url, "UPDATE feed SET gone = last")
    run_sql(
        teller.url, "INSERT INTO webhook_endpoints (endpoint, url, events, created_at) SELECT n, 'https://x.com', '{*}',"
        " '2000-01-01' FROM generate_series(7, 9) n"
    )  # fmt: skip
    for _ in range(10):
        await teller.post(Inflow(wallet_id=wallet_id, amount=CREDIT, source="promotional"))
        teller.advance(timedelta(days=1))
    await read_all(teller)
    return wallet_id


async def read_all(teller: Teller) -> None:
    async with teller.database.transaction() as connection:
        while await advance(connection):
            pass
    run_sql(teller.url, "UPDATE consumers SET position = (SELECT last FROM feed)")


def numbers(teller: Teller, wallet: int) -> list[int]:
    return [row[0] for row in run_sql(teller.url, "SELECT event FROM outbox WHERE wallet_id = %s ORDER BY 1", wallet)]


def recorded(teller: Teller, wallet: int, number: int) -> datetime:
    query = "SELECT recorded_at FROM outbox WHERE wallet_id = %s AND event = %s"
    at: datetime = run_sql(teller.url, query, wallet, number)[0][0]
    return at


def deliver(teller: Teller, wallet: int, number: int, state: str, *, hook: int = 7, attempts: int = 0) -> int:
    """A delivery of an event to an endpoint, in this state."""
    [(delivery,)] = run_sql(
        teller.url,
        "INSERT INTO webhook_deliveries (endpoint, wallet_id, event, type, state, due_at, created_at, finished_at,"
        " exhausted_for, attempts) SELECT %s, %s, %s, 'credits.granted', s, ledger_now(), ledger_now(),"
        " CASE WHEN s IN ('delivered', 'exhausted') THEN ledger_now() END, CASE s WHEN 'exhausted' THEN 'attempts' END, %s"
        " FROM (SELECT %s AS s) AS s RETURNING delivery",
        hook,
        wallet,
        number,
        attempts,
        state,
    )
    run_sql(
        teller.url,
        "INSERT INTO webhook_attempts (delivery, attempt, at, url, outcome, duration_ms)"
        " SELECT %s, n, ledger_now(), 'https://x.com', 'status', 1 FROM generate_series(1, %s) n",
        delivery,
        attempts,
    )
    return int(delivery)


def position(teller: Teller, wallet: int, number: int) -> int:
    query = "SELECT position FROM outbox WHERE wallet_id = %s AND event = %s"
    return int(run_sql(teller.url, query, wallet, number)[0][0])


@pytest.mark.parametrize("batch", [1, 3, 1000])
async def test_what_is_old_is_forgotten_in_batches(teller: Teller, wallet: int, batch: int) -> None:
    """The feed remembers up to where, in the same transaction."""
    teller.advance(timedelta(days=84, hours=1))
    upto = position(teller, wallet, 5)
    assert Forgotten(5, None) == await forget(teller.database, 90, batch=batch)
    assert [6, 7, 8, 9, 10] == numbers(teller, wallet)
    assert [(upto,)] == run_sql(teller.url, "SELECT gone FROM feed")
    assert Forgotten(0, None) == await forget(teller.database, 90, batch=batch)


async def test_a_run_ends_after_so_many_batches(teller: Teller, wallet: int) -> None:
    teller.advance(timedelta(days=200))
    assert 4 == (await forget(teller.database, 90, batch=2, batches=2)).events
    assert [5, 6, 7, 8, 9, 10] == numbers(teller, wallet)


async def test_nothing_goes_that_a_consumer_has_not_read(teller: Teller, wallet: int) -> None:
    teller.advance(timedelta(days=200))
    run_sql(teller.url, "UPDATE consumers SET position = %s WHERE name = 'notifications'", position(teller, wallet, 3))
    assert 3 == (await forget(teller.database, 90)).events
    assert [4, 5, 6, 7, 8, 9, 10] == numbers(teller, wallet)


async def test_what_has_no_place_yet_stays(teller: Teller, wallet: int) -> None:
    await teller.post(Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))
    teller.advance(timedelta(days=200))
    assert 10 == (await forget(teller.database, 90)).events
    assert [11] == numbers(teller, wallet)


@pytest.mark.parametrize("state", ["due", "sending"])
async def test_what_is_still_to_be_delivered_stays_with_all_behind_it(teller: Teller, wallet: int, state: str) -> None:
    """And after a week somebody is told; when it is delivered, it goes with the rest."""
    deliver(teller, wallet, 2, "delivered")
    deliver(teller, wallet, 4, state)
    teller.advance(timedelta(days=86))
    assert Forgotten(3, None, 1) == await forget(teller.database, 90, batch=2)
    teller.advance(timedelta(days=20))
    [(since,)] = run_sql(teller.url, "SELECT recorded_at FROM outbox WHERE wallet_id = %s AND event = 4", wallet)
    assert Forgotten(0, since) == await forget(teller.database, 90)
    run_sql(teller.url, "UPDATE webhook_deliveries SET state = 'delivered', finished_at = ledger_now()")
    assert Forgotten(7, None, 1) == await forget(teller.database, 90)
    assert [] == numbers(teller, wallet)


@pytest.mark.parametrize(("most", "batches"), [(1, 10), (4, 5), (7, 3), (8, 3), (1000, 1)])
async def test_deliveries_and_their_attempts_go_with_their_events(
    teller: Teller, wallet: int, most: int, batches: int
) -> None:
    """Three of each event, and a batch ends with the event that makes it full; those of younger events stay."""
    for number in range(1, 11):
        for hook, state in ((7, "delivered"), (8, "exhausted"), (9, "delivered")):
            deliver(teller, wallet, number, state, hook=hook, attempts=2)
    teller.advance(timedelta(days=87, hours=1))
    assert [(30, 60)] == run_sql(teller.url, COUNTED)
    one = await forget(teller.database, 90, deliveries=most, batches=1)
    assert min(most, 24) <= one.deliveries < most + 3
    assert [(30 - one.deliveries, 60 - 2 * one.deliveries)] == run_sql(teller.url, COUNTED)
    rest = await forget(teller.database, 90, deliveries=most, batches=batches)
    assert (one.events + rest.events, one.deliveries + rest.deliveries) == (8, 24)
    assert [9, 10] == numbers(teller, wallet)
    assert [(6, 12)] == run_sql(teller.url, COUNTED)


async def test_who_was_disabled_on_request_for_too_long_is_waited_for_no_more(teller: Teller, wallet: int) -> None:
    """What waited is forgotten with its events, and that is said; of who was disabled later nothing is."""
    for number in (3, 5):
        deliver(teller, wallet, number, "due", hook=8)
    deliver(teller, wallet, 8, "due", hook=9)
    disable = "UPDATE webhook_endpoints SET state = 'disabled', disabled_for = 'request', disabled_at = ledger_now()"
    run_sql(teller.url, f"{disable} WHERE endpoint = 8")
    teller.advance(timedelta(days=1))
    run_sql(teller.url, f"{disable} WHERE endpoint = 9")
    teller.advance(timedelta(days=88))
    assert 2 == (await forget(teller.database, 90)).events, "the first has been disabled for 89 days"
    teller.advance(timedelta(days=1, hours=1))
    assert Forgotten(5, None, 2, (8, 8)) == await forget(teller.database, 90)
    run_sql(teller.url, "UPDATE webhook_endpoints SET state = 'enabled', disabled_for = NULL, disabled_at = NULL")
    teller.advance(timedelta(days=20))
    assert 0 == (await forget(teller.database, 90)).events, "who was enabled again gets it"


async def test_what_is_delivered_again_meanwhile_stays(teller: Teller, wallet: int) -> None:
    """Also as long as that is not committed: the events before it go, and nobody waits."""
    for number in (2, 5):
        deliver(teller, wallet, number, "delivered")
    teller.advance(timedelta(days=200))
    every = {"endpoint": 7, "after": 0, "upto": 2**62, "since": ALWAYS, "until": NEVER}
    span = every | {"states": ["delivered"]}
    async with teller.database.transaction() as connection:
        assert len(await again(connection, AGAIN, span | {"since": recorded(teller, wallet, 5)})) == 1
        assert 4 == (await asyncio.wait_for(forget(teller.database, 90), 5)).events
    assert 0 == (await forget(teller.database, 90)).events
    assert [(5, "due")] == run_sql(teller.url, "SELECT event, state FROM webhook_deliveries")
    missed = every | {"since": recorded(teller, wallet, 7), "until": recorded(teller, wallet, 8)}
    run_sql(teller.url, "UPDATE webhook_deliveries SET state = 'delivered', finished_at = ledger_now()")
    async with teller.database.transaction() as connection:
        assert len(await again(connection, MISSED, missed)) == 1
        assert 2 == (await asyncio.wait_for(forget(teller.database, 90), 5)).events
    assert [7, 8, 9, 10] == numbers(teller, wallet)


async def test_what_is_forgotten_meanwhile_is_not_delivered_again(teller: Teller, wallet: int) -> None:
    """Whoever asks for it waits until it is gone, and hears that it is."""
    number = deliver(teller, wallet, 2, "delivered")
    deliver(teller, wallet, 3, "exhausted")
    teller.advance(timedelta(days=200))
    async with teller.database.transaction() as connection:
        done, _ = await _forget_some(connection, 90, 1000, 1000)
        assert (10, 2) == (done.events, done.deliveries)
        asked = [
            asyncio.create_task(redeliver(teller.database, number)),
            *(
                asyncio.create_task(redeliver_some(teller.database, 7, Again(since=ALWAYS, which=which), ALWAYS, NEVER))
                for which in ("exhausted", "missed")
            ),
        ]
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        await until(lambda: run_sql(teller.url, waiting) == [(3,)], "all three wait")
    refused, *none = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(refused, EventsExpired)
    assert [0, 0] == none
    assert [(0, 0)] == run_sql(teller.url, COUNTED)


async def test_redelivering_and_forgetting_at_once(teller: Teller, wallet: int) -> None:
    """However they meet, no delivery is left without its event, and nothing that waits loses it."""
    chance = random.Random(f"{os.environ[SEED_VARIABLE]} forgetting")
    for number in range(1, 11):
        deliver(teller, wallet, number, chance.choice(("delivered", "exhausted")))
    teller.advance(timedelta(days=81))
    over = False

    async def asks() -> int:
        found = 0
        while not over:
            which = chance.choice(("exhausted", "missed", "all"))
            found += await redeliver_some(teller.database, 7, Again(since=ALWAYS, which=which), ALWAYS, NEVER)
            await asyncio.to_thread(
                run_sql,
                teller.url,
                "UPDATE webhook_deliveries SET state = 'delivered', finished_at = ledger_now()"
                " WHERE state = 'due' AND random() < 0.5",
            )
        return found

    asking = [asyncio.create_task(asks()) for _ in range(3)]
    for _ in range(60):
        await forget(teller.database, 90, batch=chance.choice((1, 3, 100)))
        teller.advance(timedelta(hours=5))
        orphans = "SELECT count(*) FROM webhook_deliveries d LEFT JOIN outbox o USING (wallet_id, event) WHERE o.event IS NULL"
        assert [(0,)] == run_sql(teller.url, orphans)
    over = True
    assert sum(await asyncio.gather(*asking)) > 0
    assert len(numbers(teller, wallet)) < 10
    check(teller.url, [wallet])


async def test_the_books_are_whole_afterwards(teller: Teller, wallet: int) -> None:
    teller.advance(timedelta(days=85))
    assert (await forget(teller.database, 90)).events
    check(teller.url, [wallet])
