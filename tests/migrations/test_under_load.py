"""The schema of the hottest table changes while sixteen clients post, and none of them is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from ledger.book.verify import verify_now
from ledger.cli.migrate import MigrationBlocked, revision, upgrade
from tests.backup.load import Clients, open_wallets
from tests.support.api import run_sql
from tests.support.book import new_wallets, session
from tests.support.serving import served

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

REVISIONS = Path(__file__).parent / "revisions"
SEED = 29
CLIENTS = 16
BETWEEN = 60
"""Acknowledged requests between two steps: each step has posts before, during and after it."""

OLD_WALLETS = 3_000
STALL_S_MAX = 4.0
"""A request may wait behind a lock timeout or two, and the machine may be busy; it must not wait for ever."""

LOCK_WAIT_S_MAX = 1.5
"""What anybody was seen to wait for a table's lock: the migration's own limit is half a second."""

_WAITS = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)::float8
FROM pg_locks WHERE NOT granted AND locktype = 'relation'
"""

_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'transactions_recorded_idx'::regclass"
_END_BUILDER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%%'
"""


class Watch(threading.Thread):
    """Looks at pg_locks until it is told to stop; the longest wait for a table that it saw."""

    def __init__(self, url: str) -> None:
        super().__init__(name="watch")
        self._url = url
        self._over = threading.Event()
        self.looks = 0
        self.longest_s = 0.0

    def run(self) -> None:
        with session(self._url) as connection:
            while not self._over.wait(0.02):
                row = connection.execute(_WAITS).fetchone()
                assert row is not None
                self.longest_s = max(self.longest_s, row[0])
                self.looks += 1

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self._over.set()
            self.join()


@asynccontextmanager
async def posting(url: str, home: Path) -> AsyncIterator[Clients]:
    """Clients that post until the end of the block; then what they saw is judged, and the books."""
    with served(url, home) as api:
        clients = Clients(api, await open_wallets(api, 24, "100000"), SEED, count=CLIENTS)
        watch = Watch(url)
        with watch.watching():
            clients.start()
            try:
                yield clients
            finally:
                await clients.stop()
    assert [] == clients.refused
    assert max(sent.answered_s - sent.sent_s for sent in clients.journal if sent.answered_s) < STALL_S_MAX
    assert watch.looks > 0
    assert watch.longest_s < LOCK_WAIT_S_MAX
    report = verify_now(url)
    assert report.ok, report.faults
    assert report.checked["transactions"] == 24 + sum(len(sent.transaction_ids) for sent in clients.journal)


def old_wallets(url: str) -> None:
    """Many wallets that nobody uses: the backfill has several batches."""
    new_wallets(url, OLD_WALLETS)


async def during(clients: Clients, work: Callable[[], Any]) -> Any:
    """Run it in a thread, with posts before, meanwhile and after."""
    await clients.more(BETWEEN)
    made = await asyncio.to_thread(work)
    await clients.more(BETWEEN)
    return made


async def test_a_table_in_use_is_expanded_backfilled_and_contracted(url: str, tmp_path: Path) -> None:
    """Statements that were prepared before still run, with the column there and with it gone again."""
    old_wallets(url)
    async with posting(url, tmp_path) as clients:
        for to in ("t1", "t2", "t3", "t4", "t5"):
            await during(clients, lambda to=to: upgrade(url, to=to, versions=[REVISIONS]))
            assert to == revision(url)
        assert [(0,)] == run_sql(url, "SELECT count(*) FROM wallets WHERE tier IS DISTINCT FROM 'standard'")
        assert [(True,)] == run_sql(url, _VALID)
        await during(clients, lambda: run_sql(url, "SET lock_timeout = '500ms'; ALTER TABLE wallets DROP COLUMN tier"))


async def test_a_blocked_migration_gives_way_and_gets_through_in_the_end(url: str, tmp_path: Path) -> None:
    """A long transaction has read the table: the migration gives up, is tried again, and the posts go on between."""
    said: list[str] = []
    async with posting(url, tmp_path) as clients:
        with session(url) as blocker:
            blocker.execute("SET application_name = 'a long report'")
            with blocker.transaction():
                blocker.execute("SELECT count(*) FROM wallets")
                migration = asyncio.create_task(
                    asyncio.to_thread(lambda: upgrade(url, to="t1", versions=[REVISIONS], say=said.append, wait_s=120))
                )
                while len(said) < 3:
                    await clients.more(BETWEEN // 4)
                    assert not migration.done()
                with pytest.raises(MigrationBlocked) as error:
                    await asyncio.to_thread(lambda: upgrade(url, to="t1", versions=[REVISIONS], wait_s=0))
        await migration
        await clients.more(BETWEEN)
    assert "a long report, idle in transaction" in said[0]
    assert "a long report, idle in transaction" in error.value.message
    assert "t1" == revision(url)


async def test_an_index_waits_for_a_long_transaction_and_nobody_for_it(url: str, tmp_path: Path) -> None:
    """It is cut short, which leaves an index that is not valid; the next run drops that and builds it anew."""
    upgrade(url, to="t1", versions=[REVISIONS])
    async with posting(url, tmp_path) as clients:
        with session(url) as writer, writer.transaction():
            writer.execute("LOCK TABLE transactions IN ROW EXCLUSIVE MODE")
            cut = asyncio.create_task(asyncio.to_thread(lambda: upgrade(url, to="t2", versions=[REVISIONS])))
            await clients.more(2 * BETWEEN)
            assert not cut.done()
            assert [(True,)] == run_sql(url, _END_BUILDER)
            with pytest.raises(SQLAlchemyError):
                await cut
            assert [(False,)] == run_sql(url, _VALID)
            again = asyncio.create_task(asyncio.to_thread(lambda: upgrade(url, to="t2", versions=[REVISIONS])))
            await clients.more(2 * BETWEEN)
            assert not again.done()
        await again
        assert [(True,)] == run_sql(url, _VALID)
