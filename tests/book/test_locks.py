"""What a unit of work does under its locks, and what it must not do before it has them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import Attempt, Inflow, Outcome, Posted, Transfer, Use
from ledger.book.door import Door
from ledger.book.rules.fold import Result
from ledger.book.unit import Request, run_unit
from ledger.book.writer import Writer
from ledger.kit.db import SERVICE_ROLE, Database
from tests.book.conftest import Clock
from tests.support.book import CREDIT, attempt, check, code, codes, new_wallets, session

pytestmark = pytest.mark.anyio

WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def somebody_waits(url: str) -> None:
    """Until a session of this database waits for a lock."""
    async with asyncio.timeout(10):
        while True:
            with session(url) as connection:
                row = connection.execute(WAITING).fetchone()
            if row is not None and row[0]:
                return
            await asyncio.sleep(0.01)


def free_ones(url: str, wallet_ids: Sequence[int]) -> list[int]:
    """Those whose rows nobody holds."""
    free = []
    with session(url) as connection:
        for wallet_id in wallet_ids:
            with suppress(errors.LockNotAvailable):
                connection.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE NOWAIT", [wallet_id])
                free.append(wallet_id)
    return free


Run = Callable[[Sequence[Attempt]], Awaitable[list[Result]]]


@pytest.fixture
async def run(database_url: str) -> AsyncIterator[Run]:
    """One unit of work that waits for its locks, as a slow lane runs it, but as long as it takes."""
    database = Database(database_url, role=SERVICE_ROLE, lock_timeout_ms=60_000, statement_timeout_ms=60_000)

    async def run(attempts: Sequence[Attempt]) -> list[Result]:
        request = Request(attempts, False, asyncio.get_running_loop().create_future())
        writer = Writer(database)
        try:
            await run_unit(writer, [request], [BalanceLevels()], bytes(16), wait=True)
        finally:
            await writer.close()
        assert request.finish()
        return request.future.result()

    yield run
    await database.dispose()


async def test_wallets_are_locked_in_ascending_order(run: Run, database_url: str) -> None:
    """Whatever order a request names them in: those below the one it waits for are locked, those above are not."""
    wallets = new_wallets(database_url, 12)
    middle = wallets[6]
    named = [*wallets[::2], *reversed(wallets[1::2])]
    grants = [attempt(Inflow(wallet_id=wallet, amount=1, source="promotional")) for wallet in named]
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [middle])
        task = asyncio.create_task(run(grants))  # type: ignore[arg-type]
        await somebody_waits(database_url)
        free = free_ones(database_url, wallets)
        other.rollback()
    assert free == wallets[7:]
    assert len(await task) == 12
    check(database_url, wallets)


async def test_the_time_is_read_under_the_lock(run: Run, database_url: str, clock: Clock) -> None:
    """Credits that expire while somebody waits for the wallet are not there when it has it."""
    [wallet] = new_wallets(database_url)
    soon = clock.now() + timedelta(minutes=1)
    await run([attempt(Inflow(wallet_id=wallet, amount=CREDIT, source="promotional", expires_at=soon))])
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [wallet])
        task = asyncio.create_task(run([attempt(Use(wallet_id=wallet, amount=1, service="chat"))]))  # type: ignore[arg-type]
        await somebody_waits(database_url)
        clock.advance(timedelta(minutes=2))
        other.rollback()
    [result] = await task
    assert code(result) == "INSUFFICIENT_CREDITS"  # type: ignore[arg-type]
    check(database_url, [wallet])


async def test_what_changed_while_a_unit_waited_is_what_it_decides_by(run: Run, database_url: str) -> None:
    """A freeze that commits while a use waits for the wallet refuses it, and is not written over by it."""
    [wallet] = new_wallets(database_url)
    await run([attempt(Inflow(wallet_id=wallet, amount=CREDIT, source="promotional"))])
    with psycopg.connect(database_url) as other:
        other.execute("UPDATE wallets SET status = 'frozen' WHERE wallet_id = %s", [wallet])
        task = asyncio.create_task(run([attempt(Use(wallet_id=wallet, amount=1, service="chat"))]))  # type: ignore[arg-type]
        await somebody_waits(database_url)
        other.commit()
    [result] = await task
    assert code(result) == "WALLET_FROZEN"  # type: ignore[arg-type]
    with session(database_url) as connection:
        row = connection.execute("SELECT status FROM wallets WHERE wallet_id = %s", [wallet]).fetchone()
    assert row == ("frozen",)
    check(database_url, [wallet])


async def test_what_waited_is_recorded_when_it_had_its_turn(run: Run, database_url: str, clock: Clock) -> None:
    """Not when it began to wait: whoever had the lock meanwhile came first."""
    [wallet] = new_wallets(database_url)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [wallet])
        grant = attempt(Inflow(wallet_id=wallet, amount=1, source="promotional"))
        task = asyncio.create_task(run([grant]))  # type: ignore[arg-type]
        await somebody_waits(database_url)
        meanwhile = clock.now()
        other.rollback()
    [posted] = await task
    assert isinstance(posted, Posted)
    assert posted.transaction.recorded_at > meanwhile
    check(database_url, [wallet])


async def test_a_caller_that_goes_away_cuts_no_unit(door: Door, database_url: str) -> None:
    """What was accepted is booked; the others of the unit are answered, and so are those who come after."""
    a, b = new_wallets(database_url, 2)
    [given] = await door.submit([attempt(Inflow(wallet_id=a, amount=10, source="promotional"))])
    assert code(given) == "posted"
    uses = [attempt(Use(wallet_id=a, amount=1, service="chat")) for _ in range(5)]
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM wallets WHERE wallet_id = %s FOR NO KEY UPDATE", [a])
        callers = [asyncio.create_task(door.submit([use])) for use in uses]
        await somebody_waits(database_url)
        callers[2].cancel()
        await asyncio.wait([callers[2]])
        other.rollback()
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*callers, return_exceptions=True)
        again = await door.submit([uses[2]])
        [moved] = await door.submit([attempt(Transfer(wallet_id=a, payee_id=b, amount=5))])
    assert [_said(answer) for answer in answers] == ["posted", "posted", "CancelledError", "posted", "posted"]
    assert codes([*again, moved]) == ["replayed", "posted"]
    check(database_url, [a, b])


def _said(answer: list[Outcome] | BaseException) -> str:
    return type(answer).__name__ if isinstance(answer, BaseException) else code(answer[0])
