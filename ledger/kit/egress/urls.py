"""The one parser of URLs that users give: to what is called, or to a refusal. Pure.

Nothing else reads such a URL, so there is no second reading to disagree with: what is judged here is what is resolved,
put into ``Host`` and SNI, and called. Only names are not judged here; they are where they lead to, which `judge` says
once they are resolved, for all of their addresses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ledger.errors import UrlRefused
from ledger.kit.egress.addresses import Address, refused
from ledger.kit.egress.allow import AllowList
from ledger.kit.egress.hosts import HostError, host_of, port_of

URL_CHARACTERS_MAX: Final = 2_048
PORTS: Final = (443, 8443)
"""Where receivers that no list names may listen."""

_SHOWN_END: Final = 4
_LONG: Final = 20
"""Characters of a path, and of its end that is shown then."""

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(#.*)?", re.ASCII)
_AUTHORITY: Final = re.compile(r"(\[[^]]*\]|[^:]*)(?::(.*))?")
_BREAKING: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_LOCAL: Final = re.compile(r"[^.]+|(?:.*\.)?(?:localhost|local|localdomain|internal|home\.arpa|onion|invalid)")
"""Names that never lead to a public receiver; one without a dot is completed by the resolver's search list."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be called, once what its name leads to has been judged.

    Attributes:
        scheme: ``https`` or ``http``.
        host: in its one spelling: a name of A-labels, or an address without brackets.
        port: 1 to 65535.
        path: with the query, as it goes into the request; often a secret, so not in the repr.
        address: what the host is, where it is an address and no name.
    """

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    address: Address | None

    @property
    def authority(self) -> str:
        """Host and port as the header ``Host`` has them: the port only where it is not the scheme's own."""
        return self.host_and_port if self.port != _DEFAULT_PORTS[self.scheme] else self._bracketed

    @property
    def host_and_port(self) -> str:
        """Host and port, both always there."""
        return f"{self._bracketed}:{self.port}"

    @property
    def origin(self) -> str:
        """The URL without what may be secret in it: fit to be logged and shown."""
        return f"{self.scheme}://{self.authority}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse(text: str, allow: AllowList) -> Target:
    """What this URL calls. An address in it is judged; a name is by `judge`, once it is resolved.

    Raises:
        UrlRefused: with a ``reason``: ``too_long``, ``characters``, ``not_a_url``, ``scheme``, ``fragment``,
            ``userinfo``, ``no_host``, ``host``, ``address_spelling``, ``local_name``, ``port`` or ``address``.
    """
    if len(text) > URL_CHARACTERS_MAX:
        raise UrlRefused(f"the URL has {len(text)} characters, at most {URL_CHARACTERS_MAX} are allowed", "too_long")
    if _BREAKING.search(text):
        raise UrlRefused("the URL contains a space, a control character or a backslash", "characters")
    match = _URL.fullmatch(text)
    if match is None:
        raise UrlRefused("this is not a URL like https://example.com/hooks", "not_a_url")
    scheme, authority, path, fragment = match.groups()
    if not path.isascii():
        raise UrlRefused("the path and query of the URL must be ASCII; encode other characters with %", "characters")
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise UrlRefused(f"the URL begins with {scheme[:20]}://, it must be https://", "scheme")
    if fragment is not None:
        raise UrlRefused("the URL has a fragment (#…), which is never sent", "fragment")
    if "@" in authority:
        raise UrlRefused("the URL has a login before an @, which is not allowed", "userinfo")
    host, address, port = _where(authority, _DEFAULT_PORTS[scheme])
    target = Target(scheme, host, port, path if path.startswith("/") else f"/{path}", address)
    _check(target, allow)
    return target


def judge(target: Target, addresses: Sequence[Address], allow: AllowList) -> None:
    """Make sure that every address that the target's host leads to may be called.

    All must: of a name with a public and a private address it is not ours to choose the right one.

    Raises:
        UrlRefused: ``address``, one may not be called; ``plain_http``, one is public and the URL is not https.
    """
    for address in addresses:
        if not allow.may_call(target.host, address, target.port):
            # Which kind of address it is goes to our log alone: it would tell the user what our DNS knows.
            raise UrlRefused(f"{target.host} is at an address that may not be called", "address")
        if target.scheme == "http" and refused(address) is None:
            raise UrlRefused(f"{target.host} is a public host, which is only called by https", "plain_http")


def masked(url: str) -> str:
    """Of a URL that was parsed its host, and of a long path the end: enough to tell one from another."""
    parts = urlsplit(url)
    rest = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return f"{parts.scheme}://{parts.netloc}/…{rest[-_SHOWN_END:] if len(rest) >= _LONG else ''}"


def _where(authority: str, default: int) -> tuple[str, Address | None, int]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlRefused("the URL has more in its host than a name or an address", "host")
    host, port = match.groups()
    try:
        return *host_of(host), default if port is None else port_of(port)
    except HostError as error:
        raise UrlRefused(f"in the URL, {error.detail}", error.reason) from None


def _check(target: Target, allow: AllowList) -> None:
    listed = allow.names(target.host, target.port)
    if target.address is not None:
        judge(target, [target.address], allow)
        listed = listed or allow.covers(target.address, target.port)
    if listed:
        return
    if target.address is None and _LOCAL.fullmatch(target.host):
        raise UrlRefused(f"{target.host} is not a public name", "local_name")
    if target.scheme != "https":
        raise UrlRefused("the URL must begin with https://", "scheme")
    if target.port not in PORTS:
        raise UrlRefused(f"port {target.port} is not allowed, only {' and '.join(map(str, PORTS))} are", "port")
