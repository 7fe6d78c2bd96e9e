"""Requests and answers of the sandbox, on bare ASGI: Stripe's bytes are to be had exactly, and its silences, too."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing, suppress
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

T = TypeVar("T")
BODY_BYTES_MAX: Final = 2**20
_FILES_MAX: Final = 4096


class Request(NamedTuple):
    """What was asked. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes
    headers: dict[str, str]


class Cut(Exception):
    """The connection is to be closed without an answer."""


def html(body: str, status: int = 200) -> Answer:
    """A page."""
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Answer(status, body.encode(), headers)


def redirect(url: str) -> Answer:
    """To another address, with GET."""
    return Answer(303, b"", {"Location": url})


def fields(request: Request) -> dict[str, str]:
    """The fields of a page's form; of what is not a form none."""
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def wanted(request: Request, described: type[T]) -> T:
    """What a body of ours says, be it JSON or a form. Raises msgspec.MsgspecError.

    It is told apart by how it begins, as ``curl -d`` calls everything a form.
    """
    written = request.body.strip()
    if not written or written.startswith(b"{"):
        return msgspec.json.decode(written or b"{}", type=described, strict=False)
    return msgspec.convert(fields(request), described, strict=False)


async def read(scope: Scope, receive: Receive) -> Request:
    """The request with its whole body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False) and len(body) <= BODY_BYTES_MAX
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    host, port = scope["client"]
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body, (str(host), int(port)))


async def write(answer: Answer, send: Send) -> None:
    """Send an answer."""
    length = {"Content-Length": str(len(answer.body))}
    headers = [(name.lower().encode(), value.encode()) for name, value in {**answer.headers, **length}.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def cut(peer: tuple[str, int]) -> None:
    """Close the connection that this peer has with us.

    ASGI has no way to say that, so the socket is looked for among the open files of this process.
    """
    for number in range(3, _FILES_MAX):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue  # a copy of it, which socket() refuses, would stay open
            with closing(socket.socket(fileno=os.dup(number))) as found:
                if found.getpeername()[:2] == peer:
                    found.shutdown(socket.SHUT_RDWR)
                    return
