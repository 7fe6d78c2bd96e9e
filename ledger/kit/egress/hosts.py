"""A host and a port as someone gave them, to the one spelling that is judged, resolved and called. Pure.

What two readers could read differently is refused rather than mended: other spellings of IPv4 addresses, percent
signs, zones. What has one meaning by a standard is brought to it: letters to lower case, international names to
their A-labels (UTS 46), one trailing dot away.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

import idna

from ledger.kit.egress.addresses import Address, read

HOST_CHARACTERS_MAX: Final = 253

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


class HostError(ValueError):
    """This is no host or port. ``reason`` is a word for programs, ``detail`` a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def host_of(text: str) -> tuple[str, Address | None]:
    """The host in its one spelling, and the address that it is, if it is one.

    Raises:
        HostError: ``no_host``, ``host`` (not a name, or not an address in brackets) or ``address_spelling`` (a number
            that some take for an IPv4 address).
    """
    if text.startswith("["):
        address = read(text[1:-1]) if text.endswith("]") else None
        if not isinstance(address, IPv6Address):
            raise HostError("host", "what stands in brackets must be an IPv6 address without a zone")
        return str(address), address
    name = _ascii(text).lower().removesuffix(".")
    if not name:
        raise HostError("no_host", "there is no host")
    labels = name.split(".")
    if len(name) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise HostError("host", "the host is not a name that DNS can have")
    if not _NUMBER.fullmatch(labels[-1]):
        return name, None
    address = read(name)
    if address is None:
        raise HostError("address_spelling", "an IPv4 address must be four decimal numbers without leading zeros")
    return name, address


def port_of(text: str) -> int:
    """The port that these digits are, 1 to 65535.

    Raises:
        HostError: ``port``, they are none.
    """
    if not _PORT.fullmatch(text) or int(text) > 65_535:
        raise HostError("port", "the port must be a number from 1 to 65535")
    return int(text)


def _ascii(text: str) -> str:
    if text.isascii() and "xn--" not in text.lower():
        return text
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:  # IDNAError is one
        raise HostError("host", "the host is not a valid international name") from None
