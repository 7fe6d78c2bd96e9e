"""journal.csv from a server: streamed in flat memory, broken when it fails, refused when it must be.

LEDGER_TEST_JOURNAL_RECORDS=1000000 (``make journal``) makes it a file of a million records.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, pool

from ledger.access.service import create_key
from ledger.finance.journal import COLUMNS
from ledger.kit.db import SERVICE_ROLE, sync_url
from ledger.kit.http.stream import Stream
from tests.finance.conftest import seed
from tests.support.book import session
from tests.support.serving import Served, served

RECORDS = int(os.environ.get("LEDGER_TEST_JOURNAL_RECORDS", "60000"))
WALLETS = 50
GROWTH_BYTES_MAX = 48 * 2**20
"""What a server may grow by while it streams, whatever the size of the file."""


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    seed(database_url, WALLETS, RECORDS // WALLETS // 2)
    with served(database_url, tmp_path_factory.mktemp("api")) as found:
        yield found


def get(server: Served, **query: str) -> httpx.Response:
    return httpx.get(f"{server.api}/v1/finance/journal.csv", headers=server.headers, params=query, timeout=30)


def test_a_large_file_is_streamed_in_flat_memory(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory does not grow with the file, even for a slow reader; the end tells what was sent."""
    get(server, to="2000-01-01")  # connections and code are there before it is measured
    before = peak = server.resident_bytes()
    began = time.perf_counter()
    size, lines, last = 0, 0, b""
    with httpx.stream("GET", f"{server.api}/v1/finance/journal.csv", headers=server.headers, timeout=60) as answer:
        assert answer.status_code == 200
        for index, chunk in enumerate(answer.iter_bytes(65_536)):
            size += len(chunk)
            lines += chunk.count(b"\n")  # not CR LF: a chunk may end between them
            last = (last + chunk)[-400:]
            if index % 100 == 0:
                peak = max(peak, server.resident_bytes())
    seconds = time.perf_counter() - began
    after = server.resident_bytes()
    with capsys.disabled():
        print(
            f"\njournal.csv: {lines:,} lines, {size / 1e6:.0f} MB in {seconds:.1f} s ({lines / seconds:,.0f} a second);"
            f" server memory {before / 1e6:.0f} MB before, {peak / 1e6:.0f} at most, {after / 1e6:.0f} after"
        )
    records = RECORDS // WALLETS // 2 * WALLETS * 2
    trailer = last.decode().rstrip("\r\n").rpartition("\r\n")[2].split(",")
    assert trailer[0] == "trailer"
    assert trailer[COLUMNS.index("line")] == str(records)
    assert lines == records + 1 + 2 + 1
    assert peak - before < GROWTH_BYTES_MAX


def test_a_failure_in_the_middle_breaks_the_connection(server: Served, database_url: str) -> None:
    """What came is no whole answer to any client, and has no trailer."""
    got = b""
    with session(database_url) as connection:
        try:
            with (
                pytest.raises(httpx.RemoteProtocolError),
                httpx.stream(
                    "GET", f"{server.api}/v1/finance/journal.csv", headers=server.headers, timeout=30
                ) as answer,
            ):
                for chunk in answer.iter_raw(1024):
                    if not got:
                        connection.execute(f"REVOKE SELECT ON postings FROM {SERVICE_ROLE}")
                    got += chunk
        finally:
            connection.execute(f"GRANT SELECT ON postings TO {SERVICE_ROLE}")
    assert got.startswith(b"record,")
    assert b"trailer" not in got
    assert get(server, to="2026-01-01").status_code == 200


@pytest.mark.anyio
async def test_a_client_that_goes_away_ends_the_work() -> None:
    """Nobody reads pages for a file that nobody gets."""
    gone = asyncio.Event()
    taken: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield b"x"
            await asyncio.sleep(0)

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if len(taken) == 3:
            gone.set()
            await asyncio.sleep(0)

    await Stream(chunks(), media_type=b"text/csv").send_to({}, receive, send)  # type: ignore[arg-type]
    assert len(taken) < 10


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "2026-01-31T12:00:00"}, "to"),
        ({"from": "2026-01-02", "to": "2026-01-01"}, "to"),
        ({"from": "2026-01-01", "to": "2026-01-01"}, "to"),
    ],
)
def test_dates_that_mean_nothing_are_refused(server: Served, query: dict[str, str], path: str) -> None:
    """Before anything is sent, as a problem that names the parameter."""
    answer = get(server, **query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["path"] == path


def test_days_and_instants_mean_the_same(server: Served) -> None:
    """A date is its first instant in UTC; the file is offered under its dates."""
    by_day = get(server, **{"from": "2026-01-01", "to": "2026-01-02"})
    by_instant = get(server, **{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T01:00:00+01:00"})
    assert by_day.text.rpartition("trailer")[0] == by_instant.text.rpartition("trailer")[0]
    assert by_day.headers["content-type"].startswith("text/csv")
    assert by_day.headers["content-disposition"] == 'attachment; filename="journal_2026-01-01_2026-01-02.csv"'


def test_it_needs_a_key_that_may_read(server: Served, database_url: str) -> None:
    """No key is 401; a key with the scope ``read`` is enough."""
    url = f"{server.api}/v1/finance/journal.csv"
    assert httpx.get(url).status_code == 401
    engine = create_engine(sync_url(database_url), poolclass=pool.NullPool)
    with engine.begin() as connection:
        key = create_key(connection, name="books", scopes=["read"])
    engine.dispose()
    headers = {"Authorization": f"Bearer {key.text}"}
    assert httpx.get(url, headers=headers, params={"to": "2000-01-01"}).status_code == 200
