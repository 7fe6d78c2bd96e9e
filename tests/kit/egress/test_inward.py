"""Nothing that a user gives leads a call inward: a real listener on this machine counts who comes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ledger.errors import UrlRefused
from ledger.kit.egress import urls
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Limits
from ledger.kit.egress.client import Egress
from ledger.kit.egress.dial import is_own, peer_is
from tests.kit.egress.listening import Names, Server, listening

pytestmark = pytest.mark.anyio

LIMITS = Limits(total_s=2, dns_s=0.5, connect_s=0.5, tls_s=0.5)


@pytest.fixture
async def inward(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """What must not be reached: on every address of loopback, and on a port that any URL may name."""
    async with listening(hosts=("0.0.0.0", "::1")) as server:
        monkeypatch.setattr(urls, "PORTS", (443, server.port))
        yield server


# Each is https and names the listener's port as {p}. Names that are not in NAMES lead to 127.0.0.1.
HOSTILE = """
127.0.0.1:{p} 127.0.0.2:{p} 127.255.255.254:{p} 0.0.0.0:{p} 0.0.0.1:{p} 10.0.0.1:{p} 172.16.0.1:{p} 192.168.0.1:{p}
100.64.0.1:{p} 100.100.100.200:{p} 169.254.169.254:{p} 168.63.129.16:{p} 192.0.0.8:{p} 192.0.2.1:{p} 192.88.99.1:{p}
198.18.0.1:{p} 198.51.100.1:{p} 203.0.113.1:{p} 224.0.0.1:{p} 240.0.0.1:{p} 255.255.255.255:{p}
[::]:{p} [::1]:{p} [0:0:0:0:0:0:0:1]:{p} [::ffff:127.0.0.1]:{p} [::ffff:7f00:1]:{p} [::ffff:0:127.0.0.1]:{p} [::127.0.0.1]:{p}
[64:ff9b::127.0.0.1]:{p} [64:ff9b::a9fe:a9fe]:{p} [64:ff9b:1::7f00:1]:{p} [2002:7f00:1::]:{p} [2001:0:7f00:1::]:{p}
[2001:0:0:0:0:0:80ff:fffe]:{p} [fe80::1]:{p} [fe80::1%25lo]:{p} [::1%25lo]:{p} [::1%lo]:{p} [fec0::1]:{p} [fc00::1]:{p} [fd00:ec2::254]:{p}
[ff02::1]:{p} [2001:db8::1]:{p} [100::1]:{p}
2130706433:{p} 0x7f000001:{p} 0X7F000001:{p} 017700000001:{p} 0177.0.0.1:{p} 0x7f.0.0.1:{p} 0x7f.1:{p} 127.1:{p} 127.0.1:{p} 0:{p}
127.0.0.01:{p} 127.0.0.1.:{p} 127.0.0.1..:{p} 00000127.0.0.1:{p} 1.1.1.1.127.0.0.1:{p} 127.0.0.0x1:{p} 4294967297:{p} 127.0.0.1%00.example.com:{p}
１２７.０.０.１:{p} 127。0。0。1:{p} ①②⑦.⓪.⓪.①:{p} ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p} loca­lhost:{p} %6c%6fcalhost:{p} %31%32%37.0.0.1:{p}
localhost:{p} LOCALHOST:{p} localhost.:{p} a.localhost:{p} localhost.localdomain:{p} ip6-localhost:{p} db:{p} redis.internal:{p} printer.local:{p}
inward.example.com:{p} inward6.example.com:{p} mapped.example.com:{p} nat64.example.com:{p} sixtofour.example.com:{p} metadata.example.com:{p}
mixed.example.com:{p} mixed6.example.com:{p} zero.example.com:{p} 127.0.0.1.nip.example.com:{p} unknown.example.com:{p} bücher.example:{p}
public@127.0.0.1:{p} 127.0.0.1:{p}@example.com example.com@127.0.0.1:{p} example.com:443@127.0.0.1:{p} :@127.0.0.1:{p} @127.0.0.1:{p}
example.com\\@127.0.0.1:{p} 127.0.0.1:{p}\\.example.com 127.0.0.1:{p}#.example.com 127.0.0.1:{p}?.example.com [127.0.0.1]:{p} [::1:{p} ::1:{p}
/127.0.0.1:{p} //127.0.0.1:{p} 127.0.0.1:{p}/%2e%2e/ 127.0.0.1:0{p} 127.0.0.1:{p}:443
""".split()

NAMES = {
    "inward_example_com": ["127.0.0.1"],
    "inward6_example_com": ["::1"],
    "mapped_example_com": ["::ffff:127.0.0.1"],
    "nat64_example_com": ["64:ff9b::7f00:1"],
    "sixtofour_example_com": ["2002:7f00:1::"],
    "metadata_example_com": ["169.254.169.254"],
    "mixed_example_com": ["8.8.8.8", "127.0.0.1"],
    "mixed6_example_com": ["2606:4700::1111", "::1"],
    "zero_example_com": ["0.0.0.0"],
}


def test_the_table_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 100


@pytest.mark.parametrize("rest", HOSTILE)
async def test_no_hostile_url_reaches_a_listener(inward: Server, rest: str) -> None:
    """It is refused, before anything is sent anywhere, and no connection is made."""
    egress = Egress(resolver=Names(**NAMES), limits=LIMITS)
    for scheme in ("https", "http"):
        url = f"{scheme}://{rest.format(p=inward.port)}"
        answer = await egress.send(url, body=b"{}")
        assert "refused" == answer.outcome, answer
        assert answer.reason
        assert not answer.accepted
        with pytest.raises(UrlRefused):
            await egress.check_resolved(url)
    assert 0 == inward.connections


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "inward.example.com"])
async def test_the_listener_is_reached_by_who_is_allowed(inward: Server, host: str) -> None:
    """The control of the table: the same URLs do arrive where an operator lists them."""
    egress = Egress(
        allow=AllowList.read("127.0.0.0/8, ::1, inward.example.com"), resolver=Names(**NAMES), limits=LIMITS
    )
    answer = await egress.send(f"http://{host}:{inward.port}/hooks?a=b", body=b"{}")
    assert ("answered", 200, b"ok", True) == (answer.outcome, answer.status, answer.body, answer.accepted)
    assert 1 == inward.connections


async def test_dns_that_changes_its_mind_changes_nothing(inward: Server) -> None:
    """Public when the URL is set, inward when it is called; and what is resolved once is not resolved again."""
    names = Names(rebinding_example_com=[["8.8.8.8"], ["127.0.0.1"]])
    egress = Egress(resolver=names, limits=LIMITS)
    url = f"https://rebinding.example.com:{inward.port}/"
    assert "rebinding.example.com" == (await egress.check_resolved(url)).host
    answer = await egress.send(url)
    assert ("refused", "address") == (answer.outcome, answer.reason)

    names = Names(rebinding_example_com=[["127.0.0.2"], ["127.0.0.1"]])
    egress = Egress(allow=AllowList.read("127.0.0.2"), resolver=names, limits=LIMITS)
    answer = await egress.send(url)
    assert ("127.0.0.2", 1) == (answer.address, inward.connections), "what was judged is what was called"
    assert ["rebinding.example.com"] == names.asked, "once for a call"
    assert "refused" == (await egress.send(url)).outcome
    assert 1 == inward.connections


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(inward: Server, status: int) -> None:
    location = f"http://127.0.0.1:{inward.port}/"

    async def redirects(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} Away\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())

    async with listening(redirects) as server:
        egress = Egress(allow=AllowList.read(f"127.0.0.1:{server.port}"), limits=LIMITS)
        answer = await egress.send(f"http://127.0.0.1:{server.port}/")
    assert ("answered", status, location) == (answer.outcome, answer.status, answer.headers["location"])
    assert not answer.accepted
    assert 0 == inward.connections


async def test_the_environment_names_no_proxy(inward: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{inward.port}")
    async with listening() as server:
        egress = Egress(allow=AllowList.read(f"127.0.0.1:{server.port}"), limits=LIMITS)
        assert (await egress.send(f"http://127.0.0.1:{server.port}/")).accepted
    assert (0, 1) == (inward.connections, server.connections)


async def test_a_refusal_is_logged_without_what_is_secret() -> None:
    """Where it led to is in the log, and neither path, query nor login."""
    egress = Egress(resolver=Names(**NAMES), limits=LIMITS)
    with capture_logs() as logs:
        answer = await egress.send("https://mixed.example.com/services/T0/hunter2?token=hunter2")
        await egress.send("https://user:hunter2@example.com/")
        await egress.send("https://127.0.0.1/hunter2")
    assert {
        "event": "egress.refused",
        "log_level": "warning",
        "host": "mixed.example.com",
        "port": 443,
        "reason": "address",
        "addresses": {"8.8.8.8": "public", "127.0.0.1": "loopback"},
    } == logs[0]
    assert ["address", "userinfo", "address"] == [line["reason"] for line in logs]
    assert "hunter2" not in repr((logs, answer))
    assert "127.0.0.1" not in answer.detail


HOSTS = st.lists(
    st.sampled_from([*"0123456789abcdefx.:[]%@\\/#?-_ １。ⓛ­", "127", "0x7f", "::ffff:", "localhost"]), max_size=12
)


@given(HOSTS.map("".join))
def test_no_made_up_host_reaches_a_listener(host: str) -> None:
    """Fuzzed, with DNS in which every name leads inward."""

    async def call() -> None:
        async with listening(hosts=("0.0.0.0", "::1")) as inward:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(urls, "PORTS", (inward.port,))
                egress = Egress(resolver=Names(), limits=LIMITS)
                answer = await egress.send(f"https://{host}:{inward.port}/")
            assert (0, "refused") == (inward.connections, answer.outcome), answer

    asyncio.run(call())


def test_the_other_end_is_asked_who_it_is() -> None:
    """A connection that something on the way led elsewhere is not the one that was judged."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        assert peer_is(connection, ip_address("127.0.0.1"))
        assert peer_is(connection, ip_address("::ffff:127.0.0.1"))
        assert not peer_is(connection, ip_address("127.0.0.2"))
        assert not peer_is(connection, ip_address("8.8.8.8"))


OWN = """
import asyncio
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Limits
from ledger.kit.egress.client import Egress
from tests.kit.egress.listening import Names, listening

async def main() -> None:
    async with listening(hosts=("8.8.4.4",), port=8443) as server:
        dns = Names(example_com=["8.8.4.4"])
        answer = await Egress(resolver=dns).send("https://example.com:8443/")
        print(answer.outcome, answer.reason, server.connections)
        egress = Egress(resolver=dns, allow=AllowList.read("8.8.4.4"), limits=Limits(tls_s=0.5))
        answer = await egress.send("https://example.com:8443/")
        print(answer.outcome, answer.address, server.connections)
    async with listening(hosts=("64:ff9b::808:404",), port=8443) as server:
        answer = await egress.send("https://[64:ff9b::8.8.4.4]:8443/")
        print(answer.outcome, answer.address, server.connections)

asyncio.run(main())
"""
IN_A_NETWORK_OF_ITS_OWN = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]


def _can_unshare() -> bool:
    try:
        made = subprocess.run(
            [*IN_A_NETWORK_OF_ITS_OWN, "ip addr add 64:ff9b::808:404/128 dev lo"], capture_output=True
        )
    except FileNotFoundError:
        return False
    return made.returncode == 0


@pytest.mark.skipif(not _can_unshare(), reason="needs user and network namespaces, and iproute2")
def test_a_machines_own_public_address_is_inward() -> None:
    """What listens on it trusts what comes from it. In a network namespace where 8.8.4.4 is this machine's.

    What is listed is called, and an address of NAT64 is called as it is.
    """
    script = 'ip link set lo up && ip addr add 8.8.4.4/32 dev lo && ip addr add 64:ff9b::808:404/128 dev lo && exec "$0" -c "$1"'
    told = subprocess.run(
        [*IN_A_NETWORK_OF_ITS_OWN, script, sys.executable, OWN],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    lines = [line for line in told.stdout.splitlines() if "[warning" not in line]
    assert ["refused address 0", "tls 8.8.4.4 1", "tls 64:ff9b::808:404 1"] == lines, told.stderr


def test_only_a_machines_own_addresses_are_its_own() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("8.8.8.8"))
