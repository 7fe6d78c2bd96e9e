"""Which addresses may be called: public unicast, and nothing else. Pure.

The table is our own: Python's ``is_global`` is also true of multicast, 192.88.99.1, fec0::1 and NAT64 of
169.254.169.254. IPv6 is allowed by what is named (2000::/3), so that what IANA has
not given out yet stays refused; IPv4 is given out, so there the table names what is refused.

An IPv4 address inside an IPv6 one is taken out and judged where such addresses are called in earnest: mapped ones,
and those of NAT64's well-known prefix, by which IPv6-only hosts reach the rest. The other wrappings (6to4, Teredo,
compatible, NAT64 within a site) are refused whatever is in them: no receiver is reached by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

PRIVATE_KINDS: Final = frozenset({"loopback", "private", "shared"})
"""Where a receiver of the operator's own can be. The rest holds no receivers, or holds a cloud's secrets."""

REFUSED_V4: Final[Mapping[str, str]] = {
    "0.0.0.0/8": "this_network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud_metadata",  # Azure's, which looks public and is answered by the host of the machine
    "169.254.0.0/16": "link_local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "transition",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmark",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
REFUSED_V6: Final[Mapping[str, str]] = {
    "::/128": "this_network",
    "::1/128": "loopback",
    "::/96": "transition",  # IPv4-compatible
    "64:ff9b:1::/48": "transition",  # NAT64 within a site
    "fc00::/7": "private",
    "fe80::/10": "link_local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
    "2001::/23": "transition",  # IETF's protocols, Teredo (2001::/32) among them
    "2001:db8::/32": "documentation",
    "2002::/16": "transition",  # 6to4
    "3fff::/20": "documentation",
}
_BLOCKS_V4: Final = tuple((IPv4Network(block), kind) for block, kind in REFUSED_V4.items())
_BLOCKS_V6: Final = tuple((IPv6Network(block), kind) for block, kind in REFUSED_V6.items())
_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def read(text: str) -> Address | None:
    """The address that this text is in its one usual spelling, or None.

    Dotted decimal without leading zeros, or IPv6 without brackets and zone. What else some resolvers take for an
    address (``2130706433``, ``0x7f.1``, ``0177.0.0.1``) is none here.
    """
    try:
        return IPv6Address(text) if ":" in text and "%" not in text else IPv4Address(text)
    except ValueError:
        return None


def unwrapped(address: Address) -> Address:
    """The IPv4 address that is called by this one, where there is one; otherwise the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def called(address: Address) -> Address:
    """The address that a socket is connected to for this one: of a mapped one the IPv4 address.

    One of NAT64 stays what it is: whoever has it has no other way there.
    """
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def refused(address: Address) -> str | None:
    """Why this address may not be called, in one word, or None where it is public."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "link_local"  # a zone only makes sense there
    inner = unwrapped(address)
    if isinstance(inner, IPv4Address):
        return next((kind for network, kind in _BLOCKS_V4 if inner in network), None)
    kind = next((kind for network, kind in _BLOCKS_V6 if inner in network), None)
    return kind or (None if inner in _UNICAST else "reserved")
