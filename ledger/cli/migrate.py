"""Bring a database to the newest schema, or say how far it is from it."""

from __future__ import annotations

from pathlib import Path

import click
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

import ledger
from ledger import settings
from ledger.cli.output import emit_json, json_option
from ledger.kit.db import sync_url

MIGRATIONS = Path(ledger.__file__).parent.parent / "migrations"


def upgrade(database_url: str) -> None:
    """Run every migration that this database has not had."""
    command.upgrade(_config(database_url), "head")


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


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if migrations are missing.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL of all migrations instead.")
@json_option
def migrate(check: bool, as_sql: bool, as_json: bool) -> None:
    """Bring the database in LEDGER_DATABASE_URL to the newest schema."""
    if as_sql:
        command.upgrade(_config(""), "head", sql=True)
        return
    url = settings.load().database
    before = revision(url)
    if not check:
        upgrade(url)
    answer = {"before": before, "now": revision(url), "newest": head()}
    if as_json:
        emit_json(answer)
    elif answer["now"] == answer["newest"]:
        click.echo(f"The schema is at {answer['now']}, the newest (it was at {before or 'nothing'}).")
    else:
        click.echo(f"The schema is at {answer['now'] or 'nothing'}; {answer['newest']} is the newest.")
    if answer["now"] != answer["newest"]:
        raise SystemExit(1)
