"""Restores: a dump into an empty database, a base backup with the archive behind it into a data directory."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.backup import adopt, tools
from ledger.backup.errors import BackupError
from ledger.kit import roles

_TABLES = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""


class Restored(NamedTuple):
    """A dump that is in the database now."""

    file: str
    transactions: int
    revision: str


def restore_dump(database_url: str, file: Path, *, jobs: int = 1) -> Restored:
    """Load a dump into an empty database, whoever owned it before; the login becomes the owner.

    Everything that was written in the cluster of the dump is adopted while it is loaded (`ledger.backup.adopt`).

    Raises:
        BackupError: the database is not empty, a program is missing or too old, or pg_restore failed.
    """
    server = tools.server_major(database_url)
    pg_restore = tools.program("pg_restore", major_min=server)
    contents = tools.run(pg_restore, "--list", str(file))
    _require_newer_server(contents, server)
    _require_empty(database_url)
    _execute(database_url, roles.MAKE_ROLE, roles.BECOME_ROLE)
    with _without_default_rights(contents) as wanted:
        for section, then in (
            ("pre-data", adopt.LOADING),
            ("data", (adopt.LOADED,)),
            ("post-data", (roles.GRANT_ON_LATER_TABLES, "ANALYZE")),
        ):
            tools.run(
                pg_restore,
                *(f"--section={section}", f"--use-list={wanted}", "--no-owner", "--exit-on-error", "--no-password"),
                *([f"--jobs={jobs}"] if section != "pre-data" else []),
                str(file),
                database_url=database_url,
            )
            _execute(database_url, *then)
    return _recorded(database_url, file)


def _require_newer_server(contents: str, server: int) -> None:
    match = re.search(r"Dumped from database version: (\d+)", contents)
    if match is not None and int(match[1]) > server:
        raise BackupError(
            f"the dump is of PostgreSQL {match[1]}, and the server is {server}: a dump goes into a server "
            "of its own version or a newer one."
        )


def _require_empty(database_url: str) -> None:
    with tools.connect(database_url) as connection:
        row = connection.execute(_TABLES).fetchone()
    if row is None or row[0] != 0:
        raise BackupError("the database has tables already: restore into a new one (createdb), never over another.")


@contextmanager
def _without_default_rights(contents: str) -> Iterator[Path]:
    """The dump's list without the rights on later tables: they name the old owner, and are given anew."""
    lines = [line for line in contents.splitlines() if " DEFAULT ACL " not in line]
    with tempfile.TemporaryDirectory() as directory:
        wanted = Path(directory, "list")
        wanted.write_text("\n".join(lines))
        yield wanted


def _execute(database_url: str, *statements: str) -> None:
    with tools.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement)


def _recorded(database_url: str, file: Path) -> Restored:
    with tools.connect(database_url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM transactions), (SELECT version_num FROM alembic_version)"
        ).fetchone()
        assert row is not None
        transactions, revision = int(str(row[0])), str(row[1])
        adopt.record(connection, "dump", transactions)
    return Restored(str(file), transactions, revision)
