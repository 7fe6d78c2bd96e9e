"""Failpoints: dead unless armed, and each action does what it says in a process of its own."""

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from ledger.kit import failpoints

RUN = """
import asyncio
from ledger.kit import failpoints
async def main():
    for _ in range(3):
        await failpoints.reach("unit.before_commit")
        print("passed", flush=True)
failpoints.arm({text!r})
asyncio.run(main())
"""


def run(text: str) -> tuple[int, int]:
    """How a process ends that passes the point three times, and how often it did."""
    done = subprocess.run([sys.executable, "-c", RUN.format(text=text)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.count("passed")


@pytest.mark.parametrize(
    ("text", "ended", "passed"),
    [
        ("", 0, 3),
        ("unit.after_commit:kill", 0, 3),
        ("unit.before_commit:kill", -signal.SIGKILL, 0),
        ("unit.before_commit:kill@3", -signal.SIGKILL, 2),
        ("unit.after_commit:kill, unit.before_commit:error@2", 1, 1),
        ("unit.before_commit:kill@4", 0, 3),
    ],
)
def test_a_process_fails_where_it_is_told_to_and_nowhere_else(text: str, ended: int, passed: int) -> None:
    assert (ended, passed) == run(text)


def test_a_delay_holds_one_task_and_hanging_holds_it_for_ever() -> None:
    async def main() -> float:
        began = time.monotonic()
        failpoints.arm("unit.after_lock:delay=120@1,unit.before_lock:hang")
        await failpoints.reach("unit.after_lock")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await failpoints.reach("unit.before_lock")
        return time.monotonic() - began

    try:
        assert 0.12 <= asyncio.run(main())
    finally:
        failpoints.arm(None)


@pytest.mark.parametrize(
    "text", ["unit.commit:kill", "unit.before_commit", "unit.before_commit:delay", "unit.before_commit:kill@x"]
)
def test_what_is_not_a_failpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"there is no point|must be kill, stop"):
        failpoints.parse(text)
