"""The same tests against Stripe: that they can be run so, which of them are skipped then, and with which keys."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import STEERED
from tests.support.sandbox import SandboxAt

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 300


def run(*files: str, **environment: str) -> tuple[int, str]:
    """The tests of these files in a process of their own, and what it says."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-n", "0"]
    done = subprocess.run(
        [*command, *(f"tests/sandbox/{file}" for file in files)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COVERAGE_PROCESS_START": ""} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_they_run_against_an_address_that_nobody_steers(sandbox: SandboxAt) -> None:
    """A sandbox that is told nothing stands for Stripe: who does not steer passes, the others are skipped aloud."""
    files = ("test_requests.py", "test_setup.py", "test_subscriptions.py")
    code, said = run(*files, STRIPE_TEST_KEY="sk_test_anything", STRIPE_TEST_BASE=sandbox.base)
    assert 0 == code, said
    assert f"against {sandbox.base}; " in said
    counted = re.search(r"(\d+) skipped: " + re.escape(STEERED), said)
    assert counted is not None and int(counted[1]) > 0


@pytest.mark.parametrize("key", ["sk_live_123", "whatever"])
def test_only_keys_of_test_mode_are_taken(key: str) -> None:
    """These tests charge cards."""
    code, said = run("test_requests.py", STRIPE_TEST_KEY=key)
    assert 0 != code
    assert "must be a key of test mode" in said
