"""The sandbox of the payment service, served in a thread of this process, and the unmodified SDK that talks to it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import stripe

from ledger.embedded.places import free_port
from ledger.sandbox.app import Sandbox
from ledger.sandbox.serve import server

KEY = "sk_test_sandbox"
BASES = ("api", "connect", "files", "meter_events")
PATIENCE_S = 10.0

stripe.enable_telemetry = False  # it would look for a home directory, and write to it


@dataclass(frozen=True)
class SandboxAt:
    """A sandbox at an address."""

    base: str

    def client(self, key: str = KEY, *, timeout: float = 10.0, retries: int = 0) -> stripe.StripeClient:
        """The SDK, pointed at it."""
        return stripe.StripeClient(
            key,
            base_addresses=dict.fromkeys(BASES, self.base),
            http_client=stripe.RequestsClient(timeout=timeout),
            max_network_retries=retries,
        )

    def ask(self, path: str = "") -> Any:
        """What the control plane shows."""
        return httpx.get(f"{self.base}/_sim{path}").raise_for_status().json()

    def tell(self, path: str, /, **wanted: Any) -> Any:
        """Have the control plane do something."""
        answer = httpx.post(f"{self.base}/_sim{path}", json=wanted, headers={"Accept": "application/json"})
        assert answer.is_success, answer.text
        return answer.json()

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
