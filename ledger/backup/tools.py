"""PostgreSQL's client programs: found where they are, checked against the server, run with one message if they fail.

An older program than the server refuses to work, or leaves out what it does not know. So each command
takes the first program that is new enough: of `LEDGER_POSTGRES_BIN` alone where that is set, else on
PATH, else of the `embedded` extra.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger import settings
from ledger.backup.errors import BackupError
from ledger.embedded.binaries import postgres_bin
from ledger.embedded.errors import EmbeddedError
from ledger.settings import libpq_url, variable

SETTING = variable("postgres_bin")


def connect(database_url: str) -> psycopg.Connection[tuple[object, ...]]:
    """A session that commits statement by statement, without the limits that a service has."""
    connection = psycopg.connect(
        libpq_url(database_url), autocommit=True, connect_timeout=10, application_name="credit-ledger backup"
    )
    connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET timezone = 'UTC'")
    return connection


def server_major(database_url: str) -> int:
    """The major version of the server of this database."""
    with connect(database_url) as connection:
        return connection.info.server_version // 10_000


def program(name: str, *, major_min: int) -> Path:
    """The program, of this major version or a newer one.

    Raises:
        BackupError: there is none, or all are older; the message says which were found.
    """
    unfit = []
    for found in _candidates(name):
        major = program_major(found)
        if major is not None and major >= major_min:
            return found
        unfit.append(f"{found} does not run" if major is None else f"{found} is of PostgreSQL {major}")
    if unfit:
        raise BackupError(
            f"{name} of PostgreSQL {major_min} or newer is needed, and {'; '.join(unfit)}. "
            f"Install the client programs of PostgreSQL {major_min}, and name their directory in {SETTING}."
        )
    raise BackupError(
        f"{name} was not found. Install PostgreSQL's client programs, on PATH or with their directory in {SETTING}."
    )


def program_major(found: Path) -> int | None:
    """The major version that a program says it is of; None where it does not run."""
    said = subprocess.run([str(found), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return None if match is None else int(match[1])


def run(found: Path, *arguments: str, database_url: str | None = None) -> str:
    """Run the program to its end, and give what it printed. A password goes by the environment, not in `ps`.

    Raises:
        BackupError: it failed; with what it said.
    """
    environ = dict(os.environ)
    command = [str(found), *arguments]
    if database_url is not None:
        where = conninfo_to_dict(libpq_url(database_url))
        password = where.pop("password", None)
        if password is not None:
            environ["PGPASSWORD"] = str(password)
        command.append(f"--dbname={make_conninfo('', **where)}")
    done = subprocess.run(  # noqa: S603 - the command lines are our own
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise BackupError(f"{found.name} failed (exit code {done.returncode}):\n{done.stderr.strip()}")
    return done.stdout


def _candidates(name: str) -> Iterator[Path]:
    chosen = settings.load().postgres_bin
    if chosen is not None:
        if (Path(chosen) / name).exists():
            yield Path(chosen) / name
        return
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path)
    try:
        brought = postgres_bin() / name
    except EmbeddedError:
        return
    if brought.exists():
        yield brought
