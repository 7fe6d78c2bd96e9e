"""Whatever a receiver does, a call of it ends in time, with the right outcome, and takes little memory."""

import asyncio
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Answer, Failure, Limits
from ledger.kit.egress.client import Egress
from ledger.kit.egress.dial import peer_is
from tests.kit.egress.listening import OK, Behaviour, Names, answers, listening, taken
from tests.kit.egress.pki import Authority
from tests.kit.egress.zoo import BOMB, ZOO, Kind, head, silent
from tests.support.waiting import EARLY_S, until

pytestmark = pytest.mark.anyio

LIMITS = Limits()
"""For calls that end by themselves: no machine has so much to do that these end them."""
SHORT = Limits(total_s=0.5, dns_s=0.2, connect_s=0.2, tls_s=0.2)
"""For calls that only a limit ends."""
SLACK_S = 5.0
"""What a machine with much to do may add: far less than a receiver is silent for."""
LARGE_BODY = bytes(4 * 1024 * 1024)
"""More than the sockets of both sides hold."""

LOCAL = AllowList.read("127.0.0.0/8, ::1, receiver.example")


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops that a process may run on: they are different in how connections end."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def called(behaviour: Behaviour, *, body: bytes = b"{}", limits: Limits = LIMITS) -> Answer:
    """A call of a receiver with this behaviour."""
    async with leaving_nothing_open(), listening(behaviour) as server:
        return await Egress(allow=LOCAL, limits=limits).send(f"http://127.0.0.1:{server.port}/", body=body)


def ended_by(limit_s: float, answer: Answer) -> bool:
    """It took what the limit says, give or take what a timer and a machine with much to do make of it."""
    return limit_s - EARLY_S <= answer.took_s < limit_s + SLACK_S


def limits_for(expected: Kind) -> Limits:
    return SHORT if expected.outcome == "timeout" else LIMITS


@asynccontextmanager
async def leaving_nothing_open() -> AsyncIterator[None]:
    """No socket of the block is left after it."""
    before = sockets()
    yield
    await asyncio.to_thread(until, lambda: sockets() <= before, "all sockets are closed", patience_s=3)


def sockets() -> int:
    """How many this process has open."""
    files = Path("/proc/self/fd").iterdir()
    return sum(str(file.readlink()).startswith("socket:") for file in files if file.is_symlink())


@pytest.mark.parametrize("kind", ZOO)
async def test_a_call_of_each_kind_of_receiver_ends_as_it_should(kind: str) -> None:
    """Outcome, status, and at most the first kB of the body."""
    body = LARGE_BODY if kind in ("never reads", "answers before it reads") else b"{}"
    expected = ZOO[kind]
    answer = await called(expected.behaviour, body=body, limits=limits_for(expected))
    assert (expected.outcome, expected.status, expected.whole) == (answer.outcome, answer.status, answer.whole), answer
    assert len(answer.body) <= LIMITS.kept_bytes
    assert answer.accepted == (answer.outcome == "answered" and answer.status in (200, 204))
    assert answer.outcome != "timeout" or ended_by(SHORT.total_s, answer), "by the limit, and by nothing before it"


@pytest.mark.parametrize("kind", [kind for kind in ZOO if "endless" in kind or "gzip" in kind or "GB" in kind])
async def test_memory_is_bounded(kind: str) -> None:
    """Far below what would be read, or inflated: 64 MB and more."""
    await called(ZOO[kind].behaviour)  # what is made once
    tracemalloc.start()
    try:
        await called(ZOO[kind].behaviour)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


async def test_what_is_compressed_stays_so() -> None:
    answer = await called(ZOO["gzip bomb"].behaviour)
    assert BOMB[: LIMITS.kept_bytes] == answer.body


async def test_an_answer_has_the_headers_that_senders_need() -> None:
    """Shortened, and the first where there are several."""
    lines = ["Retry-After: 120", "retry-after: 5", "Set-Cookie: a=b", "Content-Type: text/plain; x=" + "a" * 999]
    answer = await called(lambda r, w: answers(r, w, head(429, *lines, "Content-Length: 0")))
    assert {"retry-after": "120", "content-type": ("text/plain; x=" + "a" * 999)[:256]} == answer.headers


async def test_the_request_is_what_was_given() -> None:
    """And says that nothing is to be compressed, nor kept open."""
    requests: list[bytes] = []

    async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await taken(reader))
        writer.write(OK)

    async with listening(keeps) as server:
        egress = Egress(allow=LOCAL, limits=LIMITS)
        url = f"http://127.0.0.1:{server.port}/a/../b?c=%20"
        answer = await egress.send(url, body=b'{"a": 1}', headers={"webhook-id": "evt_1", "User-Agent": "Ours"})
    assert answer.accepted
    assert [
        f"POST /a/../b?c=%20 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
        "Accept-Encoding: identity\r\nContent-Length: 8\r\nwebhook-id: evt_1\r\nUser-Agent: Ours\r\n\r\n"
        '{"a": 1}'.encode()
    ] == requests


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "a"},
        {"content-length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"X": "a\r\nY: b"},
        {"X\r\n": "a"},
        {"X": "ü"},
    ],
)
async def test_a_header_that_would_break_the_request_is_the_callers_fault(headers: dict[str, str]) -> None:
    async with listening() as server:
        with pytest.raises(ValueError, match=r"header|sent|ascii"):
            await Egress(allow=LOCAL, limits=LIMITS).send(f"http://127.0.0.1:{server.port}/", headers=headers)
    assert 0 == server.connections


async def test_nobody_there() -> None:
    async with listening() as server:
        pass
    answer = await Egress(allow=LOCAL, limits=LIMITS).send(f"http://127.0.0.1:{server.port}/")
    assert ("connect", None) == (answer.outcome, answer.status)


async def test_the_second_address_is_tried_where_the_first_turns_us_down() -> None:
    names = Names(receiver_example=["127.0.0.9", "127.0.0.1"])
    async with listening() as server:
        egress = Egress(allow=LOCAL, limits=LIMITS, resolver=names)
        answer = await egress.send(f"http://receiver.example:{server.port}/")
    assert ("answered", "127.0.0.1") == (answer.outcome, answer.address)


async def test_dns_that_says_nothing_is_left_behind() -> None:
    async def resolver(host: str) -> list[object]:
        await asyncio.sleep(30)
        return []

    answer = await Egress(limits=SHORT, resolver=resolver).send("https://example.com/")  # type: ignore[arg-type]
    assert "dns" == answer.outcome
    assert ended_by(SHORT.dns_s, answer)


async def test_a_name_without_an_address() -> None:
    answer = await Egress(limits=LIMITS, resolver=Names(example_com=[])).send("https://example.com/")
    assert ("dns", None) == (answer.outcome, answer.address)


async def test_the_systems_resolver_finds_what_it_knows_and_leaves_nothing_behind() -> None:
    async with listening() as server:
        egress = Egress(allow=AllowList.read("localhost"), limits=LIMITS)
        assert (await egress.send(f"http://localhost:{server.port}/")).accepted
        egress.close()
    async with asyncio.timeout(5):
        answer = await Egress(limits=Limits(dns_s=3)).send("https://no-such-name.invalid.example/")
    assert "dns" == answer.outcome


async def test_a_call_that_is_called_off_ends_at_once() -> None:
    async with leaving_nothing_open(), listening(silent) as server:
        egress = Egress(allow=LOCAL)
        call = asyncio.create_task(egress.send(f"http://127.0.0.1:{server.port}/"))
        await asyncio.to_thread(until, lambda: server.connections, "it is called")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


@pytest.mark.parametrize("host", ["receiver.example", "127.0.0.1", "[::1]"])
async def test_tls_is_verified_for_the_name_that_was_given(authority: Authority, host: str) -> None:
    """SNI has the name, and the certificate is judged by it, though the connection goes to an address."""
    tls = authority.server("receiver.example", "127.0.0.1", "::1")
    async with listening(tls=tls, hosts=("127.0.0.1", "::1")) as server:
        names = Names(receiver_example=["127.0.0.1"])
        egress = Egress(allow=LOCAL, limits=LIMITS, resolver=names, ca_file=authority.file)
        answer = await egress.send(f"https://{host}:{server.port}/", body=b"{}")
    assert ("answered", b"ok") == (answer.outcome, answer.body)
    assert [host if "r" in host else None] == server.server_names


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("self-signed", "self-signed"),
        ("another name", "mismatch"),
        ("expired", "expired"),
        ("unknown authority", "issuer"),
        ("old", "does not speak TLS"),
        ("plain", "does not speak TLS"),
        ("silent", "no TLS within"),
        ("resets", "does not speak TLS"),
    ],
)
async def test_bad_tls_sends_nothing(authority: Authority, tmp_path: Path, wrong: str, told: str) -> None:
    """Not a byte of the request goes to who cannot show that it is the host."""
    got: list[bytes] = []

    async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(1))
        writer.write(OK)

    tls: ssl.SSLContext | None = authority.server(
        "another.example" if wrong == "another name" else "receiver.example",
        expired=wrong == "expired",
        self_signed=wrong == "self-signed",
    )
    if wrong == "unknown authority":
        tls = Authority(tmp_path).server("receiver.example")
    if wrong == "old":
        assert tls is not None
        tls.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            tls.maximum_version = ssl.TLSVersion.TLSv1_1
    behaviour = {"silent": silent, "resets": ZOO["resets"].behaviour}.get(wrong, keeps)
    if wrong in ("silent", "resets", "plain"):
        tls = None
    async with listening(behaviour, tls=tls) as server:
        names = Names(receiver_example=["127.0.0.1"])
        limits = SHORT if wrong == "silent" else LIMITS
        egress = Egress(allow=LOCAL, limits=limits, resolver=names, ca_file=authority.file)
        answer = await egress.send(f"https://receiver.example:{server.port}/", body=b"{}")
        assert ("tls", None) == (answer.outcome, answer.status), answer
        assert told in answer.detail
    assert [b"\x16"] == got if wrong == "plain" else [] == [data for data in got if data], "a plain one sees our TLS"


@pytest.mark.parametrize("kind", ["slow body", "endless body", "never reads", "resets in the body", "silent", "204"])
async def test_the_limits_hold_within_tls(authority: Authority, kind: str) -> None:
    expected = ZOO[kind]
    tls = authority.server("127.0.0.1")
    async with leaving_nothing_open(), listening(expected.behaviour, tls=tls) as server:
        egress = Egress(allow=LOCAL, limits=limits_for(expected), ca_file=authority.file)
        answer = await egress.send(f"https://127.0.0.1:{server.port}/", body=LARGE_BODY if "never" in kind else b"{}")
        assert (expected.outcome, expected.status) == (answer.outcome, answer.status), answer
        assert answer.outcome != "timeout" or ended_by(SHORT.total_s, answer)


STEPS = st.lists(
    st.one_of(
        st.floats(0, 0.2).map(lambda pause_s: ("pause", pause_s)),
        st.sampled_from(
            [
                OK,
                head(100),
                head(200, "Content-Length: 9"),
                head(302, "Location: /"),
                b"HTTP/1.1 ",
                b"5\r\nabc",
                b"\r\n",
            ]
        ).map(lambda data: ("send", data)),
        st.binary(max_size=99).map(lambda data: ("send", data)),
        st.sampled_from(["hang up", "wait"]).map(lambda end: (end, None)),
    ),
    max_size=9,
)


@given(STEPS)
def test_the_wall_clocks_limit_holds_for_every_receiver(steps: list[tuple[str, object]]) -> None:
    """Made-up ones, of pauses and pieces of answers in any order."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for does, what in steps:
            if does == "pause":
                await asyncio.sleep(float(str(what)))
            elif does == "send":
                assert isinstance(what, bytes)
                writer.write(what)
            elif does == "hang up":
                return
        await asyncio.sleep(30)

    async def call() -> Answer:
        limits = Limits(total_s=0.2)
        async with listening(behave) as server:
            return await Egress(allow=LOCAL, limits=limits).send(f"http://127.0.0.1:{server.port}/", body=b"{}")

    answer = asyncio.run(call())
    assert answer.took_s < 0.2 + SLACK_S
    assert answer.outcome in ("answered", "timeout", "reset", "protocol")


async def test_a_connection_that_is_reset_before_it_is_looked_at() -> None:
    """Between connecting and asking whom we are connected to, whoever is there may be gone again."""
    loose = socket.socket(socket.AF_INET, socket.SOCK_STREAM)  # as one that was reset: it has no other end
    with loose, pytest.raises(Failure) as caught:
        peer_is(loose, ip_address("127.0.0.1"))
    assert "reset" == caught.value.outcome
