"""Receivers of webhooks on this machine: they verify what comes as the public libraries do, and answer as they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from tests.kit.egress.listening import listening, taken

Reply = bytes | float
"""What is answered: the bytes of an answer, or seconds of silence before a 200."""


def reply(status: int, *lines: str, body: bytes = b"") -> bytes:
    head = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


OK = reply(200, body=b"thanks")


@dataclass
class Came:
    """A delivery as it came."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """``says`` is asked for each delivery what to answer, by its number from 0. ``secret`` verifies, once it is known."""

    port: int = 0
    secret: str | None = None
    says: Callable[[int], Reply] = lambda _: OK
    came: list[Came] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def ids(self) -> list[str]:
        return [each.id for each in self.came]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, body = (await taken(reader)).partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
        came = Came({name.lower(): value for name, _, value in lines}, body, asyncio.get_running_loop().time())
        if self.secret is not None:
            at = datetime.fromtimestamp(int(came.headers["webhook-timestamp"]), UTC)  # the ledger's, which tests set
            signed = Webhook(self.secret).sign(came.id, at, body.decode())
            assert signed in came.headers["webhook-signature"].split()
        number = len(self.came)
        self.came.append(came)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.says(number)
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                answer = OK
            writer.write(answer)
            await writer.drain()
        finally:
            self.at_once -= 1


@asynccontextmanager
async def receiving(says: Callable[[int], Reply] = lambda _: OK) -> AsyncIterator[Receiver]:
    receiver = Receiver(says=says)
    async with listening(receiver.serve) as server:
        receiver.port = server.port
        yield receiver


def in_turn(*replies: Reply) -> Callable[[int], Reply]:
    """These, one after the other, and the last for ever."""
    return lambda number: replies[min(number, len(replies) - 1)]
