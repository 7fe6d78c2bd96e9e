"""The simulated Stripe that `up` runs where no key of a real account is set.

Its key and the secret of its webhooks are made once and kept with the data, and so is its port, as long as nobody else
listens there: addresses of pages that were given away lead there after the next start, too.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ledger.embedded import places
from ledger.embedded.errors import EmbeddedError
from ledger.embedded.process import Child, Program, stop_leftover, wait_until

NAME = "sandbox"
HOST = "127.0.0.1"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Facts:
    """What is kept of it in a file: port, key and secret."""

    port: int
    key: str
    webhook_secret: str


class UpSandbox:
    """The sandbox of this directory.

    Attributes:
        home: the directory.
        facts: its port, key and secret.
    """

    def __init__(self, home: Path) -> None:
        """End what an earlier run left, and find or make what is kept."""
        self.home = home
        end_leftover(home)
        self.facts = _kept(home / "sandbox.json")

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.facts.port}"

    def prepare(self) -> None:
        """End what an earlier run left."""
        end_leftover(self.home)

    def program(self) -> Program:
        """How it is started."""
        data = self.home / NAME
        return Program(
            name=NAME,
            argv=[
                *(sys.executable, "-m", "ledger.cli", "sandbox", "serve"),
                *("--host", HOST, "--port", str(self.facts.port), "--data", str(data)),
            ],
            environ=dict(os.environ),
            log=self.home / "logs" / f"{NAME}.log",
            note=_note(self.home),
            stop_signal=signal.SIGTERM,
            stop_timeout_s=STOP_TIMEOUT_S,
        )

    def wait_ready(self, child: Child) -> None:
        """Wait until it answers.

        Raises:
            EmbeddedError: it ended instead.
        """
        wait_until("The sandbox", self._answers, child, timeout_s=START_TIMEOUT_S)

    def tell(self, url: str) -> None:
        """Have it tell this address of all events, signed with the secret that is kept.

        Raises:
            EmbeddedError: it refuses to.
        """
        wanted = {"url": url, "secret": self.facts.webhook_secret}
        try:
            self._ask("/_sim/webhook-endpoint", json.dumps(wanted).encode())
        except OSError as error:
            raise EmbeddedError(
                f"The sandbox at {self.base} does not take the address of webhooks: {error}."
            ) from error

    def _answers(self) -> bool:
        try:
            self._ask("/_sim/clock")
        except OSError:
            return False
        return True

    def _ask(self, path: str, body: bytes | None = None) -> None:
        with urllib.request.urlopen(f"{self.base}{path}", body, timeout=ANSWER_TIMEOUT_S):  # noqa: S310 - our own address
            return


def end_leftover(home: Path) -> bool:
    """End what an earlier run left of it; whether there was anything."""
    return stop_leftover(_note(home), signal.SIGTERM, timeout_s=STOP_TIMEOUT_S)


def _kept(file: Path) -> Facts:
    """What is in the file, with another port if that one is taken; made anew where there is none."""
    try:
        facts = Facts(**json.loads(file.read_text()))
        places.require_free_port(HOST, facts.port)
    except EmbeddedError:
        facts = replace(facts, port=places.free_port())
    except (OSError, ValueError, TypeError):
        facts = Facts(places.free_port(), f"sk_test_{secrets.token_hex(16)}", f"whsec_{secrets.token_hex(16)}")
    places.write_private(file, asdict(facts))
    return facts


def _note(home: Path) -> Path:
    return home / "run" / f"{NAME}.json"
