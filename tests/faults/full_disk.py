"""T26: full disks. Run by ``test_disk_full.py``, in a mount namespace of its own.

Requests are told 503, never 500 and never a lie; when there is space again, all that was acknowledged is there.
"""

import asyncio
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger.finance.journal import COLUMNS
from tests.faults import asks
from tests.faults.client import settle_all
from tests.faults.scene import Scene
from tests.faults.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.faults]

SPARE = "/mnt"
"""Where a disk is made ready. The mount is seen by this test's processes alone."""

SIZE_MB = {"base": 64, "pg_wal": 640}
"""The disk of each directory of the cluster: its tables, its WAL."""

TIMES = 2
FULL_ANSWERS = 20
"""So many 503 are waited for before there is room again."""


class Disk:
    """A small file system under a directory of the cluster, which can be filled and given room again."""

    def __init__(self, directory: Path) -> None:
        self._ballast = directory / "ballast"

    def fill(self) -> None:
        """Not a byte is left."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 65_536)
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 512)

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(stack: Stack, name: str) -> Iterator[Disk]:
    """Have a directory of the cluster on a disk of its own, moved there and back while PostgreSQL is down."""
    directory = stack.data / name
    owner = directory.stat()
    stack.postgres.stop()
    _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB[name]}m", "none", SPARE)
    _run("cp", "-a", f"{directory}/.", SPARE)
    _run("mount", "--move", SPARE, str(directory))
    os.chown(directory, owner.st_uid, owner.st_gid)
    directory.chmod(0o700)
    stack.postgres.start()
    disk = Disk(directory)
    try:
        yield disk
    finally:
        disk.empty()
        stack.postgres.stop()
        _run("mount", "--move", str(directory), SPARE)
        _run("find", str(directory), "-mindepth", "1", "-delete")
        _run("cp", "-a", f"{SPARE}/.", str(directory))
        _run("umount", SPARE)
        stack.postgres.start()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


@pytest.mark.parametrize("name", ["base", "pg_wal"])
async def test_requests_while_the_disk_is_full(scene: Scene, chance: random.Random, name: str) -> None:
    """Under load, twice: whoever was told 201 finds it there; the others were told 503, and their keys settle it."""
    stack = scene.stack
    wallets = await scene.open(8, credits=10_000)
    with small_disk(stack, name) as disk:
        async with scene.load(8, lambda: scene.mixed(chance, wallets)):
            await scene.recovered(time.monotonic())
            for _ in range(TIMES):
                await asyncio.to_thread(disk.fill)
                full = time.monotonic()
                while _refused(scene, full) < FULL_ANSWERS:
                    assert time.monotonic() - full < 60, "the disk is full and nobody is told"
                    await asyncio.to_thread(_use_wal, stack)
                disk.empty()
                if not stack.postgres.alive:  # it panics when it cannot write its WAL
                    await asyncio.to_thread(stack.postgres.start)
                await scene.recovered(time.monotonic())
        judged = scene.judged(f"{TIMES} times the disk of {name} was full")
    assert judged.codes["DATABASE_UNAVAILABLE"] >= TIMES * FULL_ANSWERS


def _refused(scene: Scene, since: float) -> int:
    return sum(at > since and status == 503 for at, status in scene.answers)


def _use_wal(stack: Stack) -> None:
    """Take up what room there is within files that are there already."""
    time.sleep(0.05)
    with suppress(psycopg.Error):
        stack.sql("SELECT pg_switch_wal()")


async def test_a_file_is_not_whole_when_the_disk_was_full(scene: Scene) -> None:
    """A page that must be sorted on disk: the file breaks off without its trailer, for whoever reads it to see."""
    stack = scene.stack
    [wallet] = await scene.open(1, credits=100_000)
    batches = [asks.batch([(wallet, 1, scene.key()) for _ in range(1_000)]) for _ in range(12)]
    clients = scene.clients(4)
    await settle_all(clients, batches)
    for client in clients:
        client.close()
    stack.sql("ALTER DATABASE ledger SET work_mem = '64kB'")
    path = f"{stack.api_url}/v1/finance/journal.csv"
    headers = {"Authorization": f"Bearer {stack.key}"}
    with small_disk(stack, "base") as disk:
        whole = _journal(stack)
        assert _is_whole(whole.content)
        got = b""
        with pytest.raises(httpx.RemoteProtocolError), httpx.stream("GET", path, headers=headers, timeout=60) as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_raw(1024):
                if not got:
                    disk.fill()
                got += chunk
        assert got.startswith(b"record,")
        assert not _is_whole(got)
        disk.empty()
        again = _journal(stack)
        assert again.content.splitlines()[:-1] == whole.content.splitlines()[:-1]
        scene.judged("a file while the disk was full")


def _journal(stack: Stack) -> httpx.Response:
    """The file; again where a connection of before the restart was found out."""
    while True:
        headers = {"Authorization": f"Bearer {stack.key}"}
        found = httpx.get(f"{stack.api_url}/v1/finance/journal.csv", headers=headers, timeout=60)
        if found.status_code != 503:
            return found


def _is_whole(content: bytes) -> bool:
    """Whether the last record is a trailer that counts as many as there are."""
    last = content.decode().splitlines()[-1].split(",")
    return last[0] == "trailer" and int(last[COLUMNS.index("line")]) == len(content.splitlines()) - 4
