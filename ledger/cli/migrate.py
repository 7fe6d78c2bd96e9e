"""Bring a database to the newest schema, or say how far it is from it.

A migration never makes others wait long: what it waits for a lock, everybody waits who comes behind it. So
its statements give up after `--lock-timeout-ms`, and the migration is tried again, with pauses in which the
service works, until `--wait-s` are over.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import OperationalError

import ledger
from ledger import settings
from ledger.cli.output import emit_json, json_option
from ledger.kit.db import sqlstate, sync_url
from ledger.settings import libpq_url
from migrations.online import LOCK_TIMEOUT_MS

MIGRATIONS = Path(ledger.__file__).parent.parent / "migrations"

LOCK_TIMEOUTS_MS = (10, 5_000)
WAIT_S = 300
PAUSES = 4
"""The pause before a further try, in lock timeouts: at least four fifths of the time are the service's."""

LOCK_NOT_AVAILABLE = "55P03"

_HOLDERS = """
SELECT pid, coalesce(application_name, ''), state, extract(epoch FROM clock_timestamp() - xact_start)::int
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - interval '1 second'
ORDER BY xact_start LIMIT 3
"""


class MigrationBlocked(click.ClickException):
    """Somebody kept a lock for as long as we wanted to wait. What was migrated before stays."""


def upgrade(
    database_url: str,
    *,
    to: str = "head",
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
    wait_s: float = WAIT_S,
    say: Callable[[str], None] = lambda _: None,
    versions: Sequence[Path] = (),
) -> None:
    """Run every migration that this database has not had, up to ``to``. ``versions``: further directories of them.

    Raises:
        MigrationBlocked: a lock could not be had within ``wait_s``.
    """
    config = _config(database_url, versions)
    config.attributes["lock_timeout_ms"] = lock_timeout_ms
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return command.upgrade(config, to)
        except OperationalError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
        told = f"a lock was not to be had within {lock_timeout_ms} ms; {holders(database_url)}"
        if time.monotonic() >= deadline:
            raise MigrationBlocked(f"{told}. The schema is at {revision(database_url) or 'nothing'}. Try again.")
        say(f"{told}; trying again")
        time.sleep(random.uniform(1, 1.5) * PAUSES * lock_timeout_ms / 1000)  # noqa: S311


def holders(database_url: str) -> str:
    """The oldest open transactions, one of which most likely has the lock."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        found = connection.execute(_HOLDERS).fetchall()
    if not found:
        return "no transaction is open for longer than a second"
    shown = (f"pid {pid} ({name or 'no name'}, {state}, for {age_s} s)" for pid, name, state, age_s in found)
    return f"the oldest open transactions: {', '.join(shown)}"


def head() -> str | None:
    """The revision of the newest migration."""
    return ScriptDirectory.from_config(_config("")).get_current_head()


def revision(database_url: str) -> str | None:
    """The revision that this database is at; None if it has had none."""
    engine = create_engine(sync_url(database_url), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _config(database_url: str, versions: Sequence[Path] = ()) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    if versions:
        config.set_main_option("path_separator", "newline")
        places = "\n".join(str(place) for place in (MIGRATIONS / "versions", *versions))
        config.set_main_option("version_locations", places.replace("%", "%%"))
    return config


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if migrations are missing.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL of all migrations instead.")
@click.option(
    "--lock-timeout-ms",
    type=click.IntRange(*LOCK_TIMEOUTS_MS),
    default=LOCK_TIMEOUT_MS,
    show_default=True,
    help="How long a statement waits for a lock: as long, requests may wait behind it.",
)
@click.option(
    "--wait-s",
    type=click.IntRange(0, 86_400),
    default=WAIT_S,
    show_default=True,
    help="How long it is tried again while somebody has a lock that it needs.",
)
@json_option
def migrate(check: bool, as_sql: bool, lock_timeout_ms: int, wait_s: int, as_json: bool) -> None:
    """Bring the database in LEDGER_DATABASE_URL to the newest schema."""
    if as_sql:
        command.upgrade(_config(""), "head", sql=True)
        return
    url = settings.load().database
    before = revision(url)
    if not check:
        upgrade(url, lock_timeout_ms=lock_timeout_ms, wait_s=wait_s, say=lambda line: click.echo(line, err=True))
    answer = {"before": before, "now": revision(url), "newest": head()}
    if as_json:
        emit_json(answer)
    elif answer["now"] == answer["newest"]:
        click.echo(f"The schema is at {answer['now']}, the newest (it was at {before or 'nothing'}).")
    else:
        click.echo(f"The schema is at {answer['now'] or 'nothing'}; {answer['newest']} is the newest.")
    if answer["now"] != answer["newest"]:
        raise SystemExit(1)
