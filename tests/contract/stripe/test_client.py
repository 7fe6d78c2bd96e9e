"""The SDK over HTTP, with a server that says what it is told to."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import stripe

from tests.contract.stripe.client import ContractBroken, Traffic
from tests.contract.stripe.samples import CHARGE, CUSTOMER, REFUND, error, event

Say = Callable[..., str]


@pytest.fixture
def say() -> Iterator[Say]:
    """Starts a server that gives these answers in turn, and tells its address."""
    running: list[tuple[ThreadingHTTPServer, Thread]] = []

    def start(*answers: tuple[int, dict[str, Any]]) -> str:
        waiting = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = waiting.pop(0)
                content = json.dumps(body).encode()
                self.send_response(status)
                for name in ("Stripe-Version", "Idempotency-Key"):
                    if name in self.headers:
                        self.send_header(name, self.headers[name])
                self.send_header("Request-Id", "req_1")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_right_passes(say: Say, checked_client: Any, stripe_traffic: Traffic) -> None:
    client = checked_client(say((200, CUSTOMER), (200, CHARGE)), "sk_test_1")
    assert CUSTOMER["id"] == client.v1.customers.create({"email": "ada@example.com", "metadata": {"a": "b"}}).id
    client.v1.charges.retrieve("ch_1")
    assert ["POST /v1/customers -> 200", "GET /v1/charges/ch_1 -> 200"] == [
        str(each.exchange) for each in stripe_traffic.verdicts
    ]
    assert [] == stripe_traffic.refused


def test_what_is_wrong_is_raised_and_kept(say: Say, checked_client: Any, stripe_traffic: Traffic) -> None:
    client = checked_client(say((200, CUSTOMER | {"credits": 5})), "sk_test_1")
    with pytest.raises(
        ContractBroken, match="POST /v1/customers -> 200: response: credits: the API knows no such field"
    ):
        client.v1.customers.create({})
    assert 1 == len(stripe_traffic.broken)
    stripe_traffic.verdicts.clear()  # else this test would fail at its end


def test_a_refused_request_is_ours_to_explain(say: Say, checked_client: Any, stripe_traffic: Traffic) -> None:
    refusal = error("invalid_request_error", code="parameter_unknown", param="oops")
    client = checked_client(say((400, refusal)), "sk_test_1")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"oops": 1})
    assert ["POST /v1/customers -> 400: oops: the API knows no such field"] == stripe_traffic.refused


def test_each_attempt_is_judged(say: Say, checked_client: Any, stripe_traffic: Traffic, monkeypatch: Any) -> None:
    monkeypatch.setattr(stripe.HTTPClient, "_sleep_time_seconds", lambda *_: 0)
    client = checked_client(say((500, error("api_error")), (200, CUSTOMER)), "sk_test_1", network_retries=1)
    client.v1.customers.create({})
    first, second = (each.exchange for each in stripe_traffic.verdicts)
    assert (500, 200) == (first.status, second.status)
    assert first.sent["Idempotency-Key"] == second.sent["Idempotency-Key"]


def test_retries_are_none_unless_said(say: Say, checked_client: Any) -> None:
    client = checked_client(say((500, error("api_error"))), "sk_test_1")
    with pytest.raises(stripe.APIError):
        client.v1.customers.create({})


@pytest.mark.anyio
async def test_the_same_for_code_that_awaits(say: Say, async_checked_client: Any, stripe_traffic: Traffic) -> None:
    client = async_checked_client(say((200, CUSTOMER), (200, CUSTOMER | {"id": 1})), "sk_test_1")
    await client.v1.customers.create_async({"name": "Ada"})
    with pytest.raises(ContractBroken, match="id: 1 is not of type 'string'"):
        await client.v1.customers.retrieve_async("cus_1")
    assert 2 == len(stripe_traffic.verdicts)
    stripe_traffic.verdicts.clear()


def test_events_are_judged_as_they_come() -> None:
    traffic = Traffic(strict=False)
    traffic.event(json.dumps(event("charge.updated", CHARGE)).encode())
    assert [] == traffic.broken
    traffic.event(event("charge.updated", REFUND))
    assert 1 == len(traffic.broken)


def test_nothing_leaves_for_stripe(checked_client: Any) -> None:
    client = checked_client("http://127.0.0.1:9/", "sk_test_1")
    assert {"http://127.0.0.1:9"} == set(client._requestor.base_addresses.values())
    assert stripe.enable_telemetry is False
