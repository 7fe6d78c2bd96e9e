"""An operator's proxy: tunnels to addresses that were judged here, and nothing inward by it."""

import asyncio
from base64 import b64encode
from functools import partial
from pathlib import Path

import pytest

from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Answer, Limits
from ledger.kit.egress.client import Egress
from ledger.kit.egress.proxy import Proxy
from ledger.webhooks.deliveries.send import reply_of
from tests.kit.egress.listening import Behaviour, Names, listening
from tests.kit.egress.pki import Authority
from tests.kit.egress.zoo import ZOO, head, keeps_saying, silent

pytestmark = pytest.mark.anyio

LIMITS = Limits(total_s=1, dns_s=0.2, connect_s=0.2, tls_s=0.5)
NAMES = {"receiver_example": ["8.8.4.4"], "proxy_example": ["127.0.0.1"], "inward_example": ["10.0.0.1"]}


async def tunnel(asked: list[bytes], to: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy whose world is a port of this machine."""
    asked.append(await reader.readuntil(b"\r\n\r\n"))
    there, back = await asyncio.open_connection("127.0.0.1", to)
    try:
        writer.write(head(200))
        await asyncio.gather(_copy(reader, back), _copy(there, writer))
    finally:
        back.transport.abort()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(4096):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()


async def by_proxy(
    behaviour: Behaviour, url: str = "https://receiver.example/", **more: str | None
) -> tuple[Answer, int]:
    """A call by a proxy of this behaviour, and how often that was connected to."""
    async with listening(behaviour) as proxy:
        login = more.get("login") or ""
        egress = Egress(
            proxy=Proxy.read(f"http://{login}proxy.example:{proxy.port}"),
            resolver=Names(**NAMES),
            limits=LIMITS,
            ca_file=more.get("ca_file"),
        )
        return await egress.send(url, body=b"{}"), proxy.connections


async def test_a_public_receiver_is_called_by_the_proxy(tmp_path: Path) -> None:
    """The tunnel is to the address that was judged: the proxy resolves nothing. TLS is from end to end."""
    authority, asked = Authority(tmp_path), list[bytes]()
    async with listening(tls=authority.server("receiver.example")) as receiver:
        answer, _ = await by_proxy(partial(tunnel, asked, receiver.port), login="us%40er:pass@", ca_file=authority.file)
    assert ("answered", 200, b"ok", "8.8.4.4") == (answer.outcome, answer.status, answer.body, answer.address)
    assert ["receiver.example"] == receiver.server_names
    login = b64encode(b"us@er:pass").decode()
    assert [
        f"CONNECT 8.8.4.4:443 HTTP/1.1\r\nHost: 8.8.4.4:443\r\nProxy-Authorization: Basic {login}\r\n\r\n".encode()
    ] == asked


async def test_nothing_inward_is_asked_of_the_proxy() -> None:
    for url in ("https://inward.example/", "https://127.0.0.1/", "https://[64:ff9b::7f00:1]/", "https://localhost/"):
        answer, connections = await by_proxy(silent, url)
        assert ("refused", 0) == (answer.outcome, connections)


async def test_a_listed_receiver_that_is_private_is_called_directly() -> None:
    async with listening() as receiver, listening(silent) as proxy:
        egress = Egress(
            allow=AllowList.read("127.0.0.1"), proxy=Proxy.read(f"http://127.0.0.1:{proxy.port}"), limits=LIMITS
        )
        assert (await egress.send(f"http://127.0.0.1:{receiver.port}/")).accepted
    assert (1, 0) == (receiver.connections, proxy.connections)


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (keeps_saying(b"", each=b"a" * 100), "proxy"),
        (silent, "timeout"),
        (ZOO["hangs up"].behaviour, "proxy"),
        (ZOO["resets"].behaviour, "proxy"),
    ],
    ids=["never ends its head", "silent", "hangs up", "resets"],
)
async def test_a_proxy_that_does_not_connect_us(behaviour: Behaviour, outcome: str) -> None:
    answer, _ = await by_proxy(behaviour)
    assert outcome == answer.outcome
    assert answer.took_s < LIMITS.total_s + 5, "far less than it is silent for"


@pytest.mark.parametrize(
    "says",
    [head(407), head(403), b"SSH-2.0-x\r\n\r\n", head(200) + b"more", b"a" * 99_999, b"HTTP/1.1\r\n\r\n"],
    ids=["407", "403", "no HTTP", "speaks first", "endless", "no status"],
)
async def test_a_proxy_that_says_no_or_nonsense(says: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(says)
        await asyncio.sleep(5)

    answer, _ = await by_proxy(behave)
    assert ("proxy", None) == (answer.outcome, answer.status)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_cannot_reach_the_receiver(status: int) -> None:
    """It is there and says so: the receiver is at fault, and is not waited for as the proxy would be."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head(status))
        await asyncio.sleep(5)

    answer, _ = await by_proxy(behave)
    assert ("connect", None) == (answer.outcome, answer.status)


async def test_a_proxy_that_is_not_there() -> None:
    async with listening() as gone:
        pass
    egress = Egress(proxy=Proxy.read(f"http://127.0.0.1:{gone.port}"), resolver=Names(**NAMES), limits=LIMITS)
    assert "proxy" == (await egress.send("https://receiver.example/")).outcome


def test_a_proxys_address_is_read_whole_or_not_at_all() -> None:
    assert Proxy("::1", 3128) == Proxy.read("http://[::1]:3128/")
    assert "secret" not in repr(Proxy.read("http://user:secret@proxy:3128"))
    for text in (
        "https://proxy:3128",
        "proxy:3128",
        "http://proxy",
        "http://:3128",
        "http://proxy:3128/path",
        "http://proxy:0",
    ):
        with pytest.raises(ValueError, match="proxy"):
            Proxy.read(text)


async def test_what_a_proxy_says_can_be_kept() -> None:
    """What a text of the database cannot have is not in it: one such reply would keep those of others unwritten."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 \0\xff\0\r\n\r\n")
        await asyncio.sleep(5)

    answer, _ = await by_proxy(behave)
    assert "proxy" == answer.outcome
    assert "\0" not in reply_of(answer)
