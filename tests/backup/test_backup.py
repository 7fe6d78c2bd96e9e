"""Dumps, the WAL script, adoption: what an operator may do wrong is refused, and nothing is written over."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.backup import tools
from ledger.backup.adopt import adopt
from ledger.backup.base import SCRIPT
from ledger.backup.dump import dump
from ledger.backup.errors import BackupError
from ledger.backup.restore import restore_dump
from ledger.book.commands import Inflow
from ledger.book.door import Door
from ledger.book.verify import verify_now
from ledger.embedded.binaries import POSTGRES_MAJOR, postgres_bin
from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.api import run_sql
from tests.support.book import attempt, codes, new_wallets, session
from tests.support.servers import create_database, drop_database

JOURNAL = "SELECT wallet_id, number, hash FROM transactions ORDER BY 1, 2"


@pytest.fixture(scope="module")
def url(database_url: str) -> str:
    """Five books with a transaction each."""
    wallets = new_wallets(database_url, 5)

    async def post() -> None:
        database = Database(database_url, role=SERVICE_ROLE)
        door = Door(database, participants=[BalanceLevels()])
        await door.start()
        try:
            done = await door.submit([attempt(Inflow(wallet_id=one, amount=7, source="earned")) for one in wallets])
            assert ["posted"] * 5 == codes(done)
        finally:
            await door.stop()
            await database.dispose()

    asyncio.run(post())
    return database_url


def cli(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ledger.cli", *words]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True)


def test_a_dump_is_restored_by_the_command_line(url: str, empty_database_url: str, tmp_path: Path) -> None:
    """Into an empty database; a second time it is refused, as is a dump onto an old one."""
    file = tmp_path / "ledger.dump"
    made = cli("backup", "dump", str(file), "--database-url", url, "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["bytes"] == file.stat().st_size
    assert [file] == list(tmp_path.iterdir())
    assert 0o600 == file.stat().st_mode & 0o777

    restored = cli("restore", "dump", str(file), "--jobs", "2", "--database-url", empty_database_url, "--json")
    assert restored.returncode == 0, restored.stderr
    assert 5 == json.loads(restored.stdout)["transactions"]
    assert run_sql(url, JOURNAL) == run_sql(empty_database_url, JOURNAL)
    assert verify_now(empty_database_url).ok

    again = cli("restore", "dump", str(file), "--database-url", empty_database_url)
    assert (1, "") == (again.returncode, again.stdout)
    assert "has tables already" in again.stderr
    over = cli("backup", "dump", str(file), "--database-url", url)
    assert over.returncode == 1
    assert "never written over" in over.stderr


def test_a_dump_goes_to_another_owner(url: str, postgres_url: str, tmp_path: Path) -> None:
    """Who is no superuser and has another name than the old one; the service gets its rights from the new one."""
    name, owner = f"b_{uuid.uuid4().hex[:12]}", f"owner_{uuid.uuid4().hex[:12]}"
    dump(url, tmp_path / "ledger.dump")
    target = create_database(postgres_url, name)
    try:
        run_sql(postgres_url, f"CREATE ROLE {owner} LOGIN")
        run_sql(postgres_url, f"GRANT {SERVICE_ROLE} TO {owner} WITH ADMIN OPTION")
        run_sql(postgres_url, f"ALTER DATABASE {name} OWNER TO {owner}")
        as_owner = target.replace("//ledger@", f"//{owner}@")

        assert 5 == restore_dump(as_owner, tmp_path / "ledger.dump").transactions

        assert [(owner,)] == run_sql(target, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        run_sql(as_owner, "CREATE TABLE later (one int)")
        with session(target, role=SERVICE_ROLE) as service:
            service.execute("INSERT INTO later VALUES (1)")
            for refused in (
                "UPDATE transactions SET kind = 'x'",
                "DELETE FROM restores",
                "UPDATE clock SET ahead_us = 1",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    service.execute(refused)  # type: ignore[call-overload]
        assert verify_now(as_owner).ok
    finally:
        drop_database(postgres_url, name)
        run_sql(postgres_url, f"DROP ROLE IF EXISTS {owner}")


def test_programs_that_are_too_old_are_named(url: str, tmp_path: Path) -> None:
    """The embedded wheel brings those of an older release too: a pg_dump of 16 must not dump a server of 18."""
    old = postgres_bin().parents[1] / "pginstall" / "bin"
    major = tools.program_major(old / "pg_dump")
    assert major is not None and major < POSTGRES_MAJOR
    done = cli("backup", "dump", str(tmp_path / "no"), "--database-url", url, LEDGER_POSTGRES_BIN=str(old))
    assert done.returncode == 1
    assert f"pg_dump of PostgreSQL {tools.server_major(url)} or newer is needed" in done.stderr
    assert f"{old}/pg_dump is of PostgreSQL {major}" in done.stderr
    assert "LEDGER_POSTGRES_BIN" in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_directory_without_programs_is_said(url: str, tmp_path: Path) -> None:
    done = cli("backup", "dump", str(tmp_path / "no"), "--database-url", url, LEDGER_POSTGRES_BIN=str(tmp_path))
    assert done.returncode == 1
    assert "pg_dump was not found" in done.stderr


def test_a_file_that_is_no_dump_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "no.dump"
    file.write_text("not a dump")
    with pytest.raises(BackupError, match="pg_restore failed"):
        restore_dump(empty_database_url, file)


def test_a_dump_that_fails_leaves_nothing(url: str, tmp_path: Path) -> None:
    """A login that may not read the tables: no file, no part of one."""
    run_sql(url, "DROP ROLE IF EXISTS nosy")
    run_sql(url, "CREATE ROLE nosy LOGIN")
    try:
        with pytest.raises(BackupError, match="permission denied"):
            dump(url.replace("//ledger@", "//nosy@"), tmp_path / "no.dump")
    finally:
        run_sql(url, "DROP ROLE nosy")
    assert [] == list(tmp_path.iterdir())


def archive(segment: Path, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", str(SCRIPT), str(segment), str(place)], capture_output=True, text=True)


def test_a_wal_segment_is_archived_once_and_never_replaced(tmp_path: Path) -> None:
    """The same bytes again are done already; other bytes are refused, and PostgreSQL keeps its segment."""
    segment, place = tmp_path / "000000010000000000000001", tmp_path / "an archive"
    place.mkdir()
    segment.write_bytes(b"one" * 1000)
    assert 0 == archive(segment, place).returncode
    assert segment.read_bytes() == (place / segment.name).read_bytes()
    assert 0 == archive(segment, place).returncode

    segment.write_bytes(b"two" * 1000)
    refused = archive(segment, place)
    assert 1 == refused.returncode
    assert "is there already, with other bytes" in refused.stderr
    assert b"one" * 1000 == (place / segment.name).read_bytes()
    assert [place / segment.name] == list(place.iterdir())


def test_a_segment_that_cannot_be_archived_is_an_error(tmp_path: Path) -> None:
    """No archive, no segment: PostgreSQL must hear of it."""
    segment = tmp_path / "000000010000000000000001"
    segment.write_bytes(b"one")
    assert 0 != archive(segment, tmp_path / "absent").returncode
    assert 0 != archive(tmp_path / "absent", tmp_path).returncode


def test_the_script_is_printed_as_it_ships() -> None:
    assert SCRIPT.read_text() == cli("backup", "wal-script").stdout


def test_rows_of_another_cluster_are_adopted_by_the_owner_alone(url: str) -> None:
    """As often as one likes; not while somebody posts, and not as the service."""
    with session(url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE transactions SET xid = '9000000000000000000' WHERE number = 1")
    journal = run_sql(url, JOURNAL)
    assert {"xid": 5} == verify_now(url).counts

    service = url + ("&" if "?" in url else "?") + f"options=-crole%3D{SERVICE_ROLE}"
    with pytest.raises(BackupError, match="only the owner"):
        adopt(service)
    with session(url) as writer, writer.transaction():
        writer.execute("LOCK TABLE transactions IN ROW EXCLUSIVE MODE")
        with pytest.raises(BackupError, match="somebody works on the journal"):
            adopt(url)

    assert (5, 5) == adopt(url)
    assert (5, 0) == adopt(url)
    assert verify_now(url).ok
    assert journal == run_sql(url, JOURNAL)
    assert [("adopt", 5)] == run_sql(url, "SELECT how, transactions FROM restores")
    assert [("O",)] == run_sql(url, "SELECT DISTINCT tgenabled FROM pg_trigger WHERE NOT tgisinternal")
