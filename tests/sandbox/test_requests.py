"""Behaviours 1 and 2: how requests are read, what is refused, and what stands in headers."""

import httpx
import pytest
import stripe

from tests.sandbox.asking import charge_params, refused, session_params
from tests.support.sandbox import KEY, SandboxAt

REMOVED = "payment_method_types_no_longer_supported"


def test_nested_values_come_back_as_they_were_sent(client: stripe.StripeClient) -> None:
    """Lists, objects in them, numbers, flags, and notes."""
    session = client.v1.checkout.sessions.create(
        session_params(
            metadata={"a": "1", "b": "zwei & drei"},
            payment_intent_data={"metadata": {"c": "3"}},
            adaptive_pricing={"enabled": False},
            expand=["line_items"],
        )
    )
    assert {"a": "1", "b": "zwei & drei"} == session.metadata.to_dict()
    assert session.line_items is not None
    (line,) = session.line_items.data
    assert ("Credits", 1, 1050, "usd") == (line.description, line.quantity, line.amount_total, line.currency)
    assert (1050, 1050, None, "open") == (
        session.amount_subtotal,
        session.amount_total,
        session.payment_intent,
        session.status,
    )


def test_an_empty_string_unsets(client: stripe.StripeClient) -> None:
    """A note, all notes, and a member."""
    made = client.v1.customers.create({"address": {"city": "Paris"}, "metadata": {"a": "1", "b": "2"}})
    one = client.v1.customers.update(made.id, {"metadata": {"a": ""}})
    assert {"b": "2"} == one.metadata.to_dict()
    none = client.v1.customers.update(made.id, {"metadata": "", "address": ""})
    assert ({}, None) == (none.metadata.to_dict(), none.address)


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 100, "currency": "usd", "colour": "red"}, "parameter_unknown", "colour"),
        ({"amount": 100}, "parameter_missing", "currency"),
        ({"amount": "ten", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": 100, "currency": "usd", "customer": "cus_x"}, "resource_missing", "customer"),
        ({"amount": 100, "currency": "usd", "payment_method_types": ["card"]}, REMOVED, "payment_method_types"),
        ({"amount": "", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 100, "currency": ""}, "parameter_invalid_empty", "currency"),
    ],
)
def test_parameters_are_checked(client: stripe.StripeClient, params: dict[str, object], code: str, param: str) -> None:
    """By name, by type, by limits."""
    error = refused(lambda: client.v1.payment_intents.create(params))
    assert (400, code, param) == (error.http_status, error.code, error.param)


def test_the_parameter_that_endive_removed_is_refused_of_sessions_and_setups(client: stripe.StripeClient) -> None:
    for call in (
        lambda: client.v1.checkout.sessions.create(session_params(payment_method_types=["card"])),
        lambda: client.v1.setup_intents.create({"payment_method_types": ["card"]}),
    ):
        assert REMOVED == refused(call).code


def test_an_unknown_choice_names_those_that_there_are(client: stripe.StripeClient) -> None:
    error = refused(lambda: client.v1.payment_intents.create(charge_params(capture_method="later")))
    assert "automatic, automatic_async, or manual" in str(error)


@pytest.mark.parametrize(
    "metadata",
    [{f"key{n}": "x" for n in range(51)}, {"k" * 41: "x"}, {"k": "v" * 501}],
    ids=["too many", "long name", "long value"],
)
def test_notes_have_limits(client: stripe.StripeClient, metadata: dict[str, str]) -> None:
    error = refused(lambda: client.v1.customers.create({"metadata": metadata}))
    assert 400 == error.http_status


def test_what_is_not_there(client: stripe.StripeClient) -> None:
    error = refused(lambda: client.v1.customers.retrieve("cus_x"))
    assert (404, "resource_missing", "id") == (error.http_status, error.code, error.param)
    assert "No such customer: 'cus_x'" in str(error)
    error = refused(lambda: client.raw_request("get", "/v1/unheard_of"))
    assert 404 == error.http_status
    assert "Unrecognized request URL (GET: /v1/unheard_of)" in str(error)


def test_a_deleted_customer_is_a_tombstone(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create({})
    assert client.v1.customers.delete(made.id).deleted
    assert client.v1.customers.retrieve(made.id).deleted
    assert "resource_missing" == refused(lambda: client.v1.customers.update(made.id, {"name": "x"})).code


@pytest.mark.parametrize("key", ["", "sk_live_123", "hello", "pk_test_123"])
def test_keys_that_open_nothing(sandbox: SandboxAt, key: str) -> None:
    """None, one of live mode, one that is none, and one for browsers."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{sandbox.base}/v1/customers", headers=headers)
    assert (401, "invalid_request_error") == (answer.status_code, answer.json()["error"]["type"])
    if key.startswith("sk"):
        error = refused(lambda: sandbox.client(key).v1.customers.list(), stripe.AuthenticationError)
        assert "Invalid API Key provided" in str(error)


@pytest.mark.parametrize("key", [KEY, "rk_test_abc"])
def test_keys_of_test_mode_open_the_sandbox(sandbox: SandboxAt, key: str) -> None:
    assert sandbox.client(key).v1.customers.list().data is not None


def test_headers_say_which_request_it_was(client: stripe.StripeClient) -> None:
    """Request-Id, the version that was asked for, and the key; also of errors."""
    made = client.v1.customers.create({}, {"idempotency_key": "headers-1"})
    assert made.last_response is not None
    headers = made.last_response.headers
    assert headers["Request-Id"].startswith("req_")
    assert stripe.api_version == headers["Stripe-Version"]
    assert "headers-1" == headers["Idempotency-Key"]
    error = refused(lambda: client.v1.customers.retrieve("cus_x"))
    assert str(error.request_id).startswith("req_")


def test_the_account_speaks_the_version_of_the_sdk(sandbox: SandboxAt) -> None:
    """Which its events are written in."""
    from ledger.sandbox.shapes.event import VERSION

    assert stripe.api_version == VERSION
