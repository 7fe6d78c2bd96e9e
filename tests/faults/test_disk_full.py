"""T26, from outside: the cases of ``full_disk.py``, run where mounts of theirs are seen by nobody else.

A mount namespace ends with its processes: a test that is killed leaves no mount behind.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults

CASES = Path(__file__).with_name("full_disk.py")
TRY = "mount -t tmpfs -o size=1m none /mnt"


def test_disks_that_are_full(capsys: pytest.CaptureFixture[str]) -> None:
    """PostgreSQL's data and its WAL on small disks of their own, filled to the last byte."""
    private = ["unshare", "--mount", "--propagation", "private"]
    try:
        may = subprocess.run([*private, "sh", "-c", TRY], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: full disks. There is no program `unshare` here")
    if may.returncode:
        pytest.skip(f"NOT TESTED: full disks. Mounting a tmpfs in a namespace of our own needs root: {may.stderr}")
    pytest_argv = [
        sys.executable,
        "-m",
        "pytest",
        str(CASES),
        "-m",
        "faults",
        "-n",
        "0",
        "-s",
        "-p",
        "no:cacheprovider",
    ]
    inner = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run([*private, *pytest_argv], env=inner, capture_output=True, text=True, check=False)
    with capsys.disabled():
        print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
