"""`up` and `down` as a person uses them, and as a crash does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stripe

from ledger.embedded.places import free_port
from ledger.embedded.process import is_alive, processes

PATIENCE_S = 40.0
SERVICES = ("postgres", "valkey", "sandbox", "api", "worker", "beat")

pytestmark = pytest.mark.skipif(
    find_spec("ledger.app") is None or find_spec("ledger.access") is None,
    reason="there is nothing to start yet",
)


class Installation:
    """A directory that `up` keeps everything in, and the commands on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("LEDGER_")}
        return subprocess.run(
            [sys.executable, "-m", "ledger.cli", *command, "--data", str(self.home)],
            env={**environ, **settings},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def up(self, **settings: str) -> dict[str, Any]:
        done = self.run("up", "--detach", "--port", str(self.port), **settings)
        assert done.returncode == 0, done.stderr + done.stdout
        said: dict[str, Any] = json.loads((self.home / "up.json").read_text())
        assert "Ready." in done.stdout
        assert said["key"] in done.stdout
        assert (said["sandbox"] or "Ready.") in done.stdout
        return said

    def pid_of(self, service: str) -> int:
        return int(json.loads((self.home / "run" / f"{service}.json").read_text())["pid"])

    def is_given(self, service: str, settings: dict[str, str]) -> bool:
        """Whether a service was started with these settings, where the kernel shows them."""
        try:
            shown = Path(f"/proc/{self.pid_of(service)}/environ").read_bytes().decode().split("\0")
        except FileNotFoundError:
            return not Path("/proc/self").exists()
        return {f"{name}={value}" for name, value in settings.items()} <= set(shown)

    def leftovers(self) -> list[int]:
        """Processes that have this directory in their command line."""
        mark = os.fsencode(self.home)
        return [pid for pid in processes() if is_alive(pid) and mark in _command_line(pid)]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def answers(url: str, key: str | None = None) -> int | None:
    """The status of the answer, or None if there is none."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="credit-ledger-up-"))
    home.chmod(0o755)
    installed = Installation(home)
    yield installed
    installed.run("down")
    shutil.rmtree(home)


def test_a_port_that_is_taken_is_named_before_anything_starts(installation: Installation) -> None:
    """Detached or not, the reason is on standard error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", installation.port))
        taken.listen()
        done = installation.run("up", "--detach", "--port", str(installation.port))

    assert done.returncode == 1
    assert f"Error: Port {installation.port} on 127.0.0.1 cannot be used" in done.stderr
    assert not (installation.home / "postgres").exists()


def test_a_setting_that_is_wrong_is_named(installation: Installation) -> None:
    """Before anything starts."""
    done = installation.run("up", "--detach", LEDGER_DB_POOL_SIZE="many")

    assert done.returncode == 1
    assert "LEDGER_DB_POOL_SIZE is 'many', but must be a whole number from 1 to 200" in done.stderr


@pytest.mark.faults
def test_from_nothing_through_every_crash_to_the_end(installation: Installation) -> None:
    """Start; a child killed comes back; `up` killed, and everything killed, start again; stop."""
    said = installation.up()
    assert {"api", "key", "sandbox", "console", "database_url", "redis_url", "pid"} <= set(said)
    assert answers(f"{said['api']}/v1/wallets?owner_id=nobody", said["key"]) == 200
    assert (installation.home / "up.json").stat().st_mode & 0o777 == 0o600
    _is_durable(said["database_url"])
    assert (installation.home / "anchor.key").stat().st_mode & 0o777 == 0o600
    assert (installation.home / "secret.keys").stat().st_mode & 0o777 == 0o600
    hook = _endpoint_of(said)
    assert said["anchor_public_keys"].startswith("apk_")
    made = _customer_of(said["sandbox"])
    assert "runs on" in installation.run("up", "--detach").stderr

    before = {name: installation.pid_of(name) for name in SERVICES}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: _all_new(installation, before))
    assert eventually(lambda: answers(f"{said['api']}/ready") == 200)

    os.kill(said["pid"], signal.SIGKILL)
    again = installation.up()
    assert again["key"] == said["key"]
    assert again["anchor_public_keys"] == said["anchor_public_keys"]
    assert _endpoint_of(again) == hook
    assert again["pid"] != said["pid"]
    assert again["sandbox"] == said["sandbox"]
    assert made == stripe_at(said["sandbox"]).v1.customers.retrieve(made).id
    _is_connected(installation, again)

    for pid in [again["pid"], *(installation.pid_of(name) for name in SERVICES)]:
        os.kill(pid, signal.SIGKILL)
    last = installation.up()
    assert answers(f"{last['api']}/v1/wallets?owner_id=nobody", said["key"]) == 200

    assert installation.run("down").stdout == "Stopped.\n"
    assert not (installation.home / "up.json").exists()
    assert installation.leftovers() == []
    assert installation.run("down").stdout == "Nothing is running.\n"


def test_with_a_stripe_key_there_is_no_sandbox(installation: Installation) -> None:
    """What is set goes to the API as it is."""
    given = {"LEDGER_STRIPE_API_KEY": "sk_test_own", "LEDGER_STRIPE_API_BASE": "http://127.0.0.1:9"}
    said = installation.up(**given)
    assert said["sandbox"] is None
    assert not (installation.home / "run" / "sandbox.json").exists()
    assert installation.is_given("api", given)
    assert installation.run("down").stdout == "Stopped.\n"


def _all_new(installation: Installation, before: dict[str, int]) -> bool:
    try:
        now = {name: installation.pid_of(name) for name in SERVICES}
    except OSError:  # its note is just being written
        return False
    return all(now[name] != before[name] and is_alive(now[name]) for name in SERVICES)


def stripe_at(base: str) -> stripe.StripeClient:
    bases: Any = dict.fromkeys(("api", "connect", "files", "meter_events"), base)
    return stripe.StripeClient("sk_test_anything", base_addresses=bases)


def _customer_of(sandbox: str) -> str:
    return stripe_at(sandbox).v1.customers.create({"email": "ada@example.com"}).id


def _endpoint_of(said: dict[str, Any]) -> str:
    """The secret of a webhook endpoint, which is made once: a second time it is had from where it is encrypted."""
    asked = urllib.request.Request(
        f"{said['api']}/v1/webhook-endpoints",
        b'{"url": "https://example.com", "events": ["*"]}',
        {"Authorization": f"Bearer {said['key']}", "Content-Type": "application/json", "Idempotency-Key": "hook"},
    )
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return str(json.load(answer)["secret"])


def _is_connected(installation: Installation, said: dict[str, Any]) -> None:
    """The API, the worker and beat know where Stripe is, and it knows where they are, by the same secret."""
    facts = json.loads((installation.home / "sandbox.json").read_text())
    wanted = {
        "LEDGER_STRIPE_API_KEY": facts["key"],
        "LEDGER_STRIPE_WEBHOOK_SECRET": facts["webhook_secret"],
        "LEDGER_STRIPE_API_BASE": said["sandbox"],
    }
    assert facts["key"].startswith("sk_test_") and facts["webhook_secret"].startswith("whsec_")
    for service in ("api", "worker", "beat"):
        assert installation.is_given(service, wanted)
    (endpoint,) = stripe_at(said["sandbox"]).v1.webhook_endpoints.list().data
    assert (f"{said['api']}/stripe/webhooks", ["*"], "enabled") == (
        endpoint.url,
        endpoint.enabled_events,
        endpoint.status,
    )


def _is_durable(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
