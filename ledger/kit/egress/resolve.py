"""From a name to all of its addresses, off the event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

from ledger.kit.egress.addresses import Address
from ledger.kit.egress.answer import Failure

Resolver = Callable[[str], Awaitable[list[Address]]]
"""From a host's name to its addresses; an `OSError` where there are none."""

THREADS_MAX: Final = 32


class SystemResolver:
    """The system's own, with its hosts file.

    A lookup cannot be called off, only left behind, so lookups have threads of their own: names whose servers never
    answer hold up other names at worst, and nothing else of the process.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="egress-dns")

    async def __call__(self, host: str) -> list[Address]:
        """All addresses, in the order in which the system would try them."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Take no more lookups, and wait for none."""
        self._threads.shutdown(wait=False, cancel_futures=True)


async def resolved(resolver: Resolver, host: str, limit_s: float) -> list[Address]:
    """All addresses of this host: at least one.

    Raises:
        Failure: ``dns``.
    """
    try:
        async with asyncio.timeout(limit_s):
            addresses = await resolver(host)
    except TimeoutError:
        raise Failure("dns", f"the name {host} was not resolved within {limit_s:g} seconds") from None
    except OSError:
        addresses = []
    if not addresses:
        raise Failure("dns", f"the name {host} has no address")
    return addresses


def _look_up(host: str) -> list[Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [ip_address(str(address[0])) for *_, address in found]
