"""The posting path without HTTP: round trips and WAL of a unit, counted between us and the server."""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger.book.commands import Attempt, Posted, Use
from ledger.kit.db import SERVICE_ROLE, Database
from tests.bench.machine import Machine, door_of


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What a unit of ``size`` posts costs: medians and means per unit or post."""

    size: int
    round_trips: float
    wal_bytes_per_post: float
    milliseconds: float


class Wire:
    """A socket between a client and PostgreSQL that counts round trips: times the client waits for the server."""

    def __init__(self, url: str) -> None:
        self._there = f"{conninfo_to_dict(url)['host']}/.s.PGSQL.5432"
        self._home = tempfile.TemporaryDirectory(prefix="wire-")
        self.url = f"postgresql://{conninfo_to_dict(url)['user']}@/ledger?host={quote(self._home.name)}"
        self.trips = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Wire":
        here = Path(self._home.name) / ".s.PGSQL.5432"
        self._server = await asyncio.start_unix_server(self._join, here)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._home.cleanup()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        their_reader, their_writer = await asyncio.open_unix_connection(self._there)
        asked = [False]

        async def there() -> None:
            while data := await reader.read(262_144):
                asked[0] = True
                their_writer.write(data)
            their_writer.close()

        async def back() -> None:
            while data := await their_reader.read(262_144):
                if asked[0]:
                    asked[0] = False
                    self.trips += 1
                writer.write(data)
            writer.close()

        for way in (there(), back()):
            task = asyncio.create_task(way)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def measure(machine: Machine, size: int, units: int) -> Unit:
    """Post ``units`` units of ``size`` uses, one after the other, each of its own wallets."""
    async with Wire(machine.url) as wire:
        trips = (await _post(wire.url, machine, size, 8, lambda: wire.trips))[0]
    with psycopg.connect(machine.url, autocommit=True) as connection:

        def wal() -> int:
            row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
            assert row is not None
            return int(row[0])

        grown, seconds = await _post(machine.url, machine, size, units, wal)
    return Unit(
        size=size, round_trips=trips / 8, wal_bytes_per_post=grown / units / size, milliseconds=seconds / units * 1000
    )


async def _post(url: str, machine: Machine, size: int, units: int, counter: object) -> tuple[float, float]:
    """How far the counter went, and how long it took; the first units, which prepare statements, are left out."""
    assert callable(counter)
    database = Database(url, role=SERVICE_ROLE)
    door = door_of(database)
    await door.start()
    began = before = 0.0
    for unit in range(-8, units):
        if unit == 0:
            before, began = counter(), time.perf_counter()
        outcomes = await door.submit([_use(machine, size, unit, place) for place in range(size)])
        assert all(isinstance(outcome, Posted) for outcome in outcomes)
    seconds = time.perf_counter() - began
    grown = counter() - before
    await door.stop()
    await database.dispose()
    return grown, seconds


def _use(machine: Machine, size: int, unit: int, place: int) -> Attempt:
    wallet_id = machine.wallet_ids[(unit * size + place) % len(machine.wallet_ids)]
    return Attempt(
        command=Use(wallet_id=wallet_id, amount=1000, service="code_completion"),
        key=f"door-{time.perf_counter_ns()}-{place}",
        namespace="client:bench",
        actor="bench",
    )
