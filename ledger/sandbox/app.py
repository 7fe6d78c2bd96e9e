"""The application: three faces on one simulated account, and its background work.

/v1         what the SDK talks to (``api``)
/_sim       how the simulation is steered (``control``)
the rest    pages for buyers: checkout, authentication, receipts, invoices (``pages``); /_sim/pay is one, too
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Final

from ledger.sandbox import http
from ledger.sandbox.api import Api
from ledger.sandbox.control import Control
from ledger.sandbox.engine import Engine
from ledger.sandbox.faults import Faults
from ledger.sandbox.http import Answer, Cut, Receive, Request, Scope, Send
from ledger.sandbox.pages import Pages
from ledger.sandbox.webhooks.sender import Sender

_PAUSE_S_MAX: Final = 0.25
_log = logging.getLogger("ledger.sandbox")


class Sandbox:
    """A simulated Stripe, as an ASGI application. ``file``: where it is kept; None for nowhere."""

    def __init__(self, file: Path | None, base: str) -> None:
        self.engine = Engine(file, base)
        self.faults = Faults()
        self._api = Api(self.engine, self.faults)
        self._control = Control(self.engine, self.faults)
        self._pages = Pages(self.engine)
        self._work: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = await http.read(scope, receive)
            try:
                answer = await self._answer(request)
            except Cut:
                http.cut(request.peer)
                return
            await http.write(answer, send)

    async def _answer(self, request: Request) -> Answer:
        if len(request.body) > http.BODY_BYTES_MAX:
            return Answer(413, b"", {})
        if request.path == "/v1" or request.path.startswith(("/v1/", "/v2/")):
            return await self._api.answer(request)
        if request.path.startswith("/_sim") and not request.path.startswith("/_sim/pay/"):
            return self._control.answer(request)
        return self._pages.answer(request)

    async def _live(self, receive: Receive, send: Send) -> None:
        """From the server's start to its end."""
        await receive()
        self._work = asyncio.create_task(_background(self.engine))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        self.engine.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _background(engine: Engine) -> None:
    """Do what falls due and send what is to be sent, as soon as it is."""
    sender, woken = Sender(engine), asyncio.Event()
    engine.wake = woken.set
    try:
        while True:
            woken.clear()
            pause_s = _PAUSE_S_MAX
            try:
                engine.run_due()
                sender.send_due()
                if (next_at := engine.next_at()) is not None:
                    pause_s = next_at - engine.clock.now()
            except sqlite3.Error as error:  # a full disk, say: it is tried again when there is room
                _log.error("the sandbox cannot write what is due: %s", error)
            try:
                await asyncio.wait_for(woken.wait(), max(0.001, min(pause_s, _PAUSE_S_MAX)))
            except TimeoutError:
                continue
    finally:
        await sender.close()
