"""Behaviour 10: events are frozen, signed at each attempt, tried again; and what goes wrong on their way."""

import hashlib
import hmac
import json
import socket
from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charge_params, charged, session_params
from tests.support.receiver import Receiver, receiving
from tests.support.sandbox import SandboxAt
from tests.support.waiting import until


def signed_with(secret: str, body: bytes, signature: str) -> bool:
    """Whether one of the signatures is of this secret; written out here, apart from the SDK."""
    parts = [part.partition("=") for part in signature.split(",")]
    moment = next(value for name, _, value in parts if name == "t")
    made = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return made in [value for name, _, value in parts if name == "v1"]


def test_events_come_signed(client: stripe.StripeClient, receiver: Receiver) -> None:
    """As Stripe writes them, with the request that caused them."""
    made = client.v1.customers.create({"email": "ada@example.com"}, {"idempotency_key": "webhooks-1"})
    (event,) = receiver.wait_for("customer.created")
    _, body, signature = receiver.deliveries[0]
    assert signed_with(receiver.secret, body, signature)
    assert body.decode().startswith('{\n  "id": "evt_')
    raw = json.loads(body)
    assert (made.id, "ada@example.com") == (raw["data"]["object"]["id"], raw["data"]["object"]["email"])
    assert (stripe.api_version, False, 1) == (event.api_version, event.livemode, event.pending_webhooks)
    assert "webhooks-1" == raw["request"]["idempotency_key"]
    assert raw["request"]["id"].startswith("req_")
    receiver.wait(lambda _: client.v1.events.retrieve(event.id).pending_webhooks == 0)


def test_what_a_purchase_tells(client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver) -> None:
    """Nobody asked for it through the API, so no request is named."""
    session = client.v1.checkout.sessions.create(session_params())
    sandbox.pay(session.id)
    kinds = ("payment_intent.succeeded", "checkout.session.completed", "charge.updated")
    events = receiver.wait_for(*kinds)
    assert [None] * 3 == [event.request and event.request.id for event in events]
    assert "paid" == events[1].data.object["payment_status"]


def test_an_event_is_frozen(client: stripe.StripeClient, receiver: Receiver) -> None:
    """It tells what was, and an update what was before it."""
    made = client.v1.customers.create({"name": "Ada", "metadata": {"a": "1"}})
    client.v1.customers.update(made.id, {"name": "Grace", "metadata": {"b": "2"}})
    first, second = receiver.wait_for("customer.created", "customer.updated")
    assert "Ada" == client.v1.events.retrieve(first.id).data.object["name"]
    before = second.data.previous_attributes
    assert before is not None
    assert {"name": "Ada", "metadata": {"b": None}} == before.to_dict()


def test_an_endpoint_gets_what_it_asked_for(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Its own types, while it is on; its secret is told once."""
    with receiving() as receiver:
        endpoint = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["product.created"]})
        receiver.secret = str(endpoint.secret)
        assert receiver.secret.startswith("whsec_")
        assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id).to_dict()
        client.v1.customers.create({})
        client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
        client.v1.products.create({"name": "while it was off"})
        client.v1.webhook_endpoints.update(endpoint.id, {"disabled": False})
        client.v1.products.create({"name": "while it was on"})
        (event,) = receiver.wait_for("product.created")
        assert "while it was on" == event.data.object["name"]
        assert 1 == len(receiver.deliveries)
        client.v1.webhook_endpoints.delete(endpoint.id)


@pytest.mark.parametrize("refusal", [500, 302, 404])
def test_what_is_not_taken_comes_again(
    client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver, refusal: int
) -> None:
    """The same event, by a schedule that the clock runs through; meanwhile it is listed as not delivered."""
    receiver.answers = [refusal, refusal]
    sandbox.tell("/config", webhook_retry_s=[600, 3600])
    client.v1.products.create({"name": "Credits"})
    receiver.wait(lambda r: r.deliveries)
    (event,) = {json.loads(body)["id"] for _, body, _ in receiver.deliveries}
    missed = client.v1.events.list({"delivery_success": False, "type": "product.created"}).data
    assert event in [one.id for one in missed]

    def passed(_: Receiver) -> bool:
        sandbox.pass_time(300)
        return bool(receiver.events)

    receiver.wait(passed)
    assert [refusal, refusal, 200] == [status for status, _, _ in receiver.deliveries]
    assert {event} == {json.loads(body)["id"] for _, body, _ in receiver.deliveries}


def test_an_endpoint_that_never_answers_well_is_given_up(
    client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver
) -> None:
    """The event can still be listed, as one that was not delivered."""
    receiver.answers = [500] * 2
    sandbox.tell("/config", webhook_retry_s=[0.01])
    made = client.v1.products.create({"name": "Credits"})
    receiver.wait(lambda r: len(r.deliveries) == 2)
    receiver.wait(lambda _: sandbox.ask()["deliveries"].get("failed"))
    missed = client.v1.events.list({"delivery_success": False, "limit": 100}).data
    assert made.id in [event.data.object["id"] for event in missed]


def test_an_endpoint_that_is_silent_is_asked_again(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """It takes the event, and says nothing for longer than it may."""
    sandbox.tell("/config", webhook_timeout_s=0.3, webhook_retry_s=[0.05])
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        endpoint = client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["product.created"]})
        client.v1.products.create({"name": "Credits"})
        with server.accept()[0], server.accept()[0] as again:
            assert b"stripe-signature: t=" in again.recv(65536).lower()
            again.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            (event,) = client.v1.events.list({"type": "product.created", "limit": 1}).data
            until(lambda: client.v1.events.retrieve(event.id).pending_webhooks == 0, "the event was taken")
    client.v1.webhook_endpoints.delete(endpoint.id)
    sandbox.tell("/config", webhook_timeout_s=10)


def test_a_rolled_secret_signs_along(client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver) -> None:
    """Two signatures for a while, and one afterwards."""
    (endpoint,) = client.v1.webhook_endpoints.list().data
    fresh = sandbox.tell(f"/webhook-endpoint/{endpoint.id}/roll", overlap_s=3600)["secret"]
    client.v1.products.create({"name": "Credits"})
    receiver.wait(lambda r: r.deliveries)
    _, body, signature = receiver.deliveries[0]
    assert 2 == signature.count("v1=")
    assert signed_with(receiver.secret, body, signature) and signed_with(fresh, body, signature)
    receiver.secret = fresh
    sandbox.pass_time(3601)
    receiver.forget()
    client.v1.products.create({"name": "Credits"})
    receiver.wait(lambda r: r.deliveries)
    assert 1 == receiver.deliveries[0][2].count("v1=")


def test_events_come_twice(client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver) -> None:
    """The same one, or two that tell the same."""
    sandbox.tell("/webhooks", duplicate=1)
    client.v1.products.create({"name": "Credits"})
    receiver.wait(lambda r: len(r.events) == 2)
    assert 1 == len({event.id for event in receiver.events})
    receiver.forget()
    sandbox.tell("/webhooks", twin=1)
    made = client.v1.products.create({"name": "Credits"})
    receiver.wait(lambda r: len(r.events) == 2)
    assert (2, {made.id}) == (
        len({event.id for event in receiver.events}),
        {event.data.object["id"] for event in receiver.events},
    )


def test_events_come_out_of_order(client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver) -> None:
    sandbox.tell("/webhooks", reorder={"times": 1, "delay_s": 0.3})
    names = ["first", "second", "third"]
    for name in names:
        client.v1.products.create({"name": name})
    receiver.wait(lambda r: len(r.events) == 3)
    assert "first" == receiver.events[-1].data.object["name"]


def test_events_never_come(client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver) -> None:
    """But are listed, for who asks."""
    sandbox.tell("/webhooks", drop=1)
    lost = client.v1.products.create({"name": "lost"})
    client.v1.products.create({"name": "found"})
    receiver.wait(lambda r: r.events)
    assert ["found"] == [event.data.object["name"] for event in receiver.events]
    missed = client.v1.events.list({"delivery_success": False, "limit": 100}).data
    assert lost.id in [event.data.object["id"] for event in missed]


def test_mishaps_are_drawn_from_a_seed(client: stripe.StripeClient, sandbox: SandboxAt, receiver: Receiver) -> None:
    """The same ones again with the same seed."""
    came: list[int] = []
    struck = [sandbox.ask()["struck"]["duplicate"]]
    for _ in range(2):
        receiver.forget()
        sandbox.tell("/webhooks", duplicate=0.5, seed=7)
        for _ in range(8):
            client.v1.products.create({"name": "Credits"})
        sandbox.tell("/webhooks")
        client.v1.customers.create({})
        receiver.wait(lambda r: "customer.created" in r.types() and sandbox.ask()["deliveries"].get("waiting", 0) == 0)
        came.append(len(receiver.events))
        struck.append(sandbox.ask()["struck"]["duplicate"])
    assert came[0] == came[1] > 9
    assert [came[0] - 9] * 2 == [struck[1] - struck[0], struck[2] - struck[1]]


def test_events_are_kept_for_a_month(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    made = client.v1.customers.create({})
    (event,) = client.v1.events.list({"type": "customer.created", "limit": 1}).data
    assert made.id == event.data.object["id"]
    sandbox.pass_time(30 * 86_400 + 1)
    assert [] == client.v1.events.list({"type": "customer.created"}).data
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.retrieve(event.id)


def test_declines_are_told(client: stripe.StripeClient, receiver: Receiver) -> None:
    """Of the charge and of the intent, with what was wrong."""
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.create(charge_params("pm_card_visa_chargeDeclinedInsufficientFunds"))
    charge, intent = receiver.wait_for("charge.failed", "payment_intent.payment_failed")
    failed: Any = intent.data.object["last_payment_error"]
    assert ("card_declined", "insufficient_funds") == (charge.data.object["failure_code"], failed["decline_code"])


def test_types_of_events_are_checked(client: stripe.StripeClient) -> None:
    wanted: Any = {"url": "https://shop.example", "enabled_events": ["payment.done"]}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.webhook_endpoints.create(wanted)


def test_a_charge_tells_when_it_is_booked(client: stripe.StripeClient, receiver: Receiver) -> None:
    charge = charged(client)
    (event,) = receiver.wait_for("charge.updated")
    booked: Any = charge.balance_transaction
    assert booked.id == event.data.object["balance_transaction"]
