"""What directories may be used for: free space, the length of socket paths, who may enter them."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.process import User

SOCKET_PATH_BYTES_MAX = 103
"""The shortest limit of the systems we run on (macOS); Linux allows 107."""

FREE_BYTES_MIN = 512 * 1024 * 1024

ROOT_HOME = Path("/var/lib/credit-ledger")
"""Where the database's files are when root runs us from a place that no other user may enter."""


def make_directory(path: Path, *, mode: int = 0o755) -> Path:
    """Make sure that the directory is there.

    Raises:
        EmbeddedError: it cannot be made.
    """
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"The directory {path} cannot be made: {error.strerror}. Choose another place with --data."
        ) from error
    return path


def make_home(home: Path) -> None:
    """Make the directory that keeps everything. Who may look into it sees nothing secret there.

    Raises:
        EmbeddedError: it cannot be made.
    """
    for part, mode in ((home, 0o755), (home / "logs", 0o755), (home / "run", 0o700)):
        make_directory(part, mode=mode)


def write_private(path: Path, answer: object) -> None:
    """Write the file as a whole, for our eyes only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    with fresh.open("w") as file:
        file.write(json.dumps(answer, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def require_free_space(path: Path, bytes_min: int = FREE_BYTES_MIN) -> None:
    """Make sure that there is room before a database is started on this disk.

    Raises:
        EmbeddedError: the disk is full, or nearly.
    """
    free = shutil.disk_usage(path).free
    if free < bytes_min:
        raise EmbeddedError(
            f"The disk is full: {free // 2**20} MB are free at {path}, and at least "
            f"{bytes_min // 2**20} MB are needed. Free some, or choose another disk with --data."
        )


def require_free_port(host: str, port: int) -> None:
    """Make sure that nobody listens there.

    Raises:
        EmbeddedError: somebody does, or the port may not be used.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise EmbeddedError(
                f"Port {port} on {host} cannot be used: {error.strerror}. Stop what listens there, "
                f"or choose another port, for example --port {port + 1 if port < 65_535 else 8400}."
            ) from error


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def socket_directory(wanted: Path, socket_name: str, user: User | None) -> Path:
    """A directory for a unix socket: this one, or one with a short path that `user` can enter.

    Only its owner (and root) may enter it: who can reach the socket is let in without a password.

    Raises:
        EmbeddedError: somebody else owns the short one.
    """
    fits = len(os.fsencode(wanted / socket_name)) <= SOCKET_PATH_BYTES_MAX
    if fits and can_reach(wanted.parent, user):
        found = make_directory(wanted, mode=0o700)
    else:
        mark = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
        short = Path("/tmp") if len(tempfile.gettempdir()) > 50 else Path(tempfile.gettempdir())  # noqa: S108 - its owner is checked below
        found = make_directory(short / f"credit-ledger-{os.getuid()}-{mark}", mode=0o700)
    owner = found.lstat().st_uid
    if found.is_symlink() or owner not in {os.getuid(), user.uid if user else os.getuid()}:
        raise EmbeddedError(f"{found} belongs to {user_name(owner)}: it cannot be trusted with a socket. Remove it.")
    found.chmod(0o700)
    if user is not None:
        os.chown(found, user.uid, user.gid)
    return found


def database_user(existing: Path) -> User | None:
    """Whom PostgreSQL runs as: us; if we are root, which it refuses to be, who owns its files.

    Raises:
        EmbeddedError: the files belong to somebody else and we are not root, or root has nobody.
    """
    owner = existing.stat().st_uid if existing.exists() else None
    if os.getuid() != 0:
        if owner not in (None, os.getuid()):
            raise EmbeddedError(
                f"{existing} belongs to {user_name(owner)}, and you are {user_name(os.getuid())}: "
                "an earlier run was by another user. Run as that user, or choose another --data."
            )
        return None
    if owner:
        entry = pwd.getpwuid(owner)
        return User(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a "
        "user nobody to run it as. Run as another user, or set LEDGER_DATABASE_URL."
    )


def user_name(uid: int | None) -> str:
    """The user's name, or the number where there is none."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name}" if uid is not None else "nobody"
    except KeyError:
        return f"user {uid}"


def can_reach(path: Path, user: User | None) -> bool:
    """Whether this user can enter the directory, or execute the file, and all that is above it."""
    if user is None:
        return os.access(path, os.X_OK)
    asked = subprocess.run(  # noqa: S603 - a fixed command
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return asked.returncode == 0


def data_home(wanted: Path, user: User | None) -> Path:
    """Where the database's files go: `wanted`, or a place that `user` can enter, linked from there.

    Root's own directories are often closed to others (/root is), and the database runs as another
    user. Nothing is opened up for it; its files are put where it may be, under /var/lib.
    """
    if user is None or (not wanted.is_symlink() and can_reach(wanted.parent, user)):
        return wanted
    if not wanted.is_symlink():
        wanted.symlink_to(ROOT_HOME / secrets.token_hex(6) / wanted.name)
    if not wanted.resolve().parent.exists():
        _make_open(ROOT_HOME)
        _make_open(wanted.resolve().parent)
    return wanted


def programs_home(programs: Path, user: User | None, *, beside: tuple[Path, ...] = ()) -> Path:
    """The directory of these programs, or a copy of its tree that `user` can enter.

    `programs` is …/<tree>/bin; `beside` are the directories its libraries are looked up in.
    """
    if user is None or can_reach(programs / "postgres", user):
        return programs
    site = programs.parents[2]
    mark = hashlib.sha256(os.fsencode(programs)).hexdigest()[:12]
    home = _make_open(ROOT_HOME) / f"programs-{mark}"
    if not home.exists():
        fresh = home.with_name(f"{home.name}.{os.getpid()}")
        for tree in (programs.parent, *beside):
            shutil.copytree(tree, fresh / tree.relative_to(site), symlinks=True)
        _open_to_all(fresh)
        fresh.rename(home)
    return home / programs.relative_to(site)


def _make_open(directory: Path) -> Path:
    """Make a directory that everybody may enter, whatever our umask says."""
    make_directory(directory).chmod(0o755)
    return directory


def _open_to_all(tree: Path) -> None:
    for directory, _, files in os.walk(tree):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
