"""What keeps a server from running is said plainly."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from ledger.embedded import places
from ledger.embedded.errors import EmbeddedError
from ledger.embedded.postgres import DURABLE, THROWAWAY, Postgres


def test_a_full_disk(tmp_path: Path) -> None:
    """How much is free, how much is needed, and what to do."""
    with pytest.raises(EmbeddedError, match=r"The disk is full: \d+ MB are free at .* --data"):
        places.require_free_space(tmp_path, bytes_min=2**80)


def test_data_of_another_version(tmp_path: Path) -> None:
    """It is not touched; the way out is shown."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedError, match="data of PostgreSQL 16, and this release runs PostgreSQL 18"):
        Postgres(tmp_path, DURABLE).prepare()


def test_a_port_that_is_taken() -> None:
    """Its number, and another one to try."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=rf"Port {port} on 127.0.0.1 cannot be used.*--port"):
            places.require_free_port("127.0.0.1", port)


def test_a_socket_path_that_would_be_too_long(tmp_path: Path) -> None:
    """A unix socket's path has room for about a hundred bytes: a short directory stands in."""
    long = tmp_path / ("x" * 120)
    long.mkdir()
    found = places.socket_directory(long / "socket", ".s.PGSQL.5432", None)

    assert len(os.fsencode(found / ".s.PGSQL.5432")) <= places.SOCKET_PATH_BYTES_MAX
    assert found == places.socket_directory(long / "socket", ".s.PGSQL.5432", None)
    assert found.stat().st_mode & 0o777 == 0o700
    found.rmdir()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match="cannot be made: Not a directory"):
        places.make_directory(tmp_path / "file" / "data")


def test_looking_for_leftovers_leaves_nothing_behind(tmp_path: Path) -> None:
    """Where there never was a database."""
    assert not Postgres(tmp_path, DURABLE).end_leftovers()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root may run PostgreSQL as somebody else")
def test_root_keeps_the_database_where_its_user_may_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened up: the files are elsewhere, linked from where they were wanted."""
    home = tmp_path / "closed"
    home.mkdir(mode=0o700)
    elsewhere = Path(f"/tmp/ledger-{os.getpid()}")
    monkeypatch.setattr(places, "ROOT_HOME", elsewhere)
    postgres = Postgres(home, THROWAWAY)
    try:
        postgres.prepare()
        assert (home / "postgres").is_symlink()
        assert (home / "postgres").resolve().is_relative_to(elsewhere)
        assert home.stat().st_mode & 0o777 == 0o700
        assert places.can_reach(postgres.data.resolve(), postgres.user)
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)
        shutil.rmtree(postgres.socket_directory, ignore_errors=True)
