"""A physical base backup: the files of the whole server.

With the WAL that was archived since, any later instant can be restored.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ledger.backup import tools
from ledger.backup.errors import BackupError
from ledger.backup.manifest import verify_base

SCRIPT = Path(__file__).with_name("archive-wal.sh")
"""What archives a WAL segment: for `archive_command`, on the database's machine."""


class Base(NamedTuple):
    """A base backup that was made and verified. ``archiving``: whether WAL is archived behind it."""

    directory: str
    server_major: int
    archiving: bool


def base(database_url: str, directory: Path) -> Base:
    """Copy the server's files into a new directory, with the WAL that makes them consistent, and verify them.

    Raises:
        BackupError: the directory holds something, the programs are not there or too old, or one failed.
    """
    if directory.exists() and any(directory.iterdir()):
        raise BackupError(f"{directory} is not empty, and a backup is never written over. Choose another.")
    major = tools.server_major(database_url)
    pg_basebackup = tools.program("pg_basebackup", major_min=major)
    tools.run(
        pg_basebackup,
        *(f"--pgdata={directory}", "--format=plain", "--wal-method=stream", "--checkpoint=fast"),
        *("--manifest-checksums=SHA256", "--label=credit-ledger", "--no-password"),
        database_url=database_url,
    )
    verify_base(directory)
    with tools.connect(database_url) as connection:
        row = connection.execute("SELECT current_setting('archive_mode')").fetchone()
    return Base(str(directory), major, row is not None and row[0] != "off")


def base_major(directory: Path) -> int:
    """The major version of the server that the backup is of.

    Raises:
        BackupError: this is no base backup.
    """
    try:
        manifest = (directory / "backup_manifest").exists()
        major = int((directory / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise BackupError(f"{directory} is no base backup of a PostgreSQL server.") from error
    if not manifest:
        raise BackupError(f"{directory} has no backup_manifest: it is not as pg_basebackup left it.")
    return major


def restore_point(database_url: str, name: str) -> str:
    """Write a named point into the WAL, which a restore can stop at; gives its place (LSN)."""
    with tools.connect(database_url) as connection:
        row = connection.execute("SELECT pg_create_restore_point(%s)::text", [name]).fetchone()
    assert row is not None
    return str(row[0])
