"""The whole product as a new user has it: ``credit-ledger up`` in an empty directory, and the commands beside it.

One for all processes of a run: the first that needs it starts it, the last that has done with it stops it. It is used
by one story at a time, as a story moves the clocks and looks at the money of all.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from ledger.embedded.places import free_port
from ledger.embedded.process import is_alive
from tests.support.sandbox import SandboxAt
from tests.support.servers import locked
from tests.support.waiting import until

PATIENCE_S = 120.0
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]


class Product:
    """What ``up`` has started, by its faces: REST, the command line, the simulated Stripe."""

    def __init__(self, home: Path) -> None:
        self._home = home
        told = json.loads((home / ".credit-ledger" / "up.json").read_text())
        self.sandbox = SandboxAt(told["sandbox"])
        self._database_url = told["database_url"]
        self.http = httpx.Client(base_url=told["api"], headers={"Authorization": f"Bearer {told['key']}"}, timeout=30)

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(path, json=body, headers={"Idempotency-Key": uuid4().hex})

    def books(self, wallet: str | None = None) -> dict[str, Decimal]:
        """Accounts in money and what stands in them, debit above zero: of a wallet's book or of all. From the file that
        an accountant downloads."""
        lines = self.http.get("/v1/finance/journal.csv").raise_for_status().text.splitlines()
        found: Counter[str] = Counter()
        for record in csv.DictReader(lines):
            if record["record"] == "posting" and record["asset"] != "CREDIT" and wallet in (None, record["wallet_id"]):
                sign = {"debit": 1, "credit": -1}[record["side"]]
                found[record["account"]] += sign * Decimal(record["amount"])  # type: ignore[assignment]
        return {account: Decimal(amount) for account, amount in found.items() if amount}

    def holds(self) -> Decimal:
        """What Stripe says that it holds for us."""
        return Decimal(self.sandbox.ask("/money")["total"]) / 100

    def charges(self, wallet: str) -> list[dict[str, Any]]:
        """What Stripe has taken from anybody for this wallet."""
        charges = self.sandbox.ask("/money")["charges"]
        return [one for one in charges if one["metadata"].get("wallet_id") == wallet and one["status"] == "succeeded"]

    def expire_at_stripe(self, session: str) -> None:
        """Somebody ends a session in Stripe's dashboard."""
        url = f"{self.sandbox.base}/v1/checkout/sessions/{session}/expire"
        httpx.post(url, headers={"Authorization": "Bearer sk_test_dashboard"}).raise_for_status()

    def pass_time(self, seconds: int) -> None:
        """For everybody: Stripe's clock and ours."""
        with psycopg.connect(self._database_url) as connection:
            connection.execute("UPDATE clock SET ahead_us = ahead_us + %s", [seconds * 1_000_000])
        self.sandbox.pass_time(seconds)

    def tie(self) -> None:
        """The books are right, and are Stripe's: money in clearing is what it holds, each object has its entry."""
        until(lambda: self.holds() == self.books().get("stripe_clearing", 0), "all of Stripe's money is in the books")
        with ThreadPoolExecutor() as at_once:
            verified = at_once.submit(run, self._home, "verify", "--jobs", "1")
            reconciled = at_once.submit(run, self._home, "reconcile")
        assert "everything follows from the postings" in verified.result()
        assert "everything ties" in reconciled.result()


def run(home: Path, *command: str) -> str:
    """What a command says that must go well."""
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli", *command],
        env={name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def shared(place: Path) -> Iterator[Product]:
    """The product of this run, until the end of the block. ``place``: a directory that all processes of the run have."""
    home = Path(tempfile.gettempdir(), f"credit-ledger-browser-{_RUN}")
    user = place / f"browser-user-{os.getpid()}"
    with locked(place / "browser-users.lock"):
        if not _is_used(place):
            home.mkdir(exist_ok=True)
            home.chmod(0o755)  # as root, PostgreSQL is another user
            run(home, "up", "--detach", "--port", str(free_port()))
        user.touch()
        product = Product(home)
    try:
        yield product
    finally:
        product.http.close()
        with locked(place / "browser-users.lock"):
            user.unlink()
            if not _is_used(place):
                run(home, "down")
                shutil.rmtree(home)


def _is_used(place: Path) -> bool:
    """Whether a process of this run has it in hand."""
    return any(is_alive(int(file.name.rpartition("-")[2])) for file in place.glob("browser-user-*"))
