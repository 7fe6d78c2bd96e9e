"""A TCP relay in front of PostgreSQL that counts round trips as the network sees them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class CountingProxy:
    """``trips`` goes up each time the client speaks after the server has spoken. While ``lost`` is set it passes
    nothing on, as a network does that lost a host."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self.trips = 0
        self.lost = False
        self.cut_at: bytes | None = None
        """When the server says this, the connection is cut and the client does not hear it."""
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The same database, by way of the proxy."""
        return f"postgresql://{self._url.username}@127.0.0.1:{self.port}{self._url.path}"

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        directory = parse_qs(self._url.query).get("host")
        if directory:
            return await asyncio.open_unix_connection(f"{directory[0]}/.s.PGSQL.{self._url.port or 5432}")
        return await asyncio.open_connection(self._url.hostname, self._url.port or 5432)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until a side ends it or it is cut."""
        there, back = await self._upstream()
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        spoke_last = "server"

        async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter, who: str) -> None:
            nonlocal spoke_last
            while data := await source.read(65536):
                self.trips += who == "client" and spoke_last == "server"
                spoke_last = who
                if who == "server" and self.cut_at is not None and self.cut_at in data:
                    break
                if not self.lost:
                    target.write(data)
                    await target.drain()

        both = [asyncio.create_task(relay(reader, back, "client")), asyncio.create_task(relay(there, writer, "server"))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            for end in (writer, back):
                end.close()
            await asyncio.gather(*both, writer.wait_closed(), back.wait_closed(), return_exceptions=True)
            self._serving.discard(serving)

    async def stop(self) -> None:
        """End every connection."""
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def counting_proxy(url: str) -> AsyncIterator[CountingProxy]:
    """A proxy in front of the server of ``url``, on a port of its own."""
    proxy = CountingProxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.stop()
        await server.wait_closed()
