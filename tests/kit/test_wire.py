"""Exchanges over one connection: what fails says so, what is prepared stays so, and a lost server is noticed."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.lane import ReadLane
from ledger.kit.wire import Statement, Wire
from tests.support.book import session

pytestmark = pytest.mark.anyio

ONE = Statement("SELECT %(n)s::bigint + 1, 'a'::text, NULL::text", {"n": "41"})
BAD = Statement("SELECT 1 / %(n)s::bigint", {"n": "0"})


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=2, role=SERVICE_ROLE)
    yield found
    await found.dispose()


@pytest.fixture
async def wire(database: Database) -> AsyncIterator[Wire]:
    connection = await database.connect()
    yield Wire(connection)
    await connection.close()


async def test_replies_come_in_order_and_again_from_what_is_prepared(wire: Wire) -> None:
    other = Statement("SELECT unnest(%(list)s::text[])", {"list": '{"x","NULL",NULL}'})
    for _ in range(3):
        one, many = await wire.exchange([ONE, other])
        assert [(42, "a", None)] == one.rows()
        assert [("x",), ("NULL",), (None,)] == many.rows()
    [prepared] = await wire.exchange([Statement("SELECT count(*) FROM pg_prepared_statements", {})])
    assert [(3,)] == prepared.rows()


async def test_the_first_failure_is_raised_and_what_stands_behind_it_is_not_run(wire: Wire) -> None:
    await wire.exchange([Statement("BEGIN", {}), Statement("CREATE TEMP TABLE seen (n bigint) ON COMMIT DROP", {})])
    with pytest.raises(psycopg.errors.DivisionByZero):
        await wire.exchange([ONE, BAD, Statement("INSERT INTO seen VALUES (1)", {}), Statement("COMMIT", {})])
    assert wire.usable
    [ended] = await wire.exchange([Statement("ROLLBACK", {})])
    assert b"ROLLBACK" == ended.command
    for _ in range(2):
        # What was prepared before the failure is still there, what came behind it is prepared now.
        one, other = await wire.exchange([ONE, Statement("SELECT 2::bigint", {})])
        assert (42, 2) == (one.rows()[0][0], other.rows()[0][0])


async def test_statements_sent_ahead_are_answered_first(wire: Wire) -> None:
    wire.send([ONE])
    wire.send([Statement("SELECT 'ahead'::text", {})])
    assert not wire.usable, "nobody else may use a connection with answers to come"
    replies = await wire.exchange([Statement("SELECT 'last'::text", {})])
    assert [[(42, "a", None)], [("ahead",)], [("last",)]] == [reply.rows() for reply in replies]
    wire.send([BAD])
    with pytest.raises(psycopg.errors.DivisionByZero):
        await wire.exchange([ONE])
    assert wire.usable


async def test_more_than_a_socket_takes_at_once_is_sent_and_read_whole(wire: Wire) -> None:
    echo = Statement("SELECT %(text)s::text", {"text": "ä" * 3_000_000})
    replies = await wire.exchange([echo] * 4)
    assert [echo.params["text"]] * 4 == [reply.rows()[0][0] for reply in replies]


async def test_a_server_that_goes_away_is_an_error_of_the_connection(wire: Wire, database_url: str) -> None:
    [pid] = (await wire.exchange([Statement("SELECT pg_backend_pid()", {})]))[0].rows()[0]
    with session(database_url) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(psycopg.OperationalError):
        await wire.exchange([ONE])
    assert not wire.usable


async def test_a_read_is_asked_once_more_where_its_connection_was_lost_meanwhile(
    database: Database, database_url: str
) -> None:
    lane: ReadLane = database.reads
    [pid] = (await lane.ask([Statement("SELECT pg_backend_pid()", {})]))[0].rows()[0]
    with session(database_url) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    [again] = await lane.ask([ONE])
    assert [(42, "a", None)] == again.rows()
    with pytest.raises(psycopg.errors.DivisionByZero):
        await lane.ask([BAD])


async def test_a_lost_connection_lets_go_of_its_socket_before_another_has_its_number(
    database: Database, database_url: str
) -> None:
    """libpq closes the socket of a lost connection by itself. Whoever gets its number next is watched by nobody else,
    so that closing the lost one late leaves the other one awake."""
    for statements in ([ONE], [ONE] * 300):
        lost = Wire(await database.connect())
        [pid] = (await lost.exchange([Statement("SELECT pg_backend_pid()", {})]))[0].rows()[0]
        number = lost.connection.pgconn.socket
        with session(database_url) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(psycopg.OperationalError):
            for _ in range(3):
                await lost.exchange(statements)
        heir = Wire(await database.connect())
        assert number == heir.connection.pgconn.socket, "the number was not taken again: the test shows nothing"
        async with asyncio.timeout(5):
            await heir.exchange([ONE])
            await lost.close()
            [reply] = await heir.exchange([Statement("SELECT pg_sleep(0.05)", {})])
            assert 1 == len(reply.rows())
            await heir.close()
