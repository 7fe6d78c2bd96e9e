"""Stripe's side of a run: a sandbox in a process of its own, steered over HTTP."""

import asyncio
import sys
import urllib.request
from pathlib import Path
from typing import Any

import httpx

from ledger.embedded.places import free_port
from ledger.embedded.process import Program, wait_until
from tests.faults.stack import START_S, Part
from tests.support.sandbox import KEY

SECRET = "whsec_of_the_fault_run"
ANSWER_S = 60.0
TRIES = 5


class AtStripe:
    """``part`` is its process. Control and lists are asked without faults; ``create`` meets them as others do."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        argv = [sys.executable, "-m", "ledger.cli", "sandbox", "serve", "--port", str(port)]
        note = home / "run" / "sandbox.json"
        program = Program(name="sandbox", argv=argv, environ={}, log=home / "logs" / "sandbox.log", note=note)
        self.part = Part(
            lambda: program, lambda child: wait_until("The sandbox", self._answers, child, timeout_s=START_S)
        )
        self.part.environ = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        self._http = httpx.AsyncClient(base_url=self.base, timeout=ANSWER_S, headers={"Accept": "application/json"})
        self._key = {"Authorization": f"Bearer {KEY}"}

    def environ(self) -> dict[str, str]:
        """What the service is told of it."""
        return {
            "LEDGER_STRIPE_API_KEY": KEY,
            "LEDGER_STRIPE_API_BASE": self.base,
            "LEDGER_STRIPE_WEBHOOK_SECRET": SECRET,
        }

    async def close(self) -> None:
        await self._http.aclose()
        await asyncio.to_thread(self.part.stop)

    async def ask(self, path: str = "") -> Any:
        """What the control plane shows."""
        return (await self._http.get(f"/_sim{path}")).raise_for_status().json()

    async def tell(self, path: str, /, **wanted: Any) -> Any:
        """Have the control plane do something. Raises httpx.HTTPStatusError where that cannot be."""
        return (await self._http.post(f"/_sim{path}", json=wanted)).raise_for_status().json()

    async def forget_faults(self) -> None:
        """Nothing goes wrong with requests any more."""
        (await self._http.delete("/_sim/faults")).raise_for_status()

    async def pay(self, session: str, method: str) -> str | None:
        """Pay on the page, by a method such as ``pm_card_visa``; the intent, unless it was declined."""
        told = await self.tell(f"/pay/{session}", payment_method=method)
        return None if told["error"] else str(told["intent"]["id"])

    async def create(self, path: str, key: str, **wanted: str) -> int:
        """As the dashboard does, under an idempotency key; the last answer's status, 0 for none."""
        status = 0
        for _ in range(TRIES):
            try:
                answer = await self._http.post(path, data=wanted, headers={**self._key, "Idempotency-Key": key})
            except httpx.TransportError:
                continue
            status = answer.status_code
            if status not in (409, 429, 500, 503):
                break
        return status

    async def everything(self, path: str, **wanted: Any) -> list[Any]:
        """A list of the API, all its pages."""
        found: list[Any] = []
        while True:
            after = {"starting_after": found[-1]["id"]} if found else {}
            params = {"limit": 100, **wanted, **after}
            page = (await self._http.get(path, params=params, headers=self._key)).raise_for_status().json()
            found += page["data"]
            if not page["has_more"]:
                return found

    async def sample(self) -> list[Any]:
        """The newest events."""
        page = await self._http.get("/v1/events", params={"limit": 100}, headers=self._key)
        return list(page.json().get("data", []))

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.base}/_sim/clock", timeout=5).close()
        except OSError:
            return False
        return True
