"""A logical dump: one file in pg_dump's custom format, as the database was at one instant.

It can be restored into any newer PostgreSQL, on other hardware, and by table. It has no WAL behind it:
what was posted after it is not in it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ledger.backup import tools
from ledger.backup.errors import BackupError

LOCK_WAIT_S = 60
"""A dump needs the weakest lock on each table; while a migration holds the strongest, it waits this long."""


class Dump(NamedTuple):
    """A dump that was made: complete, synced, and readable from end to end of its contents."""

    file: str
    bytes: int
    server_major: int


def dump(database_url: str, file: Path) -> Dump:
    """Dump the database into a new file. It gets its name when it is complete, and replaces none.

    Raises:
        BackupError: the file is there, the programs are not or are too old, or pg_dump failed.
    """
    if file.exists():
        raise BackupError(f"{file} is there already, and a backup is never written over. Choose another name.")
    major = tools.server_major(database_url)
    pg_dump = tools.program("pg_dump", major_min=major)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        tools.run(
            pg_dump,
            *("--format=custom", "--no-password", f"--lock-wait-timeout={LOCK_WAIT_S}s", f"--file={part}"),
            database_url=database_url,
        )
        tools.run(pg_dump.with_name("pg_restore"), "--list", str(part))
        part.chmod(0o600)
        publish(part, file)
    finally:
        part.unlink(missing_ok=True)
    return Dump(str(file), file.stat().st_size, major)


def publish(part: Path, file: Path) -> None:
    """Give a complete file its name, for good: a link refuses to take another file's place.

    Raises:
        BackupError: somebody else has just used the name.
    """
    try:
        file.hardlink_to(part)
    except FileExistsError as error:
        raise BackupError(f"{file} has come to be meanwhile, and a backup is never written over.") from error
    sync_directory(file.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in this directory survive a crash."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems of a network have no such call
            os.fsync(handle)
    finally:
        os.close(handle)
