"""The receivers that an operator allows beyond what is public: networks and hosts, each with or without a port. Pure.

    10.20.0.0/16            any address there, on any port, however it is named
    [fd00::7]:8080          one address, one port
    hooks.internal:8080     what this name leads to, where that is a private, shared or loopback address

A network is allowed as it stands. A name is allowed less: whoever can change its DNS must not reach a cloud's
metadata or a multicast group by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_network

from ledger.kit.egress.addresses import PRIVATE_KINDS, Address, Network, refused, unwrapped
from ledger.kit.egress.hosts import HostError, host_of, port_of

_BLOCK = re.compile(r"(?:\[([^]]+)\]|([^:\[\]]+))(?::([^:]*))?")


@dataclass(frozen=True, slots=True)
class AllowList:
    """What is allowed. An entry without a port is for every port."""

    networks: tuple[tuple[Network, int | None], ...] = ()
    hosts: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def read(cls, text: str) -> AllowList:
        """The list that this text is, with commas between its entries.

        Raises:
            ValueError: an entry is neither a network, an address nor a host; the message names it and says why.
        """
        networks: list[tuple[Network, int | None]] = []
        hosts: set[tuple[str, int | None]] = set()
        for entry in filter(None, (part.strip() for part in text.split(","))):
            where, port = _entry(entry)
            if isinstance(where, str):
                hosts.add((where, port))
            else:
                networks.append((where, port))
        return cls(tuple(networks), frozenset(hosts))

    def names(self, host: str, port: int) -> bool:
        """Whether this host stands in the list by its name."""
        return (host, port) in self.hosts or (host, None) in self.hosts

    def covers(self, address: Address, port: int) -> bool:
        """Whether this address is in one of the list's networks."""
        inner = unwrapped(address)
        return any(inner in network and only in (None, port) for network, only in self.networks)

    def may_call(self, host: str, address: Address, port: int) -> bool:
        """Whether a call of this host may go to this address: it is public, or the list allows it."""
        kind = refused(address)
        return kind is None or self.covers(address, port) or (kind in PRIVATE_KINDS and self.names(host, port))


def _entry(text: str) -> tuple[Network | str, int | None]:
    if "/" in text or (text.count(":") > 1 and "[" not in text):
        return _network(text), None
    match = _BLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is neither a network, an address nor a host, with or without a port")
    inner, host, port = match.groups()
    try:
        name, address = host_of(f"[{inner}]" if inner else host)
        only = None if port is None else port_of(port)
    except HostError as error:
        raise ValueError(f"{text!r}: {error.detail}") from None
    return (name if address is None else ip_network(address)), only


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: {error}") from None
