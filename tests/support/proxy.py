"""TCP relays in front of a server: one that counts round trips as the network sees them, one that breaks them."""

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit

PORTS = {"postgresql": 5432, "redis": 6379, "http": 80}


@dataclass(eq=False)
class Link:
    """One connection through the proxy. ``abandoned``: its ends will never hear of each other again."""

    task: "asyncio.Task[None]"
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    spoke_last: str = "server"
    abandoned: bool = False


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
        self.links: set[Link] = set()

    @property
    def url(self) -> str:
        """The same server, by way of the proxy."""
        login, at, _ = self._url.netloc.rpartition("@")
        return urlunsplit(self._url._replace(netloc=f"{login}{at}127.0.0.1:{self.port}", query=""))

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self._url.port or PORTS[self._url.scheme]
        directory = parse_qs(self._url.query).get("host")
        if directory:
            return await asyncio.open_unix_connection(f"{directory[0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._url.hostname, port)

    async def pass_on(self, link: Link, who: str, data: bytes, target: asyncio.StreamWriter) -> bool:
        """Give ``data`` that ``who`` said to the other side; False cuts the connection instead."""
        self.trips += who == "client" and link.spoke_last == "server"
        link.spoke_last = who
        if who == "server" and self.cut_at is not None and self.cut_at in data:
            return False
        if not self.lost:
            target.write(data)
            await target.drain()
        return True

    async def may_open(self) -> None:
        """Wait until a new connection may be passed on."""

    async def may_close(self, link: Link) -> None:
        """Wait until one side may hear that the other has closed."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection until a side ends it or it is cut."""
        serving = asyncio.current_task()
        assert serving is not None
        link = Link(serving, [writer])
        self.links.add(link)
        both: list[asyncio.Task[None]] = []
        try:
            await self.may_open()
            there, back = await self._upstream()
            link.writers.append(back)
            both = [
                asyncio.create_task(self._relay(link, "client", reader, back)),
                asyncio.create_task(self._relay(link, "server", there, writer)),
            ]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await self.may_close(link)
        except (OSError, asyncio.CancelledError):
            pass  # the server is not there, which the client finds out as it would without us; or we cut it
        finally:
            for task in both:
                task.cancel()
            for end in link.writers:
                end.close()
            await asyncio.gather(*both, *(end.wait_closed() for end in link.writers), return_exceptions=True)
            self.links.discard(link)

    async def _relay(self, link: Link, who: str, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if not await self.pass_on(link, who, data, target):
                return

    async def stop(self) -> None:
        """End every connection."""
        serving = [link.task for link in self.links]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


class ChaosProxy(CountingProxy):
    """Breaks what it relays, in a thread and loop of its own, so that any test may say how, from anywhere.

    ``delay_s``: held back that long in each direction. ``drip``: one byte at a time. ``cut_at``: see CountingProxy;
    ``cuts`` counts how often it did. ``freeze``: nothing passes, not even an end, until ``heal``. ``abandon``: so for
    ever, for the connections there are; new ones pass. ``cut`` and ``reset`` end the connections there are.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.delay_s = 0.0
        self.drip = False
        self.cuts = 0
        self._loop = asyncio.new_event_loop()
        self._ended: asyncio.Event
        self._open: asyncio.Event
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="chaos proxy", daemon=True)
        self._thread.start()
        ready.result(timeout=10)

    def freeze(self) -> None:
        """Pass nothing on until healed: then all that was held arrives, as on a network that came back."""
        self._there(self._open.clear)

    def abandon(self) -> None:
        """Leave both ends of every connection without another word: half-open. New ones pass."""
        self._there(self._abandon)

    def cut(self) -> None:
        """End every connection in good order (FIN)."""
        self._there(self._cut)

    def reset(self) -> None:
        """End every connection at once (RST)."""
        self._there(self._reset)

    def heal(self) -> None:
        """Be a good network again; connections that were abandoned end now."""
        self.delay_s, self.drip, self.cut_at = 0.0, False, None
        self._there(self._heal)

    def close(self) -> None:
        """End it, with its thread."""
        self.heal()
        self._there(self._ended.set)
        self._thread.join(timeout=10)

    async def pass_on(self, link: Link, who: str, data: bytes, target: asyncio.StreamWriter) -> bool:
        if who == "server" and self.cut_at is not None and self.cut_at in data:
            self.cuts += 1
            return False
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._open.wait()
        if link.abandoned:
            return True
        for part in (data[at : at + 1] for at in range(len(data))) if self.drip else (data,):
            target.write(part)
            await target.drain()
        return True

    async def may_open(self) -> None:
        await self._open.wait()

    async def may_close(self, link: Link) -> None:
        await self._open.wait()
        if link.abandoned:
            await asyncio.Event().wait()  # until it is cancelled

    def _run(self, ready: "Future[None]") -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: "Future[None]") -> None:
        self._ended, self._open = asyncio.Event(), asyncio.Event()
        self._open.set()
        async with _listening(self):
            ready.set_result(None)
            await self._ended.wait()

    def _there(self, work: Callable[[], None]) -> None:
        done: Future[None] = Future()

        def do() -> None:
            work()
            done.set_result(None)

        self._loop.call_soon_threadsafe(do)
        done.result(timeout=10)

    def _abandon(self) -> None:
        for link in self.links:
            link.abandoned = True

    def _heal(self) -> None:
        for link in self.links:
            if link.abandoned:
                link.abandoned = False
                link.task.cancel()
        self._open.set()

    def _cut(self) -> None:
        for link in self.links:
            link.task.cancel()

    def _reset(self) -> None:
        for link in self.links:
            for end in link.writers:
                with suppress(OSError):
                    sock = end.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.task.cancel()


@asynccontextmanager
async def _listening(proxy: CountingProxy) -> AsyncIterator[None]:
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        await proxy.stop()
        await server.wait_closed()


@asynccontextmanager
async def counting_proxy(url: str) -> AsyncIterator[CountingProxy]:
    """A proxy in front of the server of ``url``, on a port of its own."""
    proxy = CountingProxy(url)
    async with _listening(proxy):
        yield proxy
