"""Somebody who is told of events by webhooks: verifies each as the SDK does, judges it, and can be out of order."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe

from tests.contract.stripe.client import Traffic

PATIENCE_S = 10.0


@dataclass
class Receiver:
    """Where events come. ``answers`` are the statuses of the next answers, 200 after them."""

    url: str
    secret: str = ""
    answers: list[int] = field(default_factory=list)
    deliveries: list[tuple[int, bytes, str]] = field(default_factory=list)
    """Status that was answered, body and signature, of all that came."""
    events: list[stripe.Event] = field(default_factory=list)
    """Those that were verified and accepted."""
    traffic: Traffic = field(default_factory=lambda: Traffic(strict=False))

    def take(self, body: bytes, signature: str) -> int:
        event = stripe.Webhook.construct_event(body, signature, self.secret)
        status = self.answers.pop(0) if self.answers else 200
        self.deliveries.append((status, body, signature))
        self.traffic.event(body)
        if status == 200:
            self.events.append(event)
        return status

    def wait(self, done: Callable[["Receiver"], object]) -> None:
        """Until this is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not done(self):
            assert time.monotonic() < deadline, f"only {self.types()} came"
            time.sleep(0.01)

    def wait_for(self, *kinds: str) -> list[stripe.Event]:
        """The first event of each of these types."""
        self.wait(lambda receiver: set(kinds) <= set(receiver.types()))
        return [next(event for event in self.events if event.type == kind) for kind in kinds]

    def types(self) -> list[str]:
        return [event.type for event in self.events]

    def forget(self) -> None:
        self.deliveries.clear()
        self.events.clear()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status = receiver.take(body, self.headers["Stripe-Signature"])
            except (ValueError, stripe.SignatureVerificationError):
                status = 400
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{web.server_port}/webhooks")
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
    assert receiver.traffic.broken == []
