"""Behaviour 4: what is expanded, pages by cursor, filters, newest first."""

import uuid
from typing import Any

import pytest
import stripe

from tests.sandbox.asking import charge_params, refused


@pytest.fixture
def charges(client: stripe.StripeClient, customer: str) -> list[str]:
    """Five charges of the customer, the newest first."""
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    made = [
        client.v1.payment_intents.create(charge_params(method, customer=customer, amount=1000 + n)) for n in range(5)
    ]
    return [str(intent.latest_charge) for intent in reversed(made)]


def test_an_id_becomes_the_object(client: stripe.StripeClient, charges: list[str], customer: str) -> None:
    """One level, several levels, in lists, and nowhere else."""
    plain = client.v1.charges.retrieve(charges[0])
    assert customer == plain.customer
    deep: Any = client.v1.charges.retrieve(charges[0], {"expand": ["customer", "payment_intent.payment_method"]})
    assert (customer, "4242") == (deep.customer.id, deep.payment_intent.payment_method.card.last4)
    listed: Any = client.v1.charges.list({"customer": customer, "expand": ["data.payment_intent"]})
    assert {"payment_intent"} == {charge.payment_intent.object for charge in listed.data}


def test_what_is_no_id_cannot_be_expanded(client: stripe.StripeClient, charges: list[str]) -> None:
    for path in ("amount", "colour", "a.b.c.d.e"):
        error = refused(lambda path=path: client.v1.charges.retrieve(charges[0], {"expand": [path]}))
        assert 400 == error.http_status


def test_pages_go_on_behind_a_cursor(client: stripe.StripeClient, charges: list[str], customer: str) -> None:
    """The newest first, forwards and backwards, and all of them by the SDK's own paging."""
    first = client.v1.charges.list({"customer": customer, "limit": 2})
    assert (charges[:2], True, "/v1/charges") == ([one.id for one in first.data], first.has_more, first.url)
    second = client.v1.charges.list({"customer": customer, "limit": 2, "starting_after": charges[1]})
    assert charges[2:4] == [one.id for one in second.data]
    last = client.v1.charges.list({"customer": customer, "starting_after": charges[3]})
    assert (charges[4:], False) == ([one.id for one in last.data], last.has_more)
    back = client.v1.charges.list({"customer": customer, "limit": 2, "ending_before": charges[3]})
    assert charges[1:3] == [one.id for one in back.data]
    assert charges == [one.id for one in first.auto_paging_iter()]


@pytest.mark.parametrize("limit", [0, 101])
def test_pages_have_a_size(client: stripe.StripeClient, limit: int) -> None:
    assert 400 == refused(lambda: client.v1.charges.list({"limit": limit})).http_status


def test_a_cursor_is_an_object_that_there_is(client: stripe.StripeClient) -> None:
    error = refused(lambda: client.v1.charges.list({"starting_after": "ch_x"}))
    assert ("resource_missing", "starting_after") == (error.code, error.param)


def test_lists_are_filtered(client: stripe.StripeClient, charges: list[str], customer: str) -> None:
    """By who, by when, by what it belongs to."""
    newest = client.v1.charges.retrieve(charges[0])
    since: Any = {"customer": customer, "created": {"gte": newest.created}}
    assert charges[0] in [one.id for one in client.v1.charges.list(since).data]
    later: Any = {"customer": customer, "created": {"gt": newest.created + 60}}
    assert [] == client.v1.charges.list(later).data
    of_intent = client.v1.charges.list({"payment_intent": str(newest.payment_intent)})
    assert [charges[0]] == [one.id for one in of_intent.data]
    intents = client.v1.payment_intents.list({"customer": customer})
    assert 5 == len(intents.data)


def test_customers_are_found_by_email(client: stripe.StripeClient) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    made = client.v1.customers.create({"email": email})
    assert [made.id] == [one.id for one in client.v1.customers.list({"email": email}).data]


def test_events_are_filtered_by_type(client: stripe.StripeClient, charges: list[str]) -> None:
    only = client.v1.events.list({"type": "charge.succeeded", "limit": 5})
    assert {"charge.succeeded"} == {event.type for event in only.data}
    some = client.v1.events.list({"types": ["charge.succeeded", "payment_intent.succeeded"], "limit": 10})
    assert {"charge.succeeded", "payment_intent.succeeded"} >= {event.type for event in some.data}
