"""A worker, beat and a Valkey of their own, as processes that can be killed one by one; and work that becomes due.

Tasks may run for LIMIT_S here, so that what rests on time (leases, visibility) comes round in seconds: a silent
worker's task goes on after four times it.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import redis

from ledger.book.commands import Inflow, Use
from ledger.cli.serve import beat_argv, worker_argv
from ledger.embedded.process import Child, Program, is_alive, processes
from ledger.embedded.valkey import Valkey
from ledger.settings import Settings
from tests.support.book import CREDIT, attempt, check, codes, new_wallets, session, submit
from tests.support.waiting import until

LIMIT_S = 3
VISIBILITY_S = 4 * LIMIT_S
HEAL_S = 60.0
"""After the last fault has healed, all that is due must be done within this."""


class Broker:
    """A Valkey that can be killed, emptied and started again at the same address."""

    def __init__(self, home: Path) -> None:
        self._valkey = Valkey(home)
        self._valkey.prepare()
        self._child: Child | None = None
        self.start()

    @property
    def url(self) -> str:
        return self._valkey.url

    def start(self) -> None:
        """With nothing in it: what it held is on no disk."""
        self._child = Child(self._valkey.program())
        self._valkey.wait_ready(self._child)

    def kill(self) -> None:
        """kill -9."""
        assert self._child is not None
        self._child.kill()

    def ask(self, *command: str) -> object:
        """A command as it is typed, such as ``FLUSHALL``; its answer."""
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]


class Crew:
    """A worker with two children and beat; ``database_url`` and ``broker_url`` may lead through proxies."""

    def __init__(self, database_url: str, broker_url: str, home: Path, **environ: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.environ = os.environ | {
            "LEDGER_DATABASE_URL": database_url,
            "LEDGER_REDIS_URL": broker_url,
            "LEDGER_TASK_LIMIT_S": str(LIMIT_S),
            "LEDGER_ENVIRONMENT": "test",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            **environ,
        }
        self._home = home
        self._started: list[Child] = []
        self.log = home / "crew.log"

    def start_worker(self, name: str = "crew", **environ: str) -> int:
        """Start a worker; the number of its parent process."""
        argv = worker_argv(Settings.from_environ(self.environ), name=f"{name}{os.getpid()}")
        return self._start(argv, **environ)

    def start_beat(self, **environ: str) -> int:
        """Start beat; its number."""
        schedule = str(self._home / f"beat{len(self._started)}")
        return self._start(beat_argv(Settings.from_environ(self.environ), schedule=schedule), **environ)

    def _start(self, argv: list[str], **environ: str) -> int:
        note = self._home / f"{len(self._started)}.json"
        program = Program(name="crew", argv=argv, environ=self.environ | environ, log=self.log, note=note)
        self._started.append(Child(program))
        return self._started[-1].pid

    def children(self, parent: int) -> list[int]:
        """The processes that a worker's parent has forked."""
        return [pid for pid in processes() if _parent_of(pid) == parent and is_alive(pid)]

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a process of ours, and reap it if that ended one that we started."""
        os.kill(pid, number)
        if number == signal.SIGKILL:
            self.reap(pid)

    def reap(self, pid: int) -> int | None:
        """Wait until a process has ended; its exit code if it is one that we started, and not a child of it."""
        ours = [child for child in self._started if child.pid == pid]
        until(lambda: not ours or ours[0].exit_code is not None, f"{pid} ended", patience_s=HEAL_S)
        return ours[0].exit_code if ours else None

    def stop(self) -> None:
        """kill -9 of all of them, stopped ones included."""
        for child in self._started:
            child.kill()


class Work:
    """Wallets in which something becomes due: 150 credits that expire soon, of which 100 are used at once.

    Each gets exactly three transactions (grant, usage, expiry) and two events (low, depleted).
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self.wallets: list[int] = []

    def ask(self, count: int, *, expires_in_s: float = 2) -> None:
        """Post into ``count`` new wallets, through a door of the test's own."""
        wallets = new_wallets(self._url, count)
        with session(self._url) as connection:
            row = connection.execute("SELECT ledger_now()").fetchone()
        assert row is not None
        soon = row[0] + timedelta(seconds=expires_in_s)
        grants = [Inflow(wallet_id=w, amount=150 * CREDIT, source="promotional", expires_at=soon) for w in wallets]
        uses = [Use(wallet_id=w, amount=100 * CREDIT, service="chat") for w in wallets]
        outcomes = submit(self._url, *(attempt(command) for command in (*grants, *uses)))
        assert codes(outcomes) == ["posted"] * 2 * count
        self.wallets += wallets

    def done(self) -> int:
        """In how many wallets the expiry is booked."""
        query = "SELECT count(*) FROM transactions WHERE kind = 'expiry' AND wallet_id = ANY(%s)"
        with session(self._url) as connection:
            row = connection.execute(query, [self.wallets]).fetchone()
        assert row is not None
        return int(row[0])

    def until_begun(self, count: int = 1) -> None:
        """Wait until this much is done."""
        until(lambda: self.done() >= count, f"{count} of it done", patience_s=HEAL_S)

    def until_done(self, what: str) -> None:
        """Wait until all that was asked for is done; HEAL_S at most."""
        until(lambda: self.done() == len(self.wallets), f"everything done after {what}", patience_s=HEAL_S)

    def check(self) -> None:
        """Nothing was lost and nothing doubled, in the books and in the log of events."""
        report = check(self._url, self.wallets)
        assert report.checked["transactions"] == 3 * len(self.wallets)
        # Low; depleted and expired; and where the worker happened to look before, that they were about to expire.
        assert 3 * len(self.wallets) <= report.checked["events"] <= 4 * len(self.wallets)


def _parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
