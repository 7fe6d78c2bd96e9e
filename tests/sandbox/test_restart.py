"""The sandbox as a process of its own, which is killed: what was answered is there afterwards."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ledger.embedded.places import free_port
from ledger.sandbox.engine import Engine
from tests.sandbox.asking import session_params
from tests.sandbox.conftest import TEST_KEY
from tests.support.sandbox import SandboxAt
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(bool(TEST_KEY), reason="only the sandbox can be killed")


@contextmanager
def running(data: Path, port: int) -> Iterator[tuple[SandboxAt, subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "ledger.cli", "sandbox", "serve", "--data", str(data), "--port", str(port)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environ) as process:
        try:
            at = SandboxAt(f"http://127.0.0.1:{port}")
            until(lambda: _answers(at), "the sandbox answers")
            yield at, process
        finally:
            process.terminate()
            process.wait(10)


def _answers(at: SandboxAt) -> bool:
    try:
        return httpx.get(f"{at.base}/_sim").is_success
    except httpx.HTTPError:
        return False


def test_a_killed_sandbox_goes_on_where_it_was(tmp_path: Path) -> None:
    """Objects, keys, clock and what is due; and it ends well when it is asked to."""
    port = free_port()
    with running(tmp_path, port) as (at, process):
        client = at.client()
        at.tell("/config", debit_after_s=600)  # and not while it starts again
        at.pass_time(3600)
        made = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"}).id
        session = client.v1.checkout.sessions.create(session_params(customer=made))
        at.pay(session.id, card="000123456789")
        before = at.ask()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with running(tmp_path, port) as (at, process):
        client = at.client()
        after = at.ask()
        assert before["objects"].items() <= after["objects"].items()
        assert after["now"] - before["now"] < 60
        assert made == client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "k"}).id
        at.pass_time(600)
        assert "paid" == client.v1.checkout.sessions.retrieve(session.id).payment_status
        process.terminate()
        assert 0 == process.wait(10)


def test_what_cannot_be_written_stays_due() -> None:
    """As on a full disk: it is done when there is room again."""
    engine = Engine(None, "http://127.0.0.1:9")
    with engine.unit() as world:
        world.later(0, "prune")
    due = engine.agenda.first()
    engine.db.execute("PRAGMA query_only = ON")
    with pytest.raises(sqlite3.OperationalError):
        engine.run_due()
    engine.db.execute("PRAGMA query_only = OFF")
    assert due == engine.agenda.first()
    engine.run_due()
    assert due != engine.agenda.first()
    engine.close()
