"""T27: clocks that jump. The database's, between and in the middle of posts; a worker's own wall clock."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.kit.ids import parse_wallet
from tests.faults import asks
from tests.faults.asks import CREDIT, Ask
from tests.faults.crew import LIMIT_S, Crew, Work
from tests.faults.scene import Scene
from tests.faults.stack import Stack

pytestmark = pytest.mark.faults

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
JUMPS_S = (HOUR_S, -HOUR_S, DAY_S, -DAY_S, 300, -300)
JUMPS = 30


@pytest.mark.anyio
async def test_the_databases_clock_jumps_among_posts(stack: Stack, scene: Scene, chance: random.Random) -> None:
    """Hours and days, forth and back, under load: a book's recorded time stands still, it never runs backwards."""
    wallets = await scene.open(6)

    def next_ask() -> Ask:
        """Lots and holds that expire within the jumps, besides the rest."""
        wallet, draw = chance.choice(wallets), chance.random()
        if draw < 0.2:
            return asks.hold(wallet, CREDIT, scene.key(), expires_in_s=chance.choice((60, 2 * HOUR_S)))
        return scene.mixed(chance, wallets)

    try:
        async with scene.load(8, next_ask):
            for _ in range(JUMPS):
                jump_s = chance.choice(JUMPS_S)
                seen = len(scene.answers)
                await asyncio.to_thread(stack.sql, "UPDATE clock SET ahead_us = ahead_us + %s", jump_s * 10**6)
                while len(scene.answers) < seen + 20:  # noqa: ASYNC110 - clients go on meanwhile
                    await asyncio.sleep(0.01)
    finally:
        stack.sql("UPDATE clock SET ahead_us = 0")
    scene.judged(f"{JUMPS} jumps of the database's clock")
    for wallet in wallets:
        query = "SELECT recorded_at FROM transactions WHERE wallet_id = %s ORDER BY number"
        recorded = [row[0] for row in stack.sql(query, parse_wallet(wallet))]
        assert len(recorded) > JUMPS
        assert all(earlier <= later for earlier, later in pairwise(recorded))


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that shifts one process's wall clock, made here; skips loudly where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT TESTED: a worker's wall clock that jumps. There is no C compiler (cc) to make the shim with")
    made = tmp_path_factory.mktemp("shim") / "shifted_clock.so"
    source = Path(__file__).with_name("shifted_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source, "-ldl"], check=True)
    return made


class Shift:
    """By how much a process's wall clock is off."""

    def __init__(self, shim: Path, file: Path) -> None:
        self._file = file
        self.environ = {"LD_PRELOAD": str(shim), "SHIFTED_CLOCK": str(file)}
        self.set(0)

    def set(self, shift_s: int) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(shift_s))
        fresh.replace(self._file)


@pytest.fixture
def shift(shim: Path, tmp_path: Path) -> Iterator[Shift]:
    found = Shift(shim, tmp_path / "shift")
    told = subprocess.run(["date", "+%s"], env=os.environ | found.environ, capture_output=True, check=True).stdout
    found.set(DAY_S)
    later = subprocess.run(["date", "+%s"], env=os.environ | found.environ, capture_output=True, check=True).stdout
    assert int(later) - int(told) >= DAY_S, "the shim shifts nothing"
    found.set(0)
    yield found


@pytest.mark.parametrize("off_s", [300, -300, DAY_S, -DAY_S])
def test_a_worker_whose_clock_is_off_does_its_work(crew: Crew, work: Work, shift: Shift, off_s: int) -> None:
    """Beat's host and the worker's do not agree on the time: what is due is known by the database's clock alone."""
    shift.set(off_s)
    crew.start_worker(**shift.environ)
    crew.start_beat()
    work.ask(10)
    work.until_done(f"a worker whose clock is off by {off_s} s")
    work.check()


def test_a_workers_clock_jumps_and_everything_is_given_out_again(crew: Crew, work: Work, shift: Shift) -> None:
    """A jump forward makes every task in hand look abandoned: all of them come a second time, and change nothing."""
    crew.start_worker("slow", LEDGER_FAILPOINTS=f"due.after_book:delay={500 * LIMIT_S // 2}")
    jumping = crew.start_worker("jumping", **shift.environ)
    crew.start_beat()
    for off_s in (HOUR_S, 0, DAY_S, -HOUR_S, 0):
        work.ask(10)
        work.until_begun(len(work.wallets) - 9)
        shift.set(off_s)
    work.until_done("a worker's clock jumped")
    crew.signal(jumping, signal.SIGTERM)
    work.ask(10)
    work.until_done("the worker whose clock jumped went away")
    work.check()
