"""Old events are forgotten from the first on, and never one that somebody still has to hear of."""

from datetime import timedelta

import pytest

from ledger.book.commands import Inflow
from ledger.events.feed import advance
from ledger.events.retention import Forgotten, forget
from tests.events.conftest import Teller
from tests.support.api import run_sql
from tests.support.book import CREDIT, check, new_wallets

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wallet(teller: Teller) -> int:
    """Ten gifts to a wallet were told, one a day, and heard of by everybody; of those before nothing is left."""
    (wallet_id,) = new_wallets(teller.url)
    await read_all(teller)
    run_sql(teller.url, "DELETE FROM webhook_deliveries")
    run_sql(teller.url, "DELETE FROM outbox")
    run_sql(teller.url, "UPDATE feed SET gone = last")
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
    run_sql(
        teller.url, "INSERT INTO webhook_endpoints (endpoint, url, events) VALUES (7, 'https://x.com', '{*}')"
        " ON CONFLICT DO NOTHING"
    )  # fmt: skip
    delivery = (
        "INSERT INTO webhook_deliveries (endpoint, wallet_id, event, type, state, due_at, created_at, finished_at)"
        " VALUES (7, %s, %s, 'credits.granted', %s, ledger_now(), ledger_now(), %s)"
    )
    run_sql(teller.url, delivery, wallet, 2, "delivered", "2026-01-01")
    run_sql(teller.url, delivery, wallet, 4, state, None)
    teller.advance(timedelta(days=86))
    assert Forgotten(3, None) == await forget(teller.database, 90, batch=2)
    teller.advance(timedelta(days=20))
    [(since,)] = run_sql(teller.url, "SELECT recorded_at FROM outbox WHERE wallet_id = %s AND event = 4", wallet)
    assert Forgotten(0, since) == await forget(teller.database, 90)
    run_sql(teller.url, "UPDATE webhook_deliveries SET state = 'delivered', finished_at = ledger_now()")
    assert Forgotten(7, None) == await forget(teller.database, 90)
    assert [] == numbers(teller, wallet)


async def test_the_books_are_whole_afterwards(teller: Teller, wallet: int) -> None:
    teller.advance(timedelta(days=85))
    assert (await forget(teller.database, 90)).events
    check(teller.url, [wallet])
