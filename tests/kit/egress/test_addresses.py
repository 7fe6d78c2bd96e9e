"""Which addresses may be called: each refused block to its edges, and its public neighbours."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.kit.egress.addresses import REFUSED_V4, REFUSED_V6, Address, called, read, refused, unwrapped

WRAPPED = ["::ffff:{}", "64:ff9b::{}"]


@pytest.mark.parametrize("block", REFUSED_V4)
def test_a_block_of_ipv4_is_refused_to_its_edges(block: str) -> None:
    """First and last address, as they are and within IPv6."""
    network = IPv4Network(block)
    for address in (network[0], network[-1]):
        assert refused(address) == REFUSED_V4[block]
        for wrapping in WRAPPED:
            assert refused(IPv6Address(wrapping.format(address))) == REFUSED_V4[block], wrapping


@pytest.mark.parametrize("block", REFUSED_V6)
def test_a_block_of_ipv6_is_refused_to_its_edges(block: str) -> None:
    network = IPv6Network(block)
    assert {refused(network[0]), refused(network[-1])} <= {*REFUSED_V6.values()}


PUBLIC_NEIGHBOURS = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0
192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
223.255.255.255 8.8.8.8 2000:: 2000:ffff::1 2001:200:: 2001:db7:ffff:ffff::1 2001:db9:: 2001:ffff:ffff::1 2003::
3ffe:ffff:ffff::1 3fff:1000:: 3fff:ffff::1 2606:4700::1111 64:ff9b::8.8.8.8 ::ffff:8.8.8.8
""".split()


@pytest.mark.parametrize("address", PUBLIC_NEIGHBOURS)
def test_the_neighbours_of_refused_blocks_are_allowed(address: str) -> None:
    """Just outside: a block that is too wide would cut off receivers."""
    assert refused(ip_address(address)) is None


INWARD = """
0.0.0.0 0.1.2.3 10.1.2.3 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16 169.254.169.254 172.31.255.255
192.0.0.8 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::808:808 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
64:ff9b:1::808:808 64:ff9b:1:7f00:0:100:: 100::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:808:808:: 3fff::1 4000::1 5f00::1 8000::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 febf::1 fec0::1
feff::1 ff02::1 ff0e::1 1fff:ffff::1 2606:4700::1111%eth0
""".split()


@pytest.mark.parametrize("address", INWARD)
def test_what_is_not_public_is_refused(address: str) -> None:
    """Among them what Python calls global: multicast, NAT64 and 6to4 of private addresses, site-local ones."""
    assert refused(ip_address(address)) is not None


def addresses() -> st.SearchStrategy[Address]:
    """Anywhere, and near the edges of blocks."""
    near = st.sampled_from([*map(IPv4Network, REFUSED_V4), *map(IPv6Network, REFUSED_V6)]).flatmap(
        lambda network: st.integers(-300, 300).map(lambda step: _moved(network, step))
    )
    return st.one_of(st.ip_addresses(), near)


def _moved(network: IPv4Network | IPv6Network, step: int) -> Address:
    edge = int(network[0] if step < 0 else network[-1]) + step
    highest = 2**network.max_prefixlen - 1
    return type(network[0])(min(max(edge, 0), highest))


@given(addresses())
def test_what_is_allowed_is_global_to_python_too(address: Address) -> None:
    """A second judge, whose table is another's: ours only ever refuses more."""
    if refused(address) is None:
        assert unwrapped(address).is_global
        assert not unwrapped(address).is_multicast


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_changes_nothing(address: IPv4Address) -> None:
    for wrapping in WRAPPED:
        wrapped = IPv6Address(wrapping.format(address))
        assert address == unwrapped(wrapped)
        assert refused(address) == refused(wrapped)


def test_an_address_is_called_as_it_is_but_for_mapped_ones() -> None:
    """A host with IPv6 alone reaches IPv4 by NAT64's address, and by nothing else."""
    for text in ("8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"):
        assert ip_address(text) == called(ip_address(text))
    assert ip_address("8.8.8.8") == called(ip_address("::ffff:8.8.8.8"))


@pytest.mark.parametrize(
    "text",
    "2130706433 0x7f000001 017700000001 0177.0.0.1 127.1 127.0.1 0x7f.0.0.1 127.0.0.01 1.2.3.4.5 256.0.0.1 ١٢٧.0.0.1 "
    "fe80::1%eth0 [::1] 1.2.3 ::1/128 1.2.3.4/32".split(),
)
def test_other_spellings_are_no_addresses(text: str) -> None:
    assert read(text) is None
