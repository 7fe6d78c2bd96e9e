"""The sandbox of the payment service, served in a thread of this process, and the unmodified SDK that talks to it.

All that the SDK's clients say and hear is judged by the contract (tests/contract/stripe): a client raises where the
sandbox breaks it, and at the end all of its events are judged, too.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import stripe

from ledger.embedded.places import free_port
from ledger.sandbox.app import Sandbox
from ledger.sandbox.serve import server
from tests.contract.stripe.client import CheckedRequests, Traffic, connect

KEY = "sk_test_sandbox"
PATIENCE_S = 10.0


@dataclass(frozen=True)
class SandboxAt:
    """A sandbox at an address."""

    base: str
    traffic: Traffic = field(default_factory=Traffic)
    _clients: list[CheckedRequests] = field(default_factory=list)

    def client(self, key: str = KEY, *, timeout: float = 10.0, retries: int = 0) -> stripe.StripeClient:
        """The SDK, pointed at it; it raises where what is said is not what Stripe says."""
        self._clients.append(CheckedRequests(self.traffic, timeout))
        return connect(self.base, key, self._clients[-1], retries)

    def close(self) -> None:
        """End all clients, and look whether anything broke the contract."""
        for _ in self.client().v1.events.list({"limit": 100}).auto_paging_iter():
            continue  # each page was judged as it came
        for client in self._clients:
            client.close()
        assert self.traffic.broken == []

    def ask(self, path: str = "") -> Any:
        """What the control plane shows."""
        return httpx.get(f"{self.base}/_sim{path}").raise_for_status().json()

    def tell(self, path: str, /, **wanted: Any) -> Any:
        """Have the control plane do something."""
        answer = httpx.post(f"{self.base}/_sim{path}", json=wanted, headers={"Accept": "application/json"})
        assert answer.is_success, answer.text
        return answer.json()

    def events(self, kind: str, limit: int = 5) -> list[Any]:
        """The newest events of a type, as they are sent. They are judged at the end, not here: it takes its time."""
        wanted = {"type": kind, "limit": limit}
        answer = httpx.get(f"{self.base}/v1/events", params=wanted, headers={"Authorization": f"Bearer {KEY}"})
        return list(answer.raise_for_status().json()["data"])

    def pass_time(self, seconds: float) -> None:
        """Move its clock, and have everything happen that falls due."""
        self.tell("/clock", advance_s=seconds)

    def forget_faults(self) -> None:
        """Nothing goes wrong with requests any more."""
        httpx.delete(f"{self.base}/_sim/faults").raise_for_status()

    def pay(self, session: str, **wanted: Any) -> Any:
        """Pay a session, by default with a card that pays: session, intent and error afterwards."""
        return self.tell(f"/pay/{session}", **wanted)


@contextmanager
def sandbox_served(file: Path | None = None) -> Iterator[SandboxAt]:
    """Serve a sandbox until the end of the block. It keeps its state in the file, if one is named."""
    port = free_port()
    at = SandboxAt(f"http://127.0.0.1:{port}")
    loop = asyncio.new_event_loop()
    running = server(Sandbox(file, at.base), "127.0.0.1", port)
    thread = threading.Thread(target=_run, args=(loop, running), name="sandbox")
    thread.start()
    try:
        _wait(at)
        yield at
        at.close()
    finally:
        loop.call_soon_threadsafe(running.stop)
        thread.join(PATIENCE_S)


def _run(loop: asyncio.AbstractEventLoop, running: Any) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(running.serve())
    finally:
        loop.close()


def _wait(at: SandboxAt) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            at.ask()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the sandbox does not answer"
            time.sleep(0.005)
        else:
            return
