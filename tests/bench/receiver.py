"""Receivers of webhooks that cost next to nothing: one server, which answers by the path that is called.

    /<name>/well      204 at once
    /<name>/error     500
    /<name>/silence   nothing, ever
    /<name>/reset     the connection is reset

It verifies nothing, and notes when each delivery came first, by name and webhook-id.
"""

import asyncio
import socket
import struct
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ledger.embedded.places import free_port

ENDS: Final = ("error", "silence", "reset", "refusal")
_ANSWERS: Final = {
    b"well": b"HTTP/1.1 204 So\r\n\r\n",
    b"error": b"HTTP/1.1 500 So\r\ncontent-length: 0\r\n\r\n",
}
_RESET: Final = struct.pack("ii", 1, 0)


class Receiver:
    """``came``: by name and webhook-id, when a delivery came first, on the clock of ``time.perf_counter``."""

    def __init__(self) -> None:
        self.came: dict[str, dict[str, float]] = defaultdict(dict)
        self.count = 0
        self.last = 0.0
        self.port = 0
        self._closed = free_port()

    def url(self, name: str, end: str = "well") -> str:
        """Where to call, for such an end: one of ENDS, or well."""
        port = self._closed if end == "refusal" else self.port
        return f"http://127.0.0.1:{port}/{name}/{end}"

    def noted(self, name: str, id_: str) -> None:
        came = self.came[name]
        if id_ not in came:
            came[id_] = self.last = time.perf_counter()
            self.count += 1


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._taken = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._taken += data
        head, end, body = self._taken.partition(b"\r\n\r\n")
        if not end or len(body) < int(_header(head, b"content-length") or 0):
            return
        self._taken = b""
        _, name, how = head.split(b" ", 2)[1].split(b"/")
        self._receiver.noted(name.decode(), _header(head, b"webhook-id").decode())
        if how == b"reset":
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        elif how in _ANSWERS:
            self._transport.write(_ANSWERS[how])


def _header(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.lower().partition(b"\r\n" + name + b":")
    at = len(head) - len(rest)
    return head[at:].partition(b"\r\n")[0].strip() if found else b""


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on this machine until the end of the block."""
    receiver = Receiver()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(receiver), "127.0.0.1", 0, backlog=1_024
    )
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
