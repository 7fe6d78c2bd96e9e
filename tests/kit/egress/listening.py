"""Servers on this machine, of any behaviour, that count who comes."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from ledger.kit.egress.addresses import Address

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Server:
    """Where it listens, how many came, and what the one who came last sent before the behaviour began."""

    port: int
    connections: int = 0
    sent: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = OK) -> None:
    """Takes a whole request and answers it."""
    await taken(reader)
    writer.write(answer)
    await writer.drain()
    await asyncio.sleep(5)  # keeps the connection open: whoever waits for its end waits too long


async def taken(reader: asyncio.StreamReader) -> bytes:
    """A request, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


def reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST rather than FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def listening(
    behaviour: Behaviour = answers,
    *,
    tls: ssl.SSLContext | None = None,
    hosts: tuple[str, ...] = ("127.0.0.1",),
    port: int = 0,
) -> AsyncIterator[Server]:
    """A server of this behaviour, on the same port of each host, until the end of the block."""
    server, tasks = Server(port), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await behaviour(reader, writer)
        finally:
            writer.transport.abort()

    if tls is not None:
        tls.sni_callback = lambda _, name, __: server.server_names.append(name)
    webs: list[asyncio.Server] = []
    try:
        for host in hosts:
            webs.append(await asyncio.start_server(serve, host, server.port, ssl=tls, limit=2**20))
            server.port = webs[0].sockets[0].getsockname()[1]
        yield server
    finally:
        for web in webs:
            web.close()
        await asyncio.sleep(0.01)  # who was let in a moment ago is served, or there would be nobody to hang up
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # the transports' last callbacks


class Names:
    """DNS of the tests: a name's addresses, or its answers one after another. It counts what it is asked.

    Names that it does not know lead inward: what reaches DNS unjudged would be found out.
    """

    def __init__(self, **names: list[str] | list[list[str]]) -> None:
        self._names = {name.replace("_", "."): answer for name, answer in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[Address]:
        self.asked.append(host)
        answer = self._names.get(host, ["127.0.0.1"])
        if answer and isinstance(answer[0], list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return [ip_address(str(text)) for text in answer]
