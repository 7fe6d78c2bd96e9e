"""A migration that meets a lock: gives up in time, leaves nothing half done, says who is in the way."""

from __future__ import annotations

import os
import subprocess
import sys

from ledger.cli.migrate import head, revision, upgrade
from tests.migrations.sql import steps
from tests.support.api import run_sql
from tests.support.book import session
from tests.support.waiting import until

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def start(url: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ledger.cli", "migrate", "--lock-timeout-ms", "50", *options],
        env=os.environ | {"LEDGER_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_migration_that_is_blocked_gives_up(empty_url: str) -> None:
    before = steps()[-2][1]
    upgrade(empty_url, to=before)
    tables = run_sql(empty_url, TABLES)
    with session(empty_url) as blocker, blocker.transaction():
        blocker.execute("SET LOCAL application_name = 'somebody'")
        blocker.execute("LOCK TABLE alembic_version IN SHARE MODE")

        process = start(empty_url, "--wait-s", "2")
        _, said = process.communicate(timeout=60)

        assert 1 == process.returncode
        first, *_, last = said.splitlines()
        assert first.startswith("a lock was not to be had within 50 ms; ")
        assert first.endswith("; trying again")
        assert last.startswith("Error: a lock was not to be had within 50 ms; ")
        assert f"pid {blocker.info.backend_pid} (somebody, idle in transaction, for " in last
        assert last.endswith(f"The schema is at {before}. Try again.")
        assert before == revision(empty_url)
        assert tables == run_sql(empty_url, TABLES)


def test_a_migration_gets_through_when_the_lock_is_free(empty_url: str) -> None:
    upgrade(empty_url, to=steps()[-2][1])
    with session(empty_url) as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE alembic_version IN SHARE MODE")
        process = start(empty_url, "--wait-s", "60")
        assert process.stderr is not None
        assert "trying again" in process.stderr.readline()
    out, _ = process.communicate(timeout=60)
    assert 0 == process.returncode
    assert f"The schema is at {head()}, the newest" in out


def test_two_migrations_at_once_do_it_once(empty_url: str) -> None:
    """What two releases that start together do: the second waits for the first, and finds nothing to do."""
    both = [start(empty_url, "--wait-s", "60") for _ in range(2)]
    until(lambda: all(process.poll() is not None for process in both), "both migrations have ended")
    ended = [(process.returncode, *process.communicate()) for process in both]
    assert [0, 0] == [one[0] for one in ended], ended
    assert head() == revision(empty_url)
