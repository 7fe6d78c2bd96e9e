"""Whether the files of a base backup are what the server sent: its manifest has the size and SHA-256 of each.

It is what pg_verifybackup does, which is not everywhere: the one of the `embedded` extra does not run.
The WAL that makes the backup consistent is read by the server as it recovers, which checks every record.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ledger.backup.errors import BackupError

NAME = "backup_manifest"
NOT_LISTED = (NAME, "postgresql.auto.conf", "recovery.signal", "standby.signal")
"""Files that a backup may have beside those of its manifest, and all that is in pg_wal."""


def verify_base(directory: Path) -> None:
    """Compare every file with the manifest.

    Raises:
        BackupError: a file is missing, changed or too many; the message names the first.
    """
    files = _read(directory / NAME)["Files"]
    listed = {_path(file) for file in files}
    for file in files:
        fault = _fault(directory / _path(file), file)
        if fault is not None:
            raise BackupError(f"{directory} is damaged: {_path(file)} {fault}.")
    for found in directory.rglob("*"):
        name = str(found.relative_to(directory))
        if found.is_file() and name not in listed and name not in NOT_LISTED and not name.startswith("pg_wal/"):
            raise BackupError(f"{directory} is damaged: {name} is not of this backup.")


def _read(manifest: Path) -> Any:
    """The manifest, which ends with a checksum of what stands before it."""
    text = manifest.read_bytes()
    body, mark, _ = text.rpartition(b'"Manifest-Checksum"')
    try:
        document = json.loads(text)
        whole = mark and document["Manifest-Checksum"] == hashlib.sha256(body).hexdigest()
    except (ValueError, KeyError):
        whole = False
    if not whole:
        raise BackupError(f"{manifest} is damaged.")
    return document


def _path(file: dict[str, str]) -> str:
    """A name that is not UTF-8 stands in hexadecimal."""
    return file["Path"] if "Path" in file else bytes.fromhex(file["Encoded-Path"]).decode(errors="surrogateescape")


def _fault(path: Path, listed: dict[str, Any]) -> str | None:
    if listed.get("Checksum-Algorithm") != "SHA256":
        return "has no SHA-256 in the manifest: make the backup with `credit-ledger backup base`"
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != listed["Size"]:
        return f"has {path.stat().st_size} bytes instead of {listed['Size']}"
    with path.open("rb") as handle:
        same = hashlib.file_digest(handle, "sha256").hexdigest() == listed["Checksum"]
    return None if same else "is not what the server sent"
