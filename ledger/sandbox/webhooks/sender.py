"""Sends events to their endpoints: signed anew at each attempt, tried again until a 2xx, several at a time.

The body is the event as it was, in the bytes that are signed. The time in the signature is real time, as receivers
compare it with their own clock, wherever the sandbox's clock stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import httpx
from stripe import WebhookSignature

from ledger.sandbox import codec
from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object
from ledger.sandbox.resources.endpoints import secrets
from ledger.sandbox.webhooks.outbox import Delivery

TOGETHER_MAX: Final = 32
_HEADERS: Final = {
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": "Stripe/1.0 (+https://docs.stripe.com/webhooks)",
    "Accept": "*/*; q=0.5, application/xml",
    "Cache-Control": "no-cache",
}
_log = logging.getLogger("ledger.sandbox")


class Sender:
    """Delivers what is due."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._http = httpx.AsyncClient(trust_env=False, follow_redirects=False)
        self._under_way: set[asyncio.Task[None]] = set()

    def send_due(self) -> None:
        """Begin what is due, as far as there is room for it."""
        now = self._engine.clock.now()
        room = TOGETHER_MAX - len(self._under_way)
        for delivery in self._engine.outbox.due(now, room) if room else ():
            self._engine.outbox.lease(delivery, now + 2 * self._engine.config.webhook_timeout_s)
            task = asyncio.create_task(self._deliver(delivery))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Stop; what was not answered is sent again after the next start."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._http.aclose()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a delivery failed in the sandbox itself", exc_info=task.exception())
        self._engine.wake()

    async def _deliver(self, delivery: Delivery) -> None:
        endpoint = self._engine.objects.find(delivery.endpoint)
        event = self._engine.objects.find(delivery.event)
        if endpoint is None or event is None or endpoint["status"] != "enabled":
            self._engine.outbox.settle(delivery, "dropped", self._engine.clock.now())
            return
        event["pending_webhooks"] = max(1, self._engine.outbox.pending(event["id"]))
        accepted = await self._post(endpoint, codec.encode(event))
        self._settle(delivery, accepted=accepted)

    async def _post(self, endpoint: Object, body: bytes) -> bool:
        signed = {**_HEADERS, "Stripe-Signature": signature(body, secrets(endpoint, self._engine.clock.now()))}
        try:
            async with asyncio.timeout(self._engine.config.webhook_timeout_s):
                answer = await self._http.post(endpoint["url"], content=body, headers=signed, timeout=None)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return False
        return answer.is_success

    def _settle(self, delivery: Delivery, *, accepted: bool) -> None:
        now, pauses = self._engine.clock.now(), self._engine.config.webhook_retry_s
        if accepted:
            self._engine.outbox.settle(delivery, "delivered", now)
        elif delivery.attempts < len(pauses):
            self._engine.outbox.settle(delivery, "waiting", now + pauses[delivery.attempts])
        else:
            self._engine.outbox.settle(delivery, "failed", now)


def signature(body: bytes, secrets: list[str]) -> str:
    """The header: one v1 for each secret that is valid."""
    now = int(time.time())
    headers = [WebhookSignature.generate_signature_header(body.decode(), secret, now) for secret in secrets]
    return ",".join([headers[0], *(header.partition(",")[2] for header in headers[1:])])
