"""The proxy that an operator may have calls go by. Pure.

It is asked for tunnels to addresses that were judged here, never to names: what would resolve a name again could be
told something else.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from urllib.parse import unquote, urlsplit

from ledger.kit.egress.addresses import Address


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy that opens tunnels (CONNECT)."""

    host: str
    port: int
    login: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, url: str) -> Proxy:
        """From ``http://host:port`` or ``http://user:password@host:port``.

        Raises:
            ValueError: it is not that.
        """
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port or parts.path not in ("", "/"):
            raise ValueError("not a proxy like http://user:password@host:3128")
        login = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return cls(parts.hostname, parts.port, login)

    def ask(self, address: Address, port: int) -> bytes:
        """The request for a tunnel to this address."""
        where = f"{address}:{port}" if isinstance(address, IPv4Address) else f"[{address}]:{port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if self.login is not None:
            lines.append(f"Proxy-Authorization: Basic {b64encode(self.login.encode()).decode()}")
        return "\r\n".join([*lines, "", ""]).encode("ascii")
