"""Receivers that misbehave, each in one way: what they do, and how a call of them must end."""

import asyncio
import gzip
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final, NamedTuple

from ledger.kit.egress.answer import Outcome
from tests.kit.egress.listening import OK, Behaviour, answers, reset, taken

ZEROS: Final = bytes(64 * 1024)
BOMB: Final = gzip.compress(bytes(16 * 1024 * 1024)) * 16
"""260 kB that become 256 MB."""


class Kind(NamedTuple):
    """A receiver, and how a call ends: outcome and status. ``whole`` is whether its body is read to the end."""

    behaviour: Behaviour
    outcome: Outcome
    status: int | None = None
    whole: bool = False


def says(*parts: bytes, then: Callable[[asyncio.StreamWriter], object] | None = None) -> Behaviour:
    """Takes the request, sends these parts, and hangs up, or does this."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then is not None:
            await asyncio.sleep(0.02)  # what was written leaves before
            then(writer)

    return behave


def keeps_saying(start: bytes, *, each: bytes = b"", pause_s: float = 0.0, number: bool = False) -> Behaviour:
    """Takes the request, sends this, and then this again and again."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken(reader)
        writer.write(start)
        for turn in count():
            writer.write(each % turn if number else each)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await taken(reader)
    await asyncio.sleep(30)


async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Leaves the request where it is."""
    writer.transport.pause_reading()
    await asyncio.sleep(30)


async def answers_before_it_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Too large, it says, of a body that it does not take, and keeps the connection open."""
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()
    writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(30)


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """At once."""


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)


def head(status: int = 200, *lines: str) -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status} So", *lines, "", ""]).encode()


LONG: Final = "Content-Length: 10000000000"
CHUNKED: Final = "Transfer-Encoding: chunked"

ZOO: Final[dict[str, Kind]] = {
    # slow
    "silent": Kind(silent, "timeout"),
    "never reads": Kind(never_reads, "timeout"),
    "slow head": Kind(keeps_saying(b"HTTP/1.1 200 OK\r\nX: ", each=b"a", pause_s=0.01), "timeout"),
    "slow informational answers": Kind(keeps_saying(b"", each=head(103), pause_s=0.01), "timeout"),
    "slow body": Kind(keeps_saying(head(200, LONG), each=b"a", pause_s=0.01), "timeout", 200),
    "slow chunks": Kind(keeps_saying(head(200, CHUNKED), each=b"1\r\na\r\n", pause_s=0.01), "timeout", 200),
    "slow blank lines": Kind(keeps_saying(b"", each=b"\r\n", pause_s=0.01), "protocol"),
    "body that stops": Kind(keeps_saying(head(200, LONG), pause_s=30), "timeout", 200),
    # endless
    "endless body": Kind(keeps_saying(head(200), each=ZEROS), "answered", 200),
    "body of 10 GB": Kind(keeps_saying(head(200, LONG), each=ZEROS), "answered", 200),
    "endless failure": Kind(keeps_saying(head(500, LONG), each=ZEROS), "answered", 500),
    "endless chunks": Kind(keeps_saying(head(200, CHUNKED), each=b"10000\r\n" + ZEROS + b"\r\n"), "answered", 200),
    "endless small chunks": Kind(keeps_saying(head(200, CHUNKED), each=b"1\r\na\r\n" * 999), "answered", 200),
    "endless chunk extension": Kind(keeps_saying(head(200, CHUNKED) + b"1;", each=b"a" * 999), "too_large", 200),
    "endless trailers": Kind(
        keeps_saying(head(200, CHUNKED) + b"0\r\n", each=b"X-%d: a\r\n", number=True), "too_large", 200
    ),
    "endless header": Kind(keeps_saying(b"HTTP/1.1 200 OK\r\nX: ", each=b"a" * 999), "too_large"),
    "endless headers": Kind(keeps_saying(b"HTTP/1.1 200 OK\r\n", each=b"X-%d: a\r\n", number=True), "too_large"),
    "endless status line": Kind(keeps_saying(b"HTTP/1.1 200 ", each=b"O" * 999), "too_large"),
    "flood of informational answers": Kind(keeps_saying(b"", each=head(103) * 99), "too_large"),
    "head of 1 MB": Kind(says(head(200, "X: " + "a" * 1_000_000)), "too_large"),
    "gzip bomb": Kind(
        partial(answers, answer=head(200, "Content-Encoding: gzip", f"Content-Length: {len(BOMB)}") + BOMB),
        "answered",
        200,
    ),
    # broken off
    "hangs up": Kind(hangs_up, "reset"),
    "resets": Kind(resets, "reset"),
    "hangs up after the request": Kind(says(), "reset"),
    "resets after the request": Kind(says(then=reset), "reset"),
    "hangs up in the head": Kind(says(b"HTTP/1.1 200 OK\r\nX"), "reset"),
    "hangs up in the status line": Kind(says(b"HTT"), "reset"),
    "hangs up in the body": Kind(says(head(200, LONG), b"a"), "reset", 200),
    "resets in the body": Kind(says(head(200, LONG), b"a", then=reset), "reset", 200),
    "hangs up in a chunk": Kind(says(head(200, CHUNKED), b"5\r\na"), "reset", 200),
    # no HTTP
    "HTTP/0.9": Kind(says(b"<html>hello</html>\n"), "protocol"),
    "SSH": Kind(says(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    "HTTP/2": Kind(says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 9), "protocol"),
    "noise": Kind(says(bytes(range(256)) * 9), "protocol"),
    "a status that is none": Kind(says(b"HTTP/1.1 2000 OK\r\n\r\n"), "protocol"),
    "two lengths": Kind(says(head(200, "Content-Length: 1", "Content-Length: 2")), "protocol"),
    "a negative length": Kind(says(head(200, "Content-Length: -1")), "protocol"),
    "bad chunk": Kind(says(head(200, CHUNKED), b"zz\r\n"), "protocol", 200),
    "another protocol": Kind(says(head(101, "Upgrade: websocket", "Connection: Upgrade")), "protocol"),
    # odd, but answers
    "ok": Kind(answers, "answered", 200, whole=True),
    "ok, after informational ones": Kind(says(head(100) + head(103) + OK), "answered", 200, whole=True),
    "HTTP/1.0": Kind(says(b"HTTP/1.0 200 OK\r\n\r\nok"), "answered", 200, whole=True),
    "204": Kind(partial(answers, answer=head(204)), "answered", 204, whole=True),
    "410": Kind(says(head(410, "Content-Length: 0")), "answered", 410, whole=True),
    "429": Kind(says(head(429, "Retry-After: 120", "Content-Length: 0")), "answered", 429, whole=True),
    "500": Kind(says(head(500, "Content-Length: 4"), b"oops"), "answered", 500, whole=True),
    "999": Kind(says(head(999, "Content-Length: 0")), "answered", 999, whole=True),
    "answers before it reads": Kind(answers_before_it_reads, "answered", 413, whole=True),
    "two answers": Kind(says(OK + OK), "answered", 200, whole=True),
}
