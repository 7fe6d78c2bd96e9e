"""Calls to addresses that users gave: parsed, resolved, judged, pinned, bounded.

    egress = Egress(allow=AllowList.read("hooks.internal:8080"))
    egress.check(url)                                  when somebody sets the URL: raises UrlRefused
    answer = await egress.send(url, body=…, headers=…) each time; raises nothing that a receiver can cause

A call resolves the name once, judges every address that it leads to, connects to one of those and to nothing else, and
asks the socket whom it is connected to before it sends a byte. So DNS that changes its mind changes nothing.

Every call has a connection of its own. Keeping them would need all of this again for each use, and saves little
(docs/concepts/egress.md has figures): what is expensive is the SSL context, which a process makes once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import certifi
import structlog

from ledger.errors import UrlRefused
from ledger.kit.egress.addresses import Address, called, read, refused
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.answer import Answer, Failure, Limits, Outcome
from ledger.kit.egress.dial import TRIED_MAX, connected, is_own, peer_is, tunnelled
from ledger.kit.egress.exchange import READ_BYTES, Reply, exchange, request
from ledger.kit.egress.proxy import Proxy
from ledger.kit.egress.resolve import Resolver, SystemResolver, resolved
from ledger.kit.egress.urls import Target, judge, parse

log = structlog.get_logger(__name__)

SHOWN_MAX: Final = 16
"""Addresses of a name in a line of the log: whoever has its DNS can give it thousands."""

PARSED_MAX: Final = 1_000
"""URLs of which a process remembers how they were read: what the same text says does not change. What a name leads to
does, and is asked each time."""

_LIMITS: Final = Limits()


class Egress:
    """The way out. One for a process; `close` ends it."""

    def __init__(
        self,
        *,
        allow: AllowList | None = None,
        proxy: Proxy | None = None,
        ca_file: str | None = None,
        resolver: Resolver | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        """With what an operator has set.

        Args:
            allow: receivers besides public ones.
            proxy: by which public receivers are called; those that are allowed besides are called directly.
            ca_file: certificates in PEM that are trusted besides the public ones.
            resolver: instead of the system's.
            limits: of each call.

        Raises:
            OSError: ``ca_file`` cannot be read, or is not PEM.
        """
        self._allow = allow or AllowList()
        self._proxy = proxy
        self._trust = trust(ca_file)
        self._system = SystemResolver()
        self._resolver = resolver or self._system
        self._limits = limits
        self._parsed = lru_cache(maxsize=PARSED_MAX)(lambda url: parse(url, self._allow))

    @classmethod
    def read(cls, *, allow: str | None, proxy: str | None, ca_file: str | None) -> Egress:
        """With what an operator has set, as the settings have it.

        Raises:
            ValueError: ``allow`` or ``proxy`` cannot be read.
            OSError: ``ca_file`` cannot be read, or is not PEM.
        """
        return cls(
            allow=AllowList.read(allow or ""), proxy=None if proxy is None else Proxy.read(proxy), ca_file=ca_file
        )

    def check(self, url: str) -> Target:
        """Make sure that a call of this URL can be tried, as far as the URL itself tells.

        Raises:
            UrlRefused: it cannot.
        """
        return self._parsed(url)

    async def check_resolved(self, url: str) -> Target:
        """As `check`, and of all addresses that the name has now.

        Raises:
            UrlRefused: it cannot be called; ``dns``: the name has no address.
        """
        target = self.check(url)
        try:
            await self._addresses(target)
        except Failure as failure:
            raise UrlRefused(failure.detail, failure.outcome) from None
        return target

    async def send(
        self, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST"
    ) -> Answer:
        """Call this URL once. Whatever the receiver does, there is an answer within ``limits.total_s``.

        Raises:
            ValueError: a header cannot be sent; that is the caller's, and nothing was called.
        """
        call = _Call()
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome: Outcome = "answered"
        reason: str | None = None
        try:
            async with asyncio.timeout(self._limits.total_s):
                await self._call(url, method, dict(headers or {}), body, call)
            detail = f"answered {call.reply.status}"
        except UrlRefused as error:
            outcome, detail, reason = "refused", error.detail, error.reason
        except Failure as failure:
            outcome, detail = failure.outcome, failure.detail
        except TimeoutError:
            outcome, detail = "timeout", f"not done within {self._limits.total_s:g} seconds"
        return Answer(
            outcome=outcome,
            detail=detail,
            reason=reason,
            status=call.reply.status,
            headers=call.reply.headers,
            body=bytes(call.reply.body),
            whole=call.reply.whole,
            address=None if call.address is None else str(call.address),
            took_s=loop.time() - began,
        )

    def close(self) -> None:
        """No more calls."""
        self._system.close()

    async def _call(self, url: str, method: str, headers: dict[str, str], body: bytes, call: _Call) -> None:
        try:
            target = self.check(url)
        except UrlRefused as error:
            log.warning(
                "egress.refused", reason=error.reason, detail=error.detail
            )  # never the URL: it may hold a secret
            raise
        head = request(method, target.authority, target.path, headers, body)
        addresses = await self._addresses(target)
        connection = await self._connection(target, addresses, call)
        reader, writer = await self._streams(connection, target)
        try:
            await exchange(reader, writer, head, body, self._limits, call.reply)
        finally:
            writer.transport.abort()  # never waits for the other side

    async def _addresses(self, target: Target) -> Sequence[Address]:
        """All addresses of the target, judged."""
        if target.address is not None:
            addresses = [target.address]
        else:
            addresses = await resolved(self._resolver, target.host, self._limits.dns_s)
        addresses = [called(address) for address in addresses]
        try:
            judge(target, addresses, self._allow)
            self._refuse_own(target, addresses)
        except UrlRefused as error:
            shown = {str(address): refused(address) or "public" for address in addresses[:SHOWN_MAX]}
            log.warning("egress.refused", host=target.host, port=target.port, reason=error.reason, addresses=shown)
            raise
        return addresses

    def _refuse_own(self, target: Target, addresses: Sequence[Address]) -> None:
        for address in addresses[:TRIED_MAX]:
            if refused(address) is None and not self._allow.covers(address, target.port) and is_own(address):
                raise UrlRefused(f"{target.host} is at an address that may not be called", "address")

    async def _connection(self, target: Target, addresses: Sequence[Address], call: _Call) -> socket.socket:
        if self._proxy is None or any(refused(address) for address in addresses):
            connection, call.address = await connected(addresses, target.port, self._limits.connect_s)
            try:
                expected = peer_is(connection, call.address)
            except BaseException:
                connection.close()
                raise
            if not expected:
                connection.close()
                log.error("egress.led_elsewhere", host=target.host, port=target.port, address=str(call.address))
                raise UrlRefused(f"{target.host} was not at the address that was called", "address")
            return connection
        call.address = addresses[0]
        return await self._tunnel(self._proxy, call.address, target.port)

    async def _tunnel(self, proxy: Proxy, address: Address, port: int) -> socket.socket:
        literal = read(proxy.host)
        try:
            places = [literal] if literal else await resolved(self._resolver, proxy.host, self._limits.dns_s)
            connection, _ = await connected(places, proxy.port, self._limits.connect_s)
        except Failure:
            raise Failure("proxy", "the proxy cannot be reached") from None
        try:
            await tunnelled(proxy, connection, address, port)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _streams(
        self, connection: socket.socket, target: Target
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if target.scheme == "http":
            return await asyncio.open_connection(sock=connection, limit=READ_BYTES)
        try:
            async with asyncio.timeout(self._limits.tls_s):
                return await asyncio.open_connection(
                    sock=connection, limit=READ_BYTES, ssl=self._trust, server_hostname=target.host
                )
        except TimeoutError:
            raise Failure("tls", f"no TLS within {self._limits.tls_s:g} seconds") from None
        except ssl.SSLCertVerificationError as error:
            raise Failure("tls", f"the certificate is not trusted: {error.verify_message}") from None
        except (OSError, UnicodeError):
            raise Failure("tls", f"port {target.port} does not speak TLS as we do") from None


class _Call:
    """What is known of a call while it is under way."""

    def __init__(self) -> None:
        self.address: Address | None = None
        self.reply = Reply()


@lru_cache(maxsize=4)
def trust(ca_file: str | None = None) -> ssl.SSLContext:
    """The SSL context of this process: the public roots, and what the file adds. TLS 1.2 or 1.3, and names checked.

    Raises:
        OSError: the file cannot be read, or is not PEM.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
