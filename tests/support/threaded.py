"""An application in an event loop of its own thread, for callers that bring a loop for every call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from ledger.settings import Settings
from tests.support.api import running

Message = dict[str, Any]


class Threaded:
    """An ASGI application that hands every call to the one that runs in the thread, while there is one."""

    def __init__(self) -> None:
        self._inner: tuple[asyncio.AbstractEventLoop, asyncio.Event, Any] | None = None

    @contextmanager
    def started(self, database_url: str, settings: Settings | None = None) -> Iterator[None]:
        """Run the real application over this database; with these settings, where there are any."""
        ready: Future[Any] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(database_url, settings, ready)), name="application")
        thread.start()
        self._inner = loop, stop, _ = ready.result(timeout=30)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(timeout=30)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
            return
        assert self._inner is not None
        loop, _, app = self._inner
        call = asyncio.run_coroutine_threadsafe(_call(app, scope, await _whole(receive)), loop)
        for message in await asyncio.wrap_future(call):
            await send(message)


async def _serve(database_url: str, settings: Settings | None, ready: Future[Any]) -> None:
    stop = asyncio.Event()
    async with running(database_url, settings) as app:
        ready.set_result((asyncio.get_running_loop(), stop, app))
        await stop.wait()


async def _whole(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _call(app: Any, scope: Any, body: bytes) -> list[Message]:
    sent: list[Message] = []
    bodies = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        """The body once; then the client stays, and says nothing more."""
        if not bodies:
            await asyncio.Event().wait()
        return bodies.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent
