"""Servers of the drills' own, each in a directory of its own: one that archives its WAL, and fresh ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.backup.base import SCRIPT
from ledger.embedded.postgres import DURABLE, Postgres
from ledger.embedded.process import Child
from tests.support.api import run_sql
from tests.support.waiting import until

SMALL = {**DURABLE, "shared_buffers": "64MB", "max_connections": "60", "min_wal_size": "64MB", "max_wal_size": "256MB"}


@contextmanager
def home() -> Iterator[Path]:
    """A directory that another user may enter too: as root, PostgreSQL is one."""
    made = Path(tempfile.mkdtemp(prefix="credit-ledger-drill-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree((made / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def cluster(home: Path, **settings: str) -> Iterator[str]:
    """Run PostgreSQL on this directory until the end of the block; the address of its database."""
    postgres = Postgres(home, SMALL | settings)
    postgres.prepare()
    child = Child(postgres.program())
    try:
        postgres.wait_ready(child)
        url = postgres.url()
        until(lambda: run_sql(url, "SELECT pg_is_in_recovery()") == [(False,)], "the server has recovered")
        yield url
    finally:
        child.stop()


def owned(directory: Path) -> Path:
    """A new directory of the user that PostgreSQL runs as."""
    directory.mkdir(parents=True, mode=0o700)
    user = Postgres(directory, SMALL).user
    if user is not None:
        os.chown(directory, user.uid, user.gid)
    return directory


def archiving(home: Path, archive: Path) -> dict[str, str]:
    """Settings that archive WAL with the script that ships, as an operator installs it."""
    script = home / "archive-wal"
    shutil.copy(SCRIPT, script)
    script.chmod(0o755)
    return {"archive_mode": "on", "archive_command": f"'{script} \"%p\" {archive}'", "archive_timeout": "'60s'"}


def burn_ids(url: str, count: int) -> None:
    """Let the cluster count further: as many transactions, of nothing."""
    run_sql(url, f"DO $$ BEGIN FOR i IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")


def archive_all(url: str) -> None:
    """Switch to a new segment, and wait until every one before it is in the archive."""
    ((last,),) = run_sql(url, "SELECT pg_walfile_name(pg_switch_wal())")
    until(
        lambda: (run_sql(url, "SELECT last_archived_wal FROM pg_stat_archiver")[0][0] or "") >= last,
        f"{last} is archived",
    )
