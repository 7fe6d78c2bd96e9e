"""One request and one answer over a connection, HTTP/1.1, with every size bounded.

The parser is h11's, which httpx stands on. There is no redirect, no cookie, no decompression and no reuse here: what
is not there cannot be turned on by an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import h11

from ledger.kit.egress.answer import HEADER_CHARACTERS_MAX, HEADERS_KEPT, Failure, Limits

READ_BYTES: Final = 16 * 1024
_HTTP: Final = b"HTTP/"

_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade", "te"}
)


@dataclass(slots=True)
class Reply:
    """What has come so far: there for whoever ends the exchange at any time."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False


def request(method: str, authority: str, path: str, headers: Mapping[str, str], body: bytes) -> h11.Request:
    """The head of a request.

    Raises:
        ValueError: a header is one that belongs to the connection, or contains what a header cannot.
    """
    for name in headers:
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is set here")
    ours = {
        "Host": authority,
        "Connection": "close",
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
    }
    try:
        return h11.Request(method=method, target=path, headers=list((ours | dict(headers)).items()))
    except h11.LocalProtocolError as error:
        raise ValueError(f"this cannot be sent: {error}") from None


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    head: h11.Request,
    body: bytes,
    limits: Limits,
    reply: Reply,
) -> None:
    """Send the request and read the answer into ``reply``, up to the limits.

    Raises:
        Failure: ``reset``, ``tls``, ``too_large`` or ``protocol``.
    """
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=limits.head_bytes)
    # Not awaited: a receiver that answers before it has read everything is heard, one that never reads meets the
    # deadline; what waits in between is the body, which is in memory anyway.
    writer.write(connection.send(head) or b"")
    writer.write(connection.send(h11.Data(data=body)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    incoming = _Incoming(reader, connection, limits.head_bytes)
    try:
        await _read_head(incoming, reply)
        incoming.left = limits.body_bytes
        await _read_body(incoming, reply, limits)
    except ssl.SSLError:
        raise Failure("tls", "the TLS connection failed") from None
    except OSError:
        raise _reset(reply) from None
    except h11.RemoteProtocolError as error:
        if incoming.ended and incoming.first == _HTTP[: len(incoming.first)]:
            raise _reset(reply) from None
        if error.error_status_hint == 431:
            raise _no_end() from None
        raise Failure("protocol", "what came is not HTTP/1.1") from None


class _Incoming:
    """Events out of what is read, of which at most ``left`` bytes."""

    def __init__(self, reader: asyncio.StreamReader, connection: h11.Connection, left: int) -> None:
        self._reader = reader
        self._connection = connection
        self.left = left
        self.ended = False
        self.first = b""

    async def next(self) -> h11.Event | None:
        """The next event, or None where the limit is reached before it."""
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Event):
                return event
            if self.left == 0 or event is h11.PAUSED:
                return None
            data = await self._reader.read(min(READ_BYTES, self.left))
            self.left -= len(data)
            self.ended = not data
            self.first = (self.first + data)[: len(_HTTP)]
            self._connection.receive_data(data)


async def _read_head(incoming: _Incoming, reply: Reply) -> None:
    while not isinstance(event := await incoming.next(), h11.Response):
        if event is None:
            raise _no_end()
        if not isinstance(event, h11.InformationalResponse):
            raise Failure("protocol", "what came is not an answer")
    reply.status = event.status_code
    for name, value in event.headers:
        kept = name.decode("ascii")
        if kept in HEADERS_KEPT:
            reply.headers.setdefault(kept, value.decode("latin-1")[:HEADER_CHARACTERS_MAX])


async def _read_body(incoming: _Incoming, reply: Reply, limits: Limits) -> None:
    size = 0
    while isinstance(event := await incoming.next(), h11.Data):
        size += len(event.data)
        reply.body += event.data[: limits.kept_bytes - len(reply.body)]
        if size >= limits.body_bytes:
            return
    reply.whole = event is not None


def _reset(reply: Reply) -> Failure:
    where = "an answer came" if reply.status is None else "the answer was complete"
    return Failure("reset", f"the connection was closed before {where}")


def _no_end() -> Failure:
    return Failure("too_large", "the head of the answer is too large")
