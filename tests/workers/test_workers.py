"""Real Celery workers on a real Valkey: what is due gets done, and the broker may forget everything."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from celery import Celery

from ledger.book.anchor.keys import SigningKey
from ledger.book.commands import Inflow, Use
from ledger.book.verify import read_copies, verify_now
from ledger.cli.serve import beat_argv, worker_argv
from ledger.settings import Settings
from tests.book.conftest import Clock
from tests.support.book import CREDIT, attempt, check, codes, new_wallets, session, submit
from tests.support.waiting import until


class Workers:
    """A worker with two children, and beat, as ``credit-ledger worker`` and ``beat`` start them."""

    def __init__(self, database_url: str, redis_url: str, home: Path, **settings: str) -> None:
        self._environ = os.environ | {"LEDGER_DATABASE_URL": database_url, "LEDGER_REDIS_URL": redis_url} | settings
        self._home = home
        self._log = home / "workers.log"
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        config = Settings.from_environ(self._environ)
        for argv in (
            worker_argv(config, name=f"test{os.getpid()}"),
            beat_argv(config, schedule=str(self._home / "beat")),
        ):
            with self._log.open("ab") as log:
                self.started.append(
                    subprocess.Popen(argv, env=self._environ, stdout=log, stderr=log, start_new_session=True)
                )

    def kill(self) -> None:
        """kill -9 of all of them, children included."""
        for process in self.started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.started.clear()

    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture
def workers(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Workers]:
    found = Workers(database_url, redis_url, tmp_path)
    with ExitStack() as stack:
        stack.callback(found.kill)
        found.start()
        yield found


@pytest.fixture
def clock(database_url: str) -> Iterator[Clock]:
    yield Clock(database_url)
    with session(database_url) as connection:
        connection.execute("UPDATE clock SET ahead_us = 0")


def count(url: str, sql: str, *params: object) -> int:
    with session(url) as connection:
        row = connection.execute(sql, params).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return int(row[0])


EVENTS = "SELECT count(*) FROM outbox WHERE wallet_id = ANY(%s) AND type <> 'credits.expiring'"
EXPIRIES = "SELECT count(*) FROM transactions WHERE kind = 'expiry' AND wallet_id = ANY(%s)"


@pytest.mark.faults
def test_what_is_due_gets_done_though_the_broker_forgets_and_workers_die(
    workers: Workers, database_url: str, redis_url: str, clock: Clock
) -> None:
    """Lots expire in wallets nobody touches, with the events of that, through FLUSHALL and kill -9."""
    wallets = new_wallets(database_url, 20)
    soon = clock.now() + timedelta(hours=1)
    granted = submit(
        database_url,
        *(
            attempt(Inflow(wallet_id=wallet, amount=150 * CREDIT, source="promotional", expires_at=soon))
            for wallet in wallets
        ),
        *(attempt(Use(wallet_id=wallet, amount=100 * CREDIT, service="chat")) for wallet in wallets),
    )
    assert ["posted"] * 40 == codes(granted)
    assert 20 == count(database_url, EVENTS, wallets), "low"

    clock.advance(timedelta(hours=2))
    redis.Redis.from_url(redis_url).flushall()
    until(lambda: count(database_url, EXPIRIES, wallets) == 20, "20 expiries booked after the broker forgot everything")
    assert 60 == count(database_url, EVENTS, wallets), "depleted, and expired"

    workers.kill()
    later = clock.now() + timedelta(hours=1)
    more = submit(
        database_url,
        *(
            attempt(Inflow(wallet_id=wallet, amount=150 * CREDIT, source="promotional", expires_at=later))
            for wallet in wallets
        ),
    )
    assert ["posted"] * 20 == codes(more)
    clock.advance(timedelta(hours=2))
    workers.start()
    until(lambda: count(database_url, EXPIRIES, wallets) == 40, "20 more booked by new workers")
    assert 120 == count(database_url, EVENTS, wallets), "recovered, depleted and expired again"
    check(database_url, wallets)


def test_every_task_that_is_scheduled_is_known(database_url: str, redis_url: str) -> None:
    """In a process of its own, as the worker imports it."""
    code = (
        "import json, workers.app as w; w.app.loader.import_default_modules();"
        "named = {entry['task'] for entry in w.app.conf.beat_schedule.values()};"
        "print(json.dumps(sorted(named - set(w.app.tasks))))"
    )
    environ = os.environ | {"LEDGER_DATABASE_URL": database_url, "LEDGER_REDIS_URL": redis_url}

    unknown = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)

    assert "[]" == unknown.stdout.strip()


ANCHORS = "SELECT count(*) FROM anchors"
SEALED = "SELECT count(*) FROM outbox WHERE type = 'ledger.sealed'"


@pytest.mark.faults
def test_the_hour_is_sealed_once_and_told_of_though_workers_die(
    database_url: str, redis_url: str, tmp_path: Path, clock: Clock
) -> None:
    """Ticks twice over, by two workers, one of them killed: one anchor and its event, both in the log, and all of it verified."""
    key = SigningKey.new()
    wallets = new_wallets(database_url, 20)
    submit(database_url, *(attempt(Inflow(wallet_id=wallet, amount=5, source="promotional")) for wallet in wallets))
    # A broker of its own, as workers of another test would take these tasks to another database.
    own_redis_url = urlunsplit(urlsplit(redis_url)._replace(path="/1"))
    workers = Workers(database_url, own_redis_url, tmp_path, LEDGER_ANCHOR_KEY=key.text)
    beat = Celery(broker=own_redis_url, set_as_current=False)

    def ticks(sql: str, expected: int) -> bool:
        """Ring as beat does every five minutes, twice, until it shows."""
        for _ in range(2):
            beat.send_task("anchor.seal", ignore_result=True)
        return count(database_url, sql) == expected

    try:
        workers.start()
        until(lambda: ticks(ANCHORS, 1), "the hour is sealed")
        until(lambda: '"anchor.sealed"' in workers.log(), "and it stands in the log")
        workers.kill()
        clock.advance(timedelta(hours=1))
        workers.start()
        until(lambda: ticks(ANCHORS, 2), "the next hour is sealed")
        until(lambda: workers.log().count('"anchor.sealed"') == 2, "and it stands in the log")
    finally:
        workers.kill()
    assert count(database_url, ANCHORS) == count(database_url, SEALED) == 2
    assert key.text not in workers.log()
    with (tmp_path / "workers.log").open() as log:
        copies = read_copies(line for line in log if line.startswith("{"))
    assert set(copies) == {1, 2}
    report = verify_now(database_url, trusted={key.public}, copies=copies)
    assert report.ok, report.to_json()
    assert report.checked["leaves"] >= 20
