"""Verify knows which events must be there, though old ones are deleted."""

import uuid
from collections.abc import Iterator

import pytest

from ledger.book.anchor.keys import SigningKey
from ledger.book.anchor.service import seal_now
from ledger.book.commands import Inflow
from ledger.book.door import Door
from ledger.book.verify import Report, verify_now
from ledger.events import feed
from ledger.kit.db import Database
from tests.support.book import attempt, codes, new_wallets, session, telling
from tests.support.servers import create_database, drop_database

pytestmark = pytest.mark.anyio

TOLD = 4
"""Events of each of two books, one in turn; in front of them stands that of an anchor."""

GONE = "DELETE FROM outbox WHERE position <= %(gone)s; UPDATE feed SET gone = %(gone)s"


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database for each test: what is deleted is missing in the whole."""
    name = f"events_{uuid.uuid4().hex[:16]}"
    yield create_database(postgres_url, name, template=template_database)
    drop_database(postgres_url, name)


class Log:
    """Two books with events, all of which have positions, and an anchor."""

    def __init__(self, url: str, first: int, second: int) -> None:
        self.url = url
        self.first = first
        self.second = second

    def run(self, sql: str, **params: object) -> None:
        """Statements of the owner, each of which must do something."""
        values = {"first": self.first, "second": self.second, **params}
        with session(self.url) as connection:
            for statement in sql.split(";"):
                done = connection.execute(statement, values)  # type: ignore[call-overload]
                assert done.rowcount, statement

    def report(self, *wallet_ids: int) -> Report:
        return verify_now(self.url, wallet_ids or None)

    def faults(self, *wallet_ids: int) -> list[tuple[str, int | None, str]]:
        return [(fault.kind, fault.wallet_id, fault.place) for fault in self.report(*wallet_ids).faults]


@pytest.fixture
async def log(door: Door, database: Database, database_url: str) -> Log:
    first, second = new_wallets(database_url, 2)
    await seal_now(database, SigningKey(bytes(range(32))))
    await tell(door, first, second)
    async with database.transaction() as connection:
        await feed.advance(connection)
    made = Log(database_url, first, second)
    assert made.report().ok
    return made


async def tell(door: Door, first: int, second: int) -> None:
    for _ in range(TOLD):
        for wallet_id in (first, second):
            assert codes(await door.submit([attempt(telling(wallet_id))])) == ["changed"]


async def test_a_prefix_that_is_gone_is_fine(log: Log, door: Door) -> None:
    """At every length: events of the anchor alone, of one book more than of the other, or all that there were."""
    for gone in range(1, 2 * TOLD + 2):
        log.run(GONE, gone=gone)
        assert log.report().ok, log.report().to_json()
        assert log.report(log.first, log.second).ok
        assert log.report().checked["events"] == 2 * TOLD + 1 - gone
    await tell(door, log.first, log.second)
    assert log.report().ok, "numbers go on behind what is gone"
    assert log.report().checked["events"] == 2 * TOLD


@pytest.mark.parametrize("gone", [0, 3])
async def test_a_row_in_the_middle_that_was_lost_is_found(log: Log, gone: int) -> None:
    if gone:
        log.run(GONE, gone=gone)
    log.run("DELETE FROM outbox WHERE wallet_id = %(first)s AND event = 3")
    assert log.faults(log.first, log.second) == [("event", log.first, "event 3")]
    assert log.faults() == [("event", log.first, "event 3"), ("position", None, "outbox")]


@pytest.mark.parametrize("gone", [0, 3])
async def test_a_last_row_that_was_lost_is_found(log: Log, gone: int) -> None:
    if gone:
        log.run(GONE, gone=gone)
    log.run("DELETE FROM outbox WHERE wallet_id = %(second)s AND event = 4")
    assert log.faults(log.first, log.second) == [("event", log.second, "event 4")]
    assert log.faults() == [("event", log.second, "event 4"), ("position", None, "outbox")]


async def test_a_first_row_that_was_lost_is_found(log: Log) -> None:
    """Where nothing is gone, a book's events begin with 1; where something is, only the sums show it."""
    log.run("DELETE FROM outbox WHERE wallet_id = %(first)s AND event = 1")
    assert log.faults(log.first, log.second) == [("event", log.first, "event 1")]
    log.run("UPDATE feed SET gone = 1; DELETE FROM outbox WHERE wallet_id = 0")
    assert log.faults(log.first, log.second) == []
    assert log.faults() == [("position", None, "outbox"), ("event", None, "events of all books")]


async def test_a_lost_row_that_had_no_position_yet_is_found(log: Log, door: Door) -> None:
    """Of a book of which nothing else is left: neither its numbers nor the positions show it."""
    await tell(door, log.first, log.second)
    log.run(GONE, gone=2 * TOLD + 1)
    log.run(f"DELETE FROM outbox WHERE wallet_id = %(first)s AND event = {TOLD + 1}")
    assert log.faults(log.first, log.second) == []
    assert log.faults() == [("event", None, "events of all books")]


async def test_a_row_that_should_be_gone_is_found(log: Log) -> None:
    """It was deleted and is back, or the feed says too much: consumers and verify could not agree on what there is."""
    log.run("UPDATE feed SET gone = 1")
    assert log.faults() == [("position", None, "outbox"), ("event", None, "events of all books")]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE outbox SET position = NULL WHERE position = 3",
        "UPDATE outbox SET position = 99 WHERE position = 3",
        "UPDATE feed SET last = last + 1",
        "UPDATE feed SET last = last - 1",
    ],
)
async def test_a_gap_in_the_positions_is_found(log: Log, sql: str) -> None:
    log.run(sql)
    assert log.faults() == [("position", None, "outbox")]


async def test_a_feed_that_is_no_more_is_found(log: Log) -> None:
    log.run("DELETE FROM feed")
    try:
        assert log.faults() == [("position", None, "feed")]
    finally:
        log.run("INSERT INTO feed DEFAULT VALUES")


async def test_the_event_of_an_anchor_may_be_gone_and_may_not_be_lost(log: Log, database: Database) -> None:
    for _ in range(3):
        await seal_now(database, SigningKey(bytes(range(32))))
    async with database.transaction() as connection:
        await feed.advance(connection)
    log.run(GONE, gone=1)
    assert log.report().ok, "that of the first is gone"
    log.run("DELETE FROM outbox WHERE wallet_id = 0 AND event = 3")
    assert ("event", None, "ledger.sealed 3") in log.faults()


async def test_events_without_a_book_are_found(log: Log) -> None:
    log.run("UPDATE outbox SET wallet_id = 7 WHERE wallet_id = %(first)s")
    kinds = {fault[:2] for fault in log.faults()}
    assert kinds == {("event", log.first), ("wallet", 7)}


async def test_what_is_written_meanwhile_is_no_fault(log: Log, door: Door) -> None:
    (wallet_id,) = new_wallets(log.url)
    await door.submit([attempt(Inflow(wallet_id=wallet_id, amount=1, source="promotional"))])
    assert log.report().ok
