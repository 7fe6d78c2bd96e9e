"""Runs pytest again and again, each time in a fork that need not import the libraries: that takes longer than a test.

A script of its own, which imports nothing of the tree: what it had imported, no fork would read with its fault.
It reads a job a line (JSON: ``args``, ``environ``, ``output``, ``limit_s``) and answers each with its exit code.
"""

import json
import os
import signal
import sys
import time
from typing import Any

import alembic.command
import httpx
import hypothesis.stateful
import litestar.testing
import msgspec
import psycopg
import pytest
import sqlalchemy.dialects.postgresql
import sqlalchemy.ext.asyncio
import structlog

LIBRARIES = (alembic.command, hypothesis.stateful, httpx, litestar.testing, msgspec, psycopg, sqlalchemy, structlog)
OURS = ("ledger", "workers", "tests", "migrations")
TOO_LONG = "too long"


def main() -> None:
    """Until the end of the jobs."""
    assert not [name for name in sys.modules if name.partition(".")[0] in OURS]
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(job)
        print(_wait(pid, job["limit_s"]), flush=True)


def _run(job: dict[str, Any]) -> None:
    os.setsid()
    said = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(job["environ"])
    code = 99
    try:
        # The libraries are here already, so that pytest cannot rewrite the assertions of its plugins.
        code = pytest.main(["-W", "ignore::pytest.PytestAssertRewriteWarning", *job["args"]])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(pid: int, limit_s: float) -> str:
    deadline = time.monotonic() + limit_s
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return str(os.waitstatus_to_exitcode(status))
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return TOO_LONG
        time.sleep(0.02)


if __name__ == "__main__":
    main()
