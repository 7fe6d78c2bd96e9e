"""One PostgreSQL and one Valkey for a whole run of the tests, and databases cut from a template.

Whichever process needs a server first starts the keeper (ledger.embedded.keeper), which ends with
the run, even with a killed one. LEDGER_TEST_DATABASE_URL and LEDGER_TEST_REDIS_URL name servers to
use instead; the role needs the right to create databases.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

START_TIMEOUT_S = 60.0


def servers(home: Path, watch: int) -> dict[str, str]:
    """The addresses `postgres_url` and `redis_url`; started by the first who asks.

    `home` is a directory that all processes of the run share, `watch` the process whose end ends
    the servers.
    """
    home.mkdir(parents=True, exist_ok=True)
    found = home / "servers.json"
    with locked(home / "lock"):
        if not found.exists():
            _start_keeper(home, watch)
        said: dict[str, str] = json.loads(found.read_text())
    if "error" in said:
        raise RuntimeError(said["error"])
    return said


def _start_keeper(home: Path, watch: int) -> None:
    command = [sys.executable, "-m", "ledger.embedded.keeper"]
    with (home / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [*command, "--home", str(home), "--watch", str(watch)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (home / "servers.json").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((home / "keeper.log").read_text())
        time.sleep(0.02)
    keeper.returncode = 0  # it is on its own from here: no warning about a child still running


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Only one process of the run at a time."""
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def at_database(url: str, name: str) -> str:
    """The same server, this database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def create_database(server_url: str, name: str, *, template: str = "template0") -> str:
    """Make the database anew and give its address."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        new, old = sql.Identifier(name), sql.Identifier(template)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(new))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(new, old))
    return at_database(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Remove the database, whoever is connected to it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        gone = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        connection.execute(gone.format(sql.Identifier(name)))


def migrated_template(server_url: str, home: Path, name: str) -> str:
    """The name of a database with the newest schema, made by the first who asks."""
    done = home / f"{name}.migrated"
    with locked(home / "template.lock"):
        if not done.exists():
            url = create_database(server_url, name)
            if _migrations_exist():
                from ledger.cli.migrate import upgrade

                upgrade(url)
            done.write_text(str(os.getpid()))
    return name


def _migrations_exist() -> bool:
    import ledger

    return (Path(ledger.__file__).parent.parent / "migrations" / "env.py").exists()


@contextmanager
def temporary() -> Iterator[dict[str, str]]:
    """Servers for test runs that this process starts, as environment variables of theirs; they end with it."""
    names = {"LEDGER_TEST_DATABASE_URL": "postgres_url", "LEDGER_TEST_REDIS_URL": "redis_url"}
    if all(os.environ.get(name) for name in names):
        yield {name: os.environ[name] for name in names}
        return
    home = Path(tempfile.mkdtemp(prefix="credit-ledger-tests-"))  # the keeper removes it
    home.chmod(0o755)  # as root, PostgreSQL is another user
    started = servers(home, os.getpid())
    yield {name: os.environ.get(name) or started[found] for name, found in names.items()}
