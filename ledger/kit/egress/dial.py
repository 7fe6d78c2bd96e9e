"""A connected socket to an address that was checked, and to no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

from ledger.kit.egress.addresses import Address, called
from ledger.kit.egress.answer import Failure
from ledger.kit.egress.proxy import Proxy

TRIED_MAX: Final = 4
PROXY_HEAD_BYTES_MAX: Final = 16 * 1024
_ANY_PORT: Final = 9
_NOT_REACHED: Final = (b"502", b"503", b"504")
"""What a proxy answers where nobody listens: who took that for a fault of the proxy's would wait for ever."""


async def connected(addresses: Sequence[Address], port: int, limit_s: float) -> tuple[socket.socket, Address]:
    """A connection to the first of these addresses that takes one, and which it was.

    Raises:
        Failure: ``connect``: none of them did within the limit.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    tried = addresses[:TRIED_MAX]
    for position, address in enumerate(tried):
        # A fair share of the time that is left: a first address that is silent does not use up the second's.
        share = (deadline - loop.time()) / (len(tried) - position)
        with suppress(OSError):  # TimeoutError is one
            return await _connected(address, port, share), address
    raise Failure("connect", f"no connection to port {port} within {limit_s:g} seconds, or it was turned down")


async def tunnelled(proxy: Proxy, through: socket.socket, address: Address, port: int) -> None:
    """Make this connection to the proxy one to the address.

    Raises:
        Failure: ``proxy``; ``connect``: the proxy is in order, and could not connect either.
    """
    loop = asyncio.get_running_loop()
    head = b""
    try:
        await loop.sock_sendall(through, proxy.ask(address, port))
        while not head.endswith(b"\r\n\r\n"):
            # Byte by byte would be exact; but nobody speaks in a tunnel before we do, so what follows is an error.
            received = await loop.sock_recv(through, PROXY_HEAD_BYTES_MAX + 1 - len(head))
            head += received
            if not received or len(head) > PROXY_HEAD_BYTES_MAX or b"\r\n\r\n" in head[:-4]:
                raise Failure("proxy", "the proxy's answer is not one")
    except OSError:
        raise Failure("proxy", "the connection to the proxy broke") from None
    version, _, rest = head.partition(b" ")
    if version.startswith(b"HTTP/1.") and rest[:3] in _NOT_REACHED:
        raise Failure("connect", f"the proxy could not connect to port {port}")
    if not version.startswith(b"HTTP/1.") or not rest.startswith(b"2"):
        raise Failure("proxy", f"the proxy answered {rest[:3].decode('ascii', 'replace')}")


def is_own(address: Address) -> bool:
    """Whether this machine has this address itself, public as it may be: what listens here trusts what comes from here.

    Asks for the route to it, without sending anything: only to itself does a machine go from the same address.
    """
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), _ANY_PORT))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False  # no route: nor is there one to connect by


def peer_is(connection: socket.socket, address: Address) -> bool:
    """Whether the other end of this connection is this address. Raises Failure: it was reset already."""
    try:
        peer = connection.getpeername()[0]
    except OSError:
        raise Failure("reset", "the connection was reset as soon as it was there") from None
    return called(ip_address(peer)) == called(address)


async def _connected(address: Address, port: int, limit_s: float) -> socket.socket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(limit_s):
            await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection
