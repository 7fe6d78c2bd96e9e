"""``credit-ledger backup``: a dump, a base backup, a named point, and what archives WAL."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.cli import where
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option


@click.group()
def backup() -> None:
    """Make backups with PostgreSQL's own tools. None is ever written over."""


@backup.command("dump")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@database_option
@json_option
def dump_command(file: Path, database_url: str | None, as_json: bool) -> None:
    """Dump the database into FILE (pg_dump, custom format)."""
    from ledger.backup.dump import dump

    made = dump(where.database_url(database_url), file)
    if as_json:
        emit_json(made._asdict())
    else:
        click.echo(f"{made.file}: {made.bytes:,} bytes, of PostgreSQL {made.server_major}")


@backup.command("base")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@database_option
@json_option
def base_command(directory: Path, database_url: str | None, as_json: bool) -> None:
    """Copy the server's files into DIRECTORY and verify them (pg_basebackup)."""
    from ledger.backup.base import base

    made = base(where.database_url(database_url), directory)
    if as_json:
        emit_json(made._asdict())
    else:
        click.echo(f"{made.directory}: of PostgreSQL {made.server_major}, verified")
        if not made.archiving:
            click.echo("archive_mode is off: this backup can be restored, but no later instant.", err=True)


@backup.command("point")
@click.argument("name")
@database_option
@json_option
def point_command(name: str, database_url: str | None, as_json: bool) -> None:
    """Write the restore point NAME into the WAL, before something risky."""
    from ledger.backup.base import restore_point

    lsn = restore_point(where.database_url(database_url), name)
    if as_json:
        emit_json({"name": name, "lsn": lsn})
    else:
        click.echo(f"{name} is at {lsn}")


@backup.command("wal-script")
def wal_script() -> None:
    """Print the script for PostgreSQL's archive_command; it belongs on the database's machine."""
    from ledger.backup.base import SCRIPT

    click.echo(SCRIPT.read_text(), nl=False)
