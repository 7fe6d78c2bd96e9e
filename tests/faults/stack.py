"""Real processes of a test's own, each of which may be killed: PostgreSQL, Valkey, the API, a worker, beat.

    with Stack(home, "api", through=["api-postgres"]) as stack:
        stack.api.kill()
        stack.api.start()
        stack.proxy["api-postgres"].freeze()

Nothing is started again by itself. PostgreSQL syncs every commit, as in production: what a killed one had
acknowledged must be there. A name in ``through`` puts a ChaosProxy between two of them.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import redis

from ledger.access.service import create_first_key
from ledger.cli.migrate import upgrade
from ledger.cli.serve import api_argv, beat_argv, worker_argv
from ledger.cli.stack import schedule_exists
from ledger.embedded.places import free_port
from ledger.embedded.postgres import DURABLE, Postgres
from ledger.embedded.process import Child, Program, is_alive, kill_session, processes, wait_until
from ledger.embedded.valkey import Valkey
from ledger.settings import Settings
from tests.support.proxy import ChaosProxy
from tests.support.waiting import until

START_S = 60.0
LINES = ("api-postgres", "worker-postgres", "worker-valkey", "client-api")
"""Where a proxy can stand."""

SMALL = DURABLE | {"shared_buffers": "64MB", "max_wal_size": "512MB", "min_wal_size": "80MB", "max_connections": "100"}

# A child is told when the thread that made it ends (its parent, for Linux): this one lasts as long as we do.
_spawner = ThreadPoolExecutor(1, thread_name_prefix="spawner")


class Part:
    """One program of the stack, which can be killed and started again."""

    def __init__(
        self, program: Callable[[], Program], ready: Callable[[Child], None], prepare: Callable[[], None] | None = None
    ) -> None:
        self._program = program
        self._ready = ready
        self._prepare = prepare
        self.environ: dict[str, str] = {}
        """Further variables for the next start: ``LEDGER_FAILPOINTS`` and the like."""
        self.child: Child | None = None
        self.starts = 0

    @property
    def pid(self) -> int:
        assert self.child is not None, "it was not started"
        return self.child.pid

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.exit_code is None

    def children(self) -> list[int]:
        """The processes that it started: Granian's workers, Celery's pool, PostgreSQL's backends."""
        return [pid for pid in processes() if _parent(pid) == self.pid and is_alive(pid)]

    def start(self, *, wait: bool = True, **environ: str) -> None:
        """Start it, with these variables for this start only, and wait until it answers."""
        if self.child is not None:
            self.child.kill()
        if self._prepare is not None:
            self._prepare()
        program = self._program()
        program = replace(program, environ={**program.environ, **self.environ, **environ})
        self.child = _spawner.submit(Child, program).result()
        self.starts += 1
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until it answers. Raises EmbeddedError where it ended instead."""
        assert self.child is not None
        self._ready(self.child)

    def signal(self, number: signal.Signals, *, whom: str = "leader") -> list[int]:
        """Send a signal to the ``leader``, to its ``children``, or to ``all``; gives who got it."""
        pids = [*([] if whom == "children" else [self.pid]), *([] if whom == "leader" else self.children())]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return pids

    def kill(self) -> None:
        """kill -9 of it and of all it started, and wait until they are gone."""
        if self.child is not None:
            self.signal(signal.SIGKILL, whom="all")
            self.child.kill()

    def stop(self) -> None:
        """Ask it to end, in good order."""
        if self.child is not None:
            self.signal(signal.SIGCONT, whom="all")
            self.child.stop()

    def restart(self, **environ: str) -> None:
        """End it in good order, and start it again."""
        self.stop()
        self.start(wait=True, **environ)


class Stack:
    """See the module. ``parts``: what is started of api, worker, beat, besides the two servers."""

    def __init__(
        self, home: Path, *parts: str, through: Iterable[str] = (), settings: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        self._wanted = parts
        self._through = tuple(through)
        self._settings = dict(settings or {})
        self._held = ExitStack()
        self.proxy: dict[str, ChaosProxy] = {}
        self.key = ""
        self._pg, self._broker = Postgres(home, SMALL), Valkey(home)
        self._api_port = free_port()
        self.postgres = Part(self._pg.program, self._pg.wait_ready, self._pg.prepare)
        self.valkey = Part(self._broker.program, self._broker.wait_ready, self._broker.prepare)
        self.api = Part(self._api_program, lambda child: wait_until("The API", self.answers, child, timeout_s=START_S))
        self.worker = Part(
            self._worker_program, lambda child: wait_until("The worker", self.consumes, child, timeout_s=START_S)
        )
        self.beat = Part(
            self._beat_program,
            lambda child: wait_until("Beat", schedule_exists(home / "run" / "beat"), child, timeout_s=START_S),
        )

    @property
    def url(self) -> str:
        """The database, without a proxy, as its owner."""
        return self._pg.url()

    @property
    def data(self) -> Path:
        """The directory of PostgreSQL's files."""
        return self._pg.data.resolve()

    @property
    def redis_url(self) -> str:
        return self._broker.url

    @property
    def api_url(self) -> str:
        """Where clients find the API: by way of the proxy, if there is one."""
        own = f"http://127.0.0.1:{self._api_port}"
        return self.proxy["client-api"].url if "client-api" in self.proxy else own

    def __enter__(self) -> "Stack":
        with ExitStack() as held:
            held.callback(shutil.rmtree, self._pg.data.resolve().parent, ignore_errors=True)
            for part in (self.postgres, self.valkey):
                held.callback(part.stop)
                part.start()
            upgrade(self.url)
            self.key = create_first_key(self.url)
            for line in self._through:
                self.proxy[line] = ChaosProxy(self._target(line))
                held.callback(self.proxy[line].close)
            for name in self._wanted:
                part = getattr(self, name)
                held.callback(part.kill)
                part.start(wait=False)
            for name in self._wanted:
                getattr(self, name).wait_ready()
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def answers(self) -> bool:
        """Whether the API is ready for work; it is asked without a proxy."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._api_port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def consumes(self) -> bool:
        """Whether a worker waits at a queue."""
        try:
            with redis.Redis.from_url(self.redis_url, socket_timeout=2) as client:
                return any(one["cmd"] == "brpop" for one in client.client_list())
        except redis.RedisError:
            return False

    def database_answers(self) -> bool:
        """Whether the database takes connections."""
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def sql(self, statement: str, *params: Any) -> list[Any]:
        """One statement as the database's owner, without a proxy; its rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def backends(self, application: str = "credit-ledger %") -> list[int]:
        """The server processes that work for connections of this name (LIKE)."""
        until(self.database_answers, "the database answers")
        found = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE %s AND pid <> pg_backend_pid()"
        return [row[0] for row in self.sql(found, application)]

    def kill_backend(self, chance: random.Random) -> float:
        """kill -9 of one of the service's backends, for which the postmaster ends all of them; when they were gone."""
        victims = self.backends()
        if victims:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)
        for victim in victims:
            wait_until_gone(victim)
        return time.monotonic()

    def kill_postmaster(self, number: signal.Signals = signal.SIGKILL) -> float:
        """End the database as a whole (SIGQUIT: immediate stop) and start it again; how long it was away."""
        began = time.monotonic()
        self.postgres.signal(number)
        assert self.postgres.child is not None
        wait_until_gone(self.postgres.pid)
        self.postgres.start()
        return time.monotonic() - began

    def _target(self, line: str) -> str:
        if line.endswith("-postgres"):
            return self.url
        return self.redis_url if line == "worker-valkey" else f"http://127.0.0.1:{self._api_port}"

    def _at(self, line: str) -> str:
        return self.proxy[line].url if line in self.proxy else self._target(line)

    def _environ(self, who: str) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LEDGER_ENVIRONMENT": "test",
            "LEDGER_DATABASE_URL": self._at(f"{who}-postgres"),
            "LEDGER_REDIS_URL": self._at(f"{who}-valkey") if who == "worker" else self.redis_url,
            **self._settings,
        }

    def _program_of(self, name: str, argv: list[str], environ: dict[str, str]) -> Program:
        run = self.home / "run"
        return Program(
            name=name, argv=argv, environ=environ, log=self.home / "logs" / f"{name}.log", note=run / f"{name}.json"
        )

    def _config(self, **changed: Any) -> Settings:
        return replace(Settings.from_environ(self._environ("api")), **{"log_level": "warning", **changed})

    def _api_program(self) -> Program:
        return self._program_of("api", api_argv(self._config(port=self._api_port)), self._environ("api"))

    def _worker_program(self) -> Program:
        argv = worker_argv(self._config(log_level="info"), name=f"fault{os.getpid()}")
        return self._program_of("worker", argv, self._environ("worker"))

    def _beat_program(self) -> Program:
        argv = beat_argv(self._config(), schedule=str(self.home / "run" / "beat"))
        return self._program_of("beat", argv, self._environ("beat"))


def new_home() -> Path:
    """A directory that PostgreSQL's user may enter too, which pytest's are not."""
    home = Path(tempfile.mkdtemp(prefix="credit-ledger-faults-"))
    home.chmod(0o755)
    return home


def wait_until_gone(pid: int) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + START_S
    while is_alive(pid):
        assert time.monotonic() < deadline, f"{pid} does not end"
        time.sleep(0.01)


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


__all__ = ["LINES", "Part", "Stack", "kill_session", "new_home", "wait_until_gone"]
