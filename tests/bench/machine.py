"""The servers of a run, all on this machine: one durable PostgreSQL, and three HTTP servers of one worker each."""

import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from ledger.access.service import create_first_key
from ledger.book.commands import Attempt, Inflow, Posted
from ledger.book.door import Door
from ledger.book.hashing import genesis
from ledger.cli import migrate
from ledger.cli.serve import api_argv
from ledger.embedded import places
from ledger.embedded.postgres import DURABLE, Postgres
from ledger.embedded.process import Child, Program, processes, wait_until
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import new_wallet_id, wallet_public
from ledger.parts import make_door
from ledger.settings import Settings
from tests.bench import naive

WALLETS = 1_000
SERVICES = 50
FUNDED_MICRO = 10**12
"""A million credits in each wallet: no run empties one."""

SETTINGS = {**DURABLE, "shared_buffers": "1GB", "log_min_duration_statement": "-1", "max_connections": "200"}

TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What runs, and what is in it."""

    postgres: Postgres
    database: Child
    api: Child
    api_port: int
    naive_port: int
    bare_port: int
    key: str
    wallet_ids: list[int]

    @property
    def wallets(self) -> list[str]:
        """The wallets' public ids."""
        return [wallet_public(wallet_id) for wallet_id in self.wallet_ids]

    @property
    def services(self) -> list[str]:
        return [f"service_{number}" for number in range(SERVICES)]

    @property
    def url(self) -> str:
        return self.postgres.url()

    def checkpoint(self) -> None:
        """Begin a round with nothing left to write of the one before."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def api_cpu_s(self) -> float:
        """Processor time that the API has used."""
        return cpu_s(family(self.api.pid))

    def database_cpu_s(self) -> float:
        """Processor time that PostgreSQL has used."""
        return cpu_s(family(self.database.pid))


@contextmanager
def machine(home: Path) -> Iterator[Machine]:
    """Start everything in a directory that is made anew, and stop it."""
    shutil.rmtree(home, ignore_errors=True)
    places.make_directory(home)
    postgres = Postgres(home, SETTINGS)
    children: list[Child] = []
    try:
        postgres.prepare()
        children.append(Child(postgres.program()))
        postgres.wait_ready(children[0])
        migrate.upgrade(postgres.url())
        key = create_first_key(postgres.url())
        wallet_ids = open_wallets(postgres.url(), WALLETS)
        fund(postgres.url(), wallet_ids)
        ports = [places.free_port() for _ in range(3)]
        _prepare_naive(postgres, wallet_ids)
        for name, port in zip(("api", "naive", "bare"), ports, strict=True):
            if name == "bare":
                _keep_body(home, ports[0], key, wallet_public(wallet_ids[0]))
            children.append(serve(name, port, home, postgres, postgres.url()))
        yield Machine(
            postgres=postgres,
            database=children[0],
            api=children[1],
            api_port=ports[0],
            naive_port=ports[1],
            bare_port=ports[2],
            key=key,
            wallet_ids=wallet_ids,
        )
    finally:
        for child in reversed(children):
            child.stop()
        data = postgres.data.resolve()
        shutil.rmtree(data, ignore_errors=True)
        if places.ROOT_HOME in data.parents:
            shutil.rmtree(data.parent, ignore_errors=True)


def open_wallets(url: str, count: int) -> list[int]:
    """Wallets with settings, written at once."""
    wallet_ids = sorted(new_wallet_id() for _ in range(count))
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO wallets (wallet_id, head_hash) VALUES (%s, %s)", [(w, genesis(w)) for w in wallet_ids]
        )
        cursor.executemany(
            "INSERT INTO wallet_settings (wallet_id, owner_id) VALUES (%s, %s)",
            [(w, owner_of(w)) for w in wallet_ids],
        )
        cursor.executemany(
            "INSERT INTO owners (owner_id, wallet_id) VALUES (%s, %s)",
            [(owner_of(w), w) for w in wallet_ids],
        )
    return wallet_ids


def owner_of(wallet_id: int) -> str:
    """Whose wallet it is: each has an owner of its own."""
    return f"bench-{wallet_id}"


def door_of(database: Database) -> Door:
    """The door of the service as it is shipped, with all who take part in its postings; not yet started."""
    return make_door(database, Settings())


def fund(url: str, wallet_ids: Sequence[int], key: str = "bench-fund") -> None:
    """Give each wallet its credits, through the door."""
    import asyncio

    async def work() -> None:
        database = Database(url, role=SERVICE_ROLE)
        door = door_of(database)
        await door.start()
        attempts = [
            Attempt(
                command=Inflow(wallet_id=w, amount=FUNDED_MICRO, source="promotional"),
                key=key,
                namespace="client:bench",
                actor="bench",
            )
            for w in wallet_ids
        ]
        assert all(isinstance(outcome, Posted) for outcome in await door.submit(attempts))
        await door.stop()
        await database.dispose()

    asyncio.run(work())


def _prepare_naive(postgres: Postgres, wallet_ids: Sequence[int]) -> None:
    postgres.create_database("naive")
    with psycopg.connect(postgres.url("naive")) as connection, connection.cursor() as cursor:
        cursor.execute(naive.TABLES)
        cursor.executemany(
            "INSERT INTO balances VALUES (%s, %s)", [(wallet_public(w), FUNDED_MICRO) for w in wallet_ids]
        )


def serve(name: str, port: int, home: Path, postgres: Postgres, url: str) -> Child:
    """One Granian of one worker, as ``credit-ledger serve`` starts it."""
    argv = api_argv(replace(Settings(), port=port, log_level="warning"))
    if name != "api":
        argv[-1] = f"tests.bench.naive:{name}_app"
    environ = {
        **os.environ,
        "LEDGER_DATABASE_URL": url,
        "LEDGER_BENCH_NAIVE_URL": postgres.url("naive"),
        "LEDGER_BENCH_BODY": str(home / "body"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    log, note = home / "logs" / f"{name}.log", home / "run" / f"{name}.json"
    child = Child(Program(name=name, argv=argv, environ=environ, log=log, note=note))
    wait_until(f"The {name} server", lambda: _answers(port), child, timeout_s=30)
    return child


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _keep_body(home: Path, port: int, key: str, wallet: str) -> None:
    """The bytes of a balance, for the bare handler."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/wallets/{wallet}/balance", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        (home / "body").write_bytes(answer.read())


def family(pid: int) -> list[int]:
    """A process and all that came of it."""
    children: dict[int, list[int]] = {}
    for other in processes():
        stat = _stat(other)
        if stat:
            children.setdefault(int(stat[1]), []).append(other)
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time of these processes, and of their children that have ended. 0 where that cannot be known."""
    return sum(sum(int(ticks) for ticks in stat[11:15]) for pid in pids if (stat := _stat(pid))) / TICKS_S


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
