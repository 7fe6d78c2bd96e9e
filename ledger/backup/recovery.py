"""A base backup and the WAL archived behind it, made ready to be started: point-in-time recovery.

PostgreSQL recovers when it is started on the directory: it replays the archive up to the target, begins a
new timeline and opens. It refuses to open if the archive ends before the target.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

from ledger.backup.base import base_major
from ledger.backup.errors import BackupError
from ledger.backup.manifest import verify_base

TARGETS = ("time", "lsn", "name")
"""What a recovery can stop at: an instant, a place in the WAL, a named restore point."""

SETTINGS = {
    "archive_mode",
    "restore_command",
    *(f"recovery_target_{what}" for what in (*TARGETS, "timeline", "action")),
}


class Prepared(NamedTuple):
    """A data directory that PostgreSQL of this version recovers when it is started on it."""

    directory: str
    server_major: int
    target: str


def restore_base(
    backup: Path, directory: Path, *, archive: Path | None = None, target: tuple[str, str] | None = None
) -> Prepared:
    """Verify the backup, copy it, and say what to recover to: ``("time" | "lsn" | "name", value)``, else all there is.

    Without an archive, the backup alone: the instant at which it ended.

    Raises:
        BackupError: the directory is not there, not empty, or not its owner's; or the backup is damaged.
    """
    if target is not None and archive is None:
        raise BackupError("a point after the backup can only be reached with the archive: name its directory.")
    major = base_major(backup)
    _require_empty(directory)
    if any((backup / "pg_tblspc").iterdir()):
        raise BackupError("the backup has tablespaces: restore it by hand, each of them needs a place.")
    verify_base(backup)
    shutil.copytree(backup, directory, symlinks=True, dirs_exist_ok=True)
    _configure(directory, archive, target)
    _own(directory)
    os.sync()
    return Prepared(str(directory), major, "end of the archive" if target is None else " ".join(target))


def _require_empty(directory: Path) -> None:
    """The owner of the directory is who PostgreSQL will run as: it is not for us to guess."""
    if not directory.is_dir():
        raise BackupError(f"{directory} is not there. Make it, empty, owned by the user that PostgreSQL runs as.")
    if any(directory.iterdir()):
        raise BackupError(f"{directory} is not empty. A restore never writes over a server's files.")


def _configure(directory: Path, archive: Path | None, target: tuple[str, str] | None) -> None:
    """The last file that PostgreSQL reads. The new server does not write into the archive of the old one."""
    conf = directory / "postgresql.auto.conf"
    # What an earlier restore left here must not be a second target.
    lines = [line for line in conf.read_text().splitlines() if line.partition(" ")[0] not in SETTINGS]
    lines.append("archive_mode = 'off'")
    if archive is not None:
        fetch = f'cp {shlex.quote(str(archive.absolute()))}/%f "%p"'
        lines += [f"restore_command = {_quoted(fetch)}", "recovery_target_timeline = 'latest'"]
        (directory / "recovery.signal").touch(mode=0o600)
    if target is not None:
        kind, value = target
        lines += [f"recovery_target_{kind} = {_quoted(value)}", "recovery_target_action = 'promote'"]
    conf.write_text("\n".join(lines) + "\n")


def _quoted(value: str) -> str:
    """As a value in postgresql.conf."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _own(directory: Path) -> None:
    """All files belong to whom the directory belongs to, who alone may enter it."""
    owner = directory.stat()
    directory.chmod(0o700)
    if owner.st_uid == os.geteuid():
        return
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.chown(Path(parent, name), owner.st_uid, owner.st_gid, follow_symlinks=False)
