"""The load: as many keep-alive connections as asked for, each with one request on its way, from a process of its own.

Raw sockets and one selector: about ten microseconds a request, so that the servers are measured and not this. Reads
what to do as JSON on standard input and answers in JSON. Any answer that is not the expected status ends the run:
figures of failing requests are no figures.
"""

import json
import random
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to send. ``kind``: ``usage`` (one post), ``batch`` (``items`` of them) or ``get``."""

    port: int
    kind: str
    connections: int
    seconds: float
    warmup_s: float = 0.4
    token: str = ""
    wallets: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=lambda: ["code_completion"])
    paths: list[str] = field(default_factory=list)
    items: int = 1000
    run: str = ""
    priced: bool = False
    """Usage says what was counted, and the service prices it: the same amount as otherwise."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came back: requests within the measured time, and how long they took."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    bytes: int = 0

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def run(load: Load) -> Answered:
    """Run the load in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the load {load.kind} × {load.connections} failed: {done.stderr.strip()[-2000:]}")
    return Answered(**json.loads(done.stdout))


class Connection:
    """A socket, what came of its present answer, and when its request was sent."""

    __slots__ = ("began", "buffer", "missing", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.missing = 0
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> bool:
        """Read what is there; whether the answer is whole."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the server closed the connection")
        if self.missing:
            self.missing -= len(data)
            return self.missing <= 0
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if self.buffer[9:10] != b"2":
            raise RuntimeError(self.buffer[:1500].decode(errors="replace"))
        head = self.buffer[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : head.find(b"\r\n", at) if b"\r\n" in head[at:] else len(head)])
        self.missing = length - (len(self.buffer) - end - 4)
        self.buffer = b""
        return self.missing <= 0


def drive(load: Load) -> Answered:
    """Send until the time is over; only answers after the warm-up count."""
    requests = requests_of(load)
    selector = selectors.DefaultSelector()
    connections = [Connection(load.port) for _ in range(load.connections)]
    for opened in connections:
        selector.register(opened.socket, selectors.EVENT_READ, opened)
        opened.send(next(requests))
    began = time.perf_counter() + load.warmup_s
    end = began + load.seconds
    taken: list[float] = []
    now = 0.0
    while now < end:
        events = selector.select(10)
        if not events:
            raise TimeoutError("no answer within 10 s")
        for key, _ in events:
            connection: Connection = key.data
            if not connection.take():
                continue
            now = time.perf_counter()
            if now >= began:
                taken.append(now - connection.began)
            if now < end:
                connection.send(next(requests))
    for opened in connections:
        opened.socket.close()
    taken.sort()
    return Answered(
        requests=len(taken),
        seconds=now - began,
        p50_ms=taken[len(taken) // 2] * 1000,
        p99_ms=taken[min(len(taken) - 1, len(taken) * 99 // 100)] * 1000,
    )


def requests_of(load: Load) -> Iterator[bytes]:
    """Requests without end, each with a key of its own."""
    maker: dict[str, Callable[[Load], Iterator[bytes]]] = {"usage": _usage, "batch": _batch, "get": _get}
    return maker[load.kind](load)


def _usage(load: Load) -> Iterator[bytes]:
    pick = random.Random(load.run).choice  # the run's name: the same load each time
    heads = [
        f"POST /v1/wallets/{wallet}/usage HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {load.token}\r\n"
        "content-type: application/json\r\n".encode()
        for wallet in load.wallets
    ]
    events = [{"service": service, "credits": "0.001"} for service in load.services]
    if load.priced:
        # Of the card that ships: 0.05 USD an hour, and 10 credits for a dollar.
        events = [{"service": "neural_training", "quantity": "0.002", "dimensions": {"size": "nano"}}]
    bodies = [json.dumps(event).encode() for event in events]
    tails = [b"content-length: %d\r\n\r\n%s" % (len(body), body) for body in bodies]
    name = load.run.encode()
    number = 0
    while True:
        number += 1
        yield b"%sidempotency-key: %s-%d\r\n%s" % (pick(heads), name, number, pick(tails))


def _batch(load: Load) -> Iterator[bytes]:
    pick = random.Random(load.run).choice
    number = 0
    while True:
        items = []
        for _ in range(load.items):
            number += 1
            items.append(
                f'{{"wallet_id":"{pick(load.wallets)}","key":"{load.run}-{number}",'
                f'"service":"{pick(load.services)}","credits":"0.001"}}'
            )
        body = f'{{"items":[{",".join(items)}]}}'.encode()
        yield (
            b"POST /v1/usage/batch HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer %s\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
        ) % (load.token.encode(), len(body), body)


def _get(load: Load) -> Iterator[bytes]:
    pick = random.Random(load.run).choice
    requests = [
        f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {load.token}\r\n\r\n".encode()
        for path in load.paths
    ]
    while True:
        yield pick(requests)


if __name__ == "__main__":
    print(json.dumps(asdict(drive(Load(**json.load(sys.stdin))))))
