"""Behaviour 3: the first answer to a key is kept, whatever it was, and given again for a day."""

import threading
import uuid
from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charge_params, refused
from tests.support.sandbox import SandboxAt
from tests.support.waiting import until


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def test_a_repeated_request_is_answered_as_before(client: stripe.StripeClient, key: str) -> None:
    """And done once; the answer says that it is a replay."""
    first = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": key})
    client.v1.customers.update(first.id, {"name": "Grace"})
    again = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": key})
    assert (first.id, "Ada") == (again.id, again.name)
    assert again.last_response is not None and first.last_response is not None
    assert "true" == again.last_response.headers["Idempotent-Replayed"]
    assert "Idempotent-Replayed" not in first.last_response.headers


def test_a_key_is_of_one_request_only(client: stripe.StripeClient, key: str) -> None:
    """Other parameters, or another endpoint: 400 of a type of its own."""
    client.v1.customers.create({"name": "Ada"}, {"idempotency_key": key})
    for call in (
        lambda: client.v1.customers.create({"name": "Grace"}, {"idempotency_key": key}),
        lambda: client.v1.products.create({"name": "Ada"}, {"idempotency_key": key}),
    ):
        error = refused(call, stripe.IdempotencyError)
        assert 400 == error.http_status


def test_a_decline_is_kept(client: stripe.StripeClient, key: str) -> None:
    """The same 402 again, and no second charge: a new attempt needs a new key."""
    params = charge_params("pm_card_visa_chargeDeclined")
    errors = [
        refused(lambda: client.v1.payment_intents.create(params, {"idempotency_key": key}), stripe.CardError)
        for _ in range(2)
    ]
    first, again = [error.error.payment_intent.id for error in errors]
    assert first == again
    assert 1 == len(client.v1.charges.list({"payment_intent": first}).data)


def test_a_refusal_is_not_kept(client: stripe.StripeClient, key: str) -> None:
    """A parameter was wrong: nothing was done, and the key is free."""
    refused(lambda: client.v1.payment_intents.create({"amount": 1, "currency": "usd"}, {"idempotency_key": key}))
    assert client.v1.payment_intents.create({"amount": 500, "currency": "usd"}, {"idempotency_key": key}).id


@pytest.mark.parametrize(("kind", "done"), [("error_before", 0), ("error_after", 1)])
def test_a_500_is_kept(client: stripe.StripeClient, sandbox: SandboxAt, key: str, kind: str, done: int) -> None:
    """Whether it was done or not: for a day the key gives the 500 again."""
    params: Any = {"email": f"{key}@example.com"}
    sandbox.tell("/faults", kind=kind, path="/v1/customers", method="POST")
    for _ in range(2):
        error = refused(lambda: client.v1.customers.create(params, {"idempotency_key": key}), stripe.APIError)
        assert 500 == error.http_status
    assert done == len(client.v1.customers.list(params).data)
    sandbox.pass_time(24 * 3600 + 1)
    assert client.v1.customers.create(params, {"idempotency_key": key}).id


@pytest.mark.parametrize("kind", ["rate_limit", "lock", "conflict", "unavailable"])
def test_what_never_got_in_is_not_kept(client: stripe.StripeClient, sandbox: SandboxAt, key: str, kind: str) -> None:
    sandbox.tell("/faults", kind=kind, path="/v1/customers")
    refused(lambda: client.v1.customers.create({}, {"idempotency_key": key}), stripe.StripeError)
    assert client.v1.customers.create({}, {"idempotency_key": key}).id


def test_a_request_that_is_being_done_holds_its_key(client: stripe.StripeClient, sandbox: SandboxAt, key: str) -> None:
    """Another one with it is told so, and may come again."""
    sandbox.tell("/faults", kind="slow", path="/v1/customers", delay_s=0.3)
    made: list[str] = []
    call = threading.Thread(target=lambda: made.append(client.v1.customers.create({}, {"idempotency_key": key}).id))
    call.start()
    until(lambda: not sandbox.ask("/faults"), "the slow request has come")
    error = refused(lambda: client.v1.customers.create({}, {"idempotency_key": key}), stripe.APIError)
    assert (409, "idempotency_key_in_use") == (error.http_status, error.error.code)
    assert "true" == error.headers["Stripe-Should-Retry"]
    call.join()
    assert made == [client.v1.customers.create({}, {"idempotency_key": key}).id]


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_keys_have_a_length(client: stripe.StripeClient, name: str) -> None:
    if name:
        refused(lambda: client.v1.customers.create({}, {"idempotency_key": name}))
