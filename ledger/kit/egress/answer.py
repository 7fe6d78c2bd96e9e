"""What became of one call, and the bounds of every call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal[
    "answered",  # there is a status, whichever, and as much of the body as is read of any
    "refused",  # the URL, or an address that it leads to, may not be called; nothing was sent
    "dns",  # the name leads nowhere, or its DNS said nothing in time
    "connect",  # nobody listens there, or nobody could be reached in time
    "proxy",  # the operator's proxy did not connect us
    "tls",  # no TLS, or a certificate that is not the host's
    "timeout",  # connected, and not done at the deadline
    "reset",  # the connection ended before the answer did
    "too_large",  # the head of the answer has no end
    "protocol",  # what came is not HTTP/1.1
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much a call may take. Times are of the wall clock, not of a single read."""

    total_s: float = 15.0
    dns_s: float = 5.0
    connect_s: float = 5.0
    tls_s: float = 5.0
    head_bytes: int = 32 * 1024
    body_bytes: int = 64 * 1024
    kept_bytes: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a call ended.

    Attributes:
        outcome: one of `Outcome`.
        detail: a sentence for whoever owns the URL: nothing in it tells of our network.
        reason: of a refusal, the reason of its `UrlRefused`.
        status: of the answer; also there where its body was reset or not done in time.
        headers: those of `HEADERS_KEPT` that came, their names in lower case.
        body: its beginning, as it came: never decompressed.
        whole: whether the body was read to its end, rather than up to a limit.
        address: the one that was called, once there was one; for logs, not for the URL's owner.
        took_s: by the wall clock.
    """

    outcome: Outcome
    detail: str
    reason: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    address: str | None = None
    took_s: float

    @property
    def accepted(self) -> bool:
        """Whether the receiver answered with 2xx. A redirect is not followed, and is not that."""
        return self.outcome == "answered" and self.status is not None and 200 <= self.status < 300


HEADERS_KEPT: Final = ("content-type", "location", "retry-after")
HEADER_CHARACTERS_MAX: Final = 256


class Failure(Exception):
    """A call ended without an answer."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
