"""Drills: backups taken while clients post, restored into fresh servers, and what was lost told exactly.

One server archives its WAL while eight clients post over HTTP. A dump, a base backup, a restore point and an
instant fall into that load. Each drill then restores one of them into a server of its own and judges it by the
clients' journal, which lies outside: what was acknowledged before is there; what was sent afterwards is
reported as lost, and nothing else; the same requests under the same keys bring it back.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.backup import base as bases
from ledger.backup import tools
from ledger.backup.adopt import adopt
from ledger.backup.dump import dump
from ledger.backup.errors import BackupError
from ledger.backup.recovery import restore_base
from ledger.backup.restore import restore_dump
from ledger.book.verify import verify_now
from ledger.kit import roles
from ledger.kit.ids import row_public
from tests.backup.clusters import archive_all, archiving, burn_ids, cluster, home, owned
from tests.backup.load import Clients, Sent, client, open_wallets, send_again
from tests.support.api import run_sql
from tests.support.serving import Served, served

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

SEED = 20_260
BETWEEN = 60
"""Acknowledged requests between two backups."""

BURNT_IDS = 20_000

Point = tuple[float, float]
"""When a point was asked for and when it was made, by the clients' clock."""


@dataclass
class Past:
    """What is left of the source when its server is gone."""

    place: Path
    journal: list[Sent]
    wallets: list[str]
    points: dict[str, Point] = field(default_factory=dict)
    target_time: str = ""

    def before(self, name: str) -> list[Sent]:
        """Acknowledged before the point was asked for: must be there."""
        return [sent for sent in self.journal if sent.answered_s is not None and sent.answered_s < self.points[name][0]]

    def after(self, name: str) -> list[Sent]:
        """Sent when the point was made: cannot be there."""
        return [sent for sent in self.journal if sent.sent_s > self.points[name][1]]


@pytest.fixture(scope="module")
def past() -> Iterator[Past]:
    with home() as place:
        yield asyncio.run(_make_past(place))


async def _make_past(place: Path) -> Past:
    archive = owned(place / "archive")
    settings = archiving(place, archive)
    with cluster(place / "source", **settings) as url:
        from ledger.cli.migrate import upgrade

        burn_ids(url, BURNT_IDS)
        upgrade(url)
        with served(url, place / "source") as api:
            wallets = await open_wallets(api, 12, "100000")
            clients = Clients(api, wallets, SEED)
            past = Past(place, clients.journal, wallets)
            clients.start()
            try:
                await _points(past, clients, url)
            finally:
                await clients.stop()
        assert clients.refused == []
        archive_all(url)
        assert verify_now(url).ok
    clients.write(place / "acknowledged.jsonl")
    return past


async def _points(past: Past, clients: Clients, url: str) -> None:
    async def at(name: str, make: Callable[[], Any]) -> Any:
        await clients.more(BETWEEN)
        began = time.monotonic()
        made = await asyncio.to_thread(make)
        past.points[name] = began, time.monotonic()
        return made

    await at("dump", lambda: dump(url, past.place / "ledger.dump"))
    made = await at("base", lambda: bases.base(url, past.place / "base"))
    assert made.archiving
    await at("name", lambda: bases.restore_point(url, "before the mistake"))
    past.target_time = await at("time", lambda: run_sql(url, "SELECT clock_timestamp()::text")[0][0])
    await clients.more(BETWEEN)


def recovered(past: Past, home: Path, target: tuple[str, str] | None) -> None:
    """The data directory of a fresh server: the base backup, and the archive up to the target."""
    owned(home / "postgres")
    restore_base(past.place / "base", home / "postgres", archive=past.place / "archive", target=target)


async def judge(past: Past, point: str, url: str, home: Path) -> None:
    """The restored ledger against the clients' journal; then it is repaired and goes on."""
    assert verify_now(url).ok
    present = {row_public("txn", *row) for row in run_sql(url, "SELECT wallet_id, number FROM transactions")}
    missing = {name for sent in past.journal for name in sent.transaction_ids} - present

    assert past.before(point), "nothing was acknowledged before the point"
    assert past.after(point), "nothing was sent after the point"
    assert [] == [sent.key for sent in past.before(point) if not present.issuperset(sent.transaction_ids)]
    assert [] == [sent.key for sent in past.after(point) if not missing.issuperset(sent.transaction_ids)]
    states, lost = report(url, past.place / "acknowledged.jsonl")
    assert missing == {finding["transaction_id"] for finding in lost}
    assert {"missing"} == {finding["state"] for finding in lost}
    assert 0 == states["different"] + states["unreadable"]
    await _go_on(past, url, home, missing)


async def _go_on(past: Past, url: str, home: Path, missing: set[str]) -> None:
    lost = [sent for sent in past.journal if missing.intersection(sent.transaction_ids)]
    there = [sent for sent in past.journal if not missing.intersection(sent.transaction_ids)]
    with served(url, home) as api:
        assert await exported(api) == {row_public("txn", *row) for row in run_sql(url, ALL)}
        before = len(run_sql(url, ALL))
        assert {(201, None)} == set(await send_again(api, lost))
        assert {(201, "true")} == set(await send_again(api, lost + there))
        assert before + sum(len(sent.transaction_ids) for sent in lost) == len(run_sql(url, ALL))
        clients = Clients(api, past.wallets, SEED + 1)
        clients.start()
        await clients.more(BETWEEN)
        await clients.stop()
        assert clients.refused == []
    assert verify_now(url).ok
    states, _ = report(url, past.place / "acknowledged.jsonl")
    assert states["different"] > 0, "lost numbers were given to other transactions, and that is not seen"
    assert 0 == states["missing"]


ALL = "SELECT wallet_id, number FROM transactions"


def report(url: str, file: Path) -> tuple[Counter[str], list[dict[str, Any]]]:
    """What the command says: how many of each state, and the findings it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli", "restore", "report", str(file), "--json", "--database-url", url],
        capture_output=True,
        text=True,
    )
    *found, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (1 if found else 0), done.stderr
    return Counter(summary), found


async def exported(api: Served) -> set[str]:
    """The transactions that the journal as CSV has."""
    async with client(api) as http:
        answer: httpx.Response = await http.get("/v1/finance/journal.csv")
    rows = csv.DictReader(io.StringIO(answer.raise_for_status().text))
    return {row["transaction_id"] for row in rows if row["transaction_id"].startswith("txn_")}


async def test_a_dump_goes_into_a_fresh_server(past: Past) -> None:
    """Whose cluster has counted fewer transactions than the source: nothing is hidden from exports."""
    with home() as fresh, cluster(fresh) as url:
        restored = restore_dump(url, past.place / "ledger.dump", jobs=2)
        ((highest, here),) = run_sql(
            url, "SELECT max(xid::text::bigint), pg_current_xact_id()::text::bigint FROM transactions"
        )
        assert highest < here < BURNT_IDS
        assert [("dump", restored.transactions)] == run_sql(url, "SELECT how, transactions FROM restores")
        await judge(past, "dump", url, fresh)


async def test_the_service_has_no_more_rights_on_a_restored_dump(past: Past) -> None:
    """The role, its rights and the triggers are as a migration makes them."""
    rights = "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = 'ledger_service' ORDER BY 1, 2"
    triggers = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    with home() as fresh, cluster(fresh) as url:
        restore_dump(url, past.place / "ledger.dump")
        run_sql(url, "CREATE TABLE later (one int)")
        found = run_sql(url, rights), run_sql(url, triggers)
    with home() as fresh, cluster(fresh) as url:
        from ledger.cli.migrate import upgrade

        upgrade(url)
        run_sql(url, "CREATE TABLE later (one int)")
        assert (run_sql(url, rights), run_sql(url, triggers)) == found


async def test_a_dump_that_was_loaded_by_hand_is_found_and_adopted(past: Past) -> None:
    """pg_restore alone: rows of the other cluster's future are missing from exports; verify says so; adopt heals."""
    with home() as fresh, cluster(fresh) as url:
        run_sql(url, roles.MAKE_ROLE)
        pg_restore = tools.program("pg_restore", major_min=tools.server_major(url))
        tools.run(pg_restore, "--exit-on-error", str(past.place / "ledger.dump"), database_url=url)
        everything = {row_public("txn", *row) for row in run_sql(url, ALL)}

        found = verify_now(url)
        assert {"xid": len(past.wallets)} == found.counts
        with served(url, fresh) as api:
            assert set() == await exported(api)
        done = adopt(url)
        assert (len(everything), len(everything)) == (done.transactions, done.adopted)
        assert 0 == adopt(url).adopted
        assert [("adopt", len(everything))] == run_sql(url, "SELECT how, transactions FROM restores")
        assert run_sql(url, "SELECT DISTINCT tgenabled FROM pg_trigger WHERE NOT tgisinternal") == [("O",)]

        assert verify_now(url).ok
        with served(url, fresh) as api:
            assert everything == await exported(api)


@pytest.mark.parametrize("point", ["name", "time"])
async def test_a_base_backup_and_the_archive_give_any_point_in_time(past: Past, point: str) -> None:
    """Everything acknowledged before it, nothing that was sent after it."""
    target = (point, past.target_time if point == "time" else "before the mistake")
    with home() as fresh:
        recovered(past, fresh, target)
        with cluster(fresh) as url:
            await judge(past, point, url, fresh)


async def test_the_whole_archive_gives_everything_that_was_acknowledged(past: Past) -> None:
    with home() as fresh:
        recovered(past, fresh, None)
        with cluster(fresh) as url:
            assert verify_now(url).ok
            states, lost = report(url, past.place / "acknowledged.jsonl")
            assert [] == lost
            assert sum(len(sent.transaction_ids) for sent in past.journal) == states["present"] + states["unproved"]


def test_a_backup_that_was_touched_is_not_restored(past: Past) -> None:
    """A flipped bit, a missing file, one too many, another manifest: each is named, and nothing is copied."""

    def flip(place: Path) -> None:
        file = place / "global" / "pg_control"
        bytes_ = bytearray(file.read_bytes())
        bytes_[100] ^= 1
        file.write_bytes(bytes_)

    def reword(place: Path) -> None:
        manifest = place / "backup_manifest"
        manifest.write_text(manifest.read_text().replace('"Size": 8192', '"Size": 8193', 1))

    damages: dict[str, Callable[[Path], Any]] = {
        "pg_control is not what the server sent": flip,
        "PG_VERSION is missing": lambda place: (place / "base" / "1" / "PG_VERSION").unlink(),
        "stranger is not of this backup": lambda place: (place / "base" / "stranger").touch(),
        "backup_manifest is damaged": reword,
        "no base backup": lambda place: (place / "PG_VERSION").unlink(),
    }
    with home() as fresh:
        target = owned(fresh / "postgres")
        for said, damage in damages.items():
            copy = fresh / "copy"
            shutil.copytree(past.place / "base", copy)
            damage(copy)
            with pytest.raises(BackupError, match=said):
                restore_base(copy, target)
            assert [] == list(target.iterdir())
            shutil.rmtree(copy)
        (target / "something").touch()
        with pytest.raises(BackupError, match="is not empty"):
            restore_base(past.place / "base", target)
