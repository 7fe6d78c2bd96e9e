"""Answers that are made while they are sent, and that nobody can take for whole when they are not.

What fails after the first byte breaks the connection: the last chunk of the encoding is never sent, so that the
client's own library tells that something is missing. A client that went away ends the work at the next chunk.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar.types import Receive, Scope, Send

from ledger.kit.http.answers import Answer, Headers


class Stream(Answer[bytes]):
    """An answer of chunks. The server takes the next one when the client has taken what was sent."""

    def __init__(self, chunks: AsyncIterator[bytes], *, media_type: bytes, headers: Headers = ()) -> None:
        super().__init__(b"", media_type=media_type, headers=headers)
        self.raw_headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        self._chunks = chunks

    async def send_to(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        gone = asyncio.create_task(_gone(receive), name="stream: client gone")
        try:
            start: Any = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            async for chunk in self._chunks:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()


async def _gone(receive: Receive) -> None:
    """Ends when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
