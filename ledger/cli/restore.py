"""``credit-ledger restore``: put a backup back, and say what was lost. The protocol is docs/runbooks/restore.md."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from ledger.cli import where
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option

if TYPE_CHECKING:
    from ledger.backup.report import State

JOBS_MAX = 64


@click.group()
def restore() -> None:
    """Restore into something new: nothing here writes over a database or a server's files."""


@restore.command("dump")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--jobs", type=click.IntRange(1, JOBS_MAX), default=1, show_default=True, help="Connections that load.")
@database_option
@json_option
def dump_command(file: Path, jobs: int, database_url: str | None, as_json: bool) -> None:
    """Load FILE, a dump, into the database, which must be empty."""
    from ledger.backup.restore import restore_dump

    done = restore_dump(where.database_url(database_url), file, jobs=jobs)
    if as_json:
        emit_json(done._asdict())
    else:
        click.echo(f"restored {done.transactions:,} transactions, schema {done.revision}")
        click.echo("next: `credit-ledger migrate`, `credit-ledger verify`, `credit-ledger restore report`")


@restore.command("base")
@click.argument("backup", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--archive", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Where the WAL is.")
@click.option("--to-time", metavar="INSTANT", help="Stop behind what was committed by then, as PostgreSQL reads it.")
@click.option("--to-lsn", metavar="LSN", help="Stop at this place in the WAL.")
@click.option("--to-name", metavar="NAME", help="Stop at this restore point.")
@json_option
def base_command(
    backup: Path,
    directory: Path,
    archive: Path | None,
    to_time: str | None,
    to_lsn: str | None,
    to_name: str | None,
    as_json: bool,
) -> None:
    """Make DIRECTORY ready for PostgreSQL to recover BACKUP in it; without a target, to the archive's end."""
    from ledger.backup.recovery import restore_base

    given = [(kind, value) for kind, value in (("time", to_time), ("lsn", to_lsn), ("name", to_name)) if value]
    if len(given) > 1:
        raise click.UsageError("one of --to-time, --to-lsn and --to-name")
    done = restore_base(backup, directory, archive=archive, target=given[0] if given else None)
    if as_json:
        emit_json(done._asdict())
    else:
        click.echo(
            f"{done.directory} is ready: it recovers to {done.target} when PostgreSQL {done.server_major} starts."
        )
        click.echo("next: start it, `credit-ledger verify`, `credit-ledger restore report`")


@restore.command("adopt")
@database_option
@json_option
def adopt_command(database_url: str | None, as_json: bool) -> None:
    """Take over rows of another cluster, after a restore that `restore dump` did not make."""
    from ledger.backup.adopt import adopt

    done = adopt(where.database_url(database_url))
    if as_json:
        emit_json(done._asdict())
    else:
        click.echo(f"{done.adopted:,} of {done.transactions:,} transactions had an id of another cluster")


@restore.command("report")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--all", "show_all", is_flag=True, help="Show what is present too.")
@database_option
@json_option
def report_command(file: TextIO, show_all: bool, database_url: str | None, as_json: bool) -> None:
    """Look up every transaction that FILE names (JSON, a document a line; - for standard input).

    Exit 0: all are there with the same hash; 1: some are lost; 2: a line could not be read.
    """
    from ledger.backup.report import exit_code, report

    states: Counter[State] = Counter()
    for finding in report(where.database_url(database_url), file):
        states[finding.state] += 1
        if finding.state not in ("present", "unproved") or show_all:
            told = {name: value for name, value in finding._asdict().items() if value is not None}
            click.echo(json.dumps(told) if as_json else "  ".join(str(value) for value in told.values()))
    names: tuple[State, ...] = ("present", "unproved", "missing", "different", "unreadable")
    summary = {name: states[name] for name in names}
    click.echo(json.dumps(summary) if as_json else ", ".join(f"{n:,} {name}" for name, n in summary.items()))
    sys.exit(exit_code(states))
