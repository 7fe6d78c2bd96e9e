"""Answers whose bytes are ready: a Struct encoded once, sent as it is."""

from collections.abc import Iterable
from typing import Any, Final, Generic, TypeVar

import msgspec
from litestar import Response
from litestar.types import Receive, Scope, Send

T = TypeVar("T")

Header = tuple[bytes, bytes]
Headers = Iterable[Header]

JSON: Final = b"application/json"

encode = msgspec.json.Encoder().encode


class Answer(Response[T], Generic[T]):
    """A response of ready bytes. ``T`` is their shape, for the API's description.

    Litestar's own ``Response`` keeps headers and cookies in objects of their own, layer by layer; this
    one is an ASGI application of two messages.
    """

    status_code: int

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Headers = (),
        media_type: bytes = JSON,
    ) -> None:
        self.body = body
        self.status_code = status
        self.raw_headers = [
            (b"content-type", media_type),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self.send_to

    async def send_to(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        start: Any = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def answer(value: T, *, status: int = 200, headers: Headers = ()) -> Answer[T]:
    """The answer whose body is this Struct as JSON."""
    return Answer(encode(value), status=status, headers=headers)


def created(value: T, location: str, *, replayed: bool = False) -> Answer[T]:
    """201 with ``Location``; ``replayed`` marks an answer that was given before."""
    return created_as(encode(value), location, replayed=replayed)


def created_as(body: bytes, location: str, *, status: int = 201, replayed: bool = False) -> Answer[Any]:
    """The same of a body that is ready: as it was given the first time."""
    headers: list[Header] = [(b"location", location.encode())]
    if replayed:
        headers.append((b"idempotency-replayed", b"true"))
    return Answer(body, status=status, headers=headers)
