"""Behaviour 5: Checkout Sessions, from open to paid, declined in between, or expired."""

import time
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.asking import refused, session_params
from tests.support.sandbox import SandboxAt

DECLINED = "4000000000000002"


def opened(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    return client.v1.checkout.sessions.create(session_params(**more))


def types_about(client: stripe.StripeClient, *ids: str) -> list[str]:
    """The types of all events about these objects, the oldest first."""
    events = client.v1.events.list({"limit": 100}).data
    return [event.type for event in reversed(events) if event.data.object["id"] in ids]


def test_an_open_session_has_no_payment_yet(client: stripe.StripeClient, customer: str) -> None:
    session = opened(client, customer=customer, client_reference_id="p-1")
    assert ("open", "unpaid", None) == (session.status, session.payment_status, session.payment_intent)
    assert session.url is not None
    assert (customer, "p-1", "hosted_page") == (session.customer, session.client_reference_id, session.ui_mode)
    assert 24 * 3600 == session.expires_at - session.created


def test_a_buyer_pays(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    """Session, intent and charge tell of each other, and events tell it all."""
    session = opened(client, customer=customer, payment_intent_data={"metadata": {"payment_id": "p-1"}})
    told = sandbox.pay(session.id)
    assert (None, "complete") == (told["error"], told["session"]["status"])
    done: Any = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert ("complete", "paid", None) == (done.status, done.payment_status, done.url)
    intent, charge = done.payment_intent, done.payment_intent.latest_charge
    assert ("succeeded", {"payment_id": "p-1"}, customer) == (intent.status, intent.metadata.to_dict(), intent.customer)
    assert (1050, {"payment_id": "p-1"}, True) == (charge.amount, charge.metadata.to_dict(), charge.paid)
    happened = types_about(client, session.id, intent.id, charge.id)
    assert [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ] == happened[:4]


def test_a_decline_keeps_the_session_open(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """The buyer tries again, with the same intent."""
    session = opened(client)
    told = sandbox.pay(session.id, card=DECLINED)
    assert ("card_declined", "open") == (told["error"]["code"], told["session"]["status"])
    first = told["session"]["payment_intent"]
    assert "payment_intent_unexpected_state" == refused(lambda: client.v1.payment_intents.cancel(first)).code
    told = sandbox.pay(session.id)
    assert ("complete", first) == (told["session"]["status"], told["session"]["payment_intent"])
    assert "buyer@example.com" == told["session"]["customer_details"]["email"]


@pytest.mark.parametrize(
    ("account", "event", "status"),
    [
        ("000123456789", "checkout.session.async_payment_succeeded", "paid"),
        ("000111111113", "checkout.session.async_payment_failed", "unpaid"),
    ],
)
def test_a_debit_is_complete_before_it_is_paid(
    client: stripe.StripeClient, sandbox: SandboxAt, account: str, event: str, status: str
) -> None:
    """The bank's word comes later."""
    session = opened(client)
    told = sandbox.pay(session.id, card=account)
    assert ("complete", "unpaid") == (told["session"]["status"], told["session"]["payment_status"])
    assert "processing" == told["intent"]["status"]
    sandbox.pass_time(60)
    assert status == client.v1.checkout.sessions.retrieve(session.id).payment_status
    assert ["checkout.session.completed", event] == types_about(client, session.id)


def test_a_session_expires_by_itself(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    session = opened(client)
    sandbox.pass_time(24 * 3600 - 60)
    assert "open" == client.v1.checkout.sessions.retrieve(session.id).status
    sandbox.pass_time(61)
    after = client.v1.checkout.sessions.retrieve(session.id)
    assert ("expired", None) == (after.status, after.url)
    assert ["checkout.session.expired"] == types_about(client, session.id)


def test_a_session_is_expired_once(client: stripe.StripeClient) -> None:
    session = opened(client)
    assert "expired" == client.v1.checkout.sessions.expire(session.id).status
    error = refused(lambda: client.v1.checkout.sessions.expire(session.id))
    assert "This Checkout Session has a status of `expired`." in str(error)


@pytest.mark.parametrize(("seconds", "said"), [(60, "at least 30 minutes"), (25 * 3600, "less than 24 hours")])
def test_a_session_is_open_for_half_an_hour_to_a_day(client: stripe.StripeClient, seconds: int, said: str) -> None:
    now = opened(client).created
    error = refused(lambda: opened(client, expires_at=now + seconds))
    assert said in str(error)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"success_url": "paid"}, "success_url"),
        ({"line_items": []}, "line_items"),
        ({"customer": "cus_x"}, "customer"),
        ({"line_items": [{"quantity": 1, "price": "price_x"}]}, "line_items[0][price]"),
    ],
)
def test_what_cannot_be_sold_is_refused(client: stripe.StripeClient, more: dict[str, Any], param: str) -> None:
    assert param == refused(lambda: opened(client, **more)).param


def test_prices_are_sold_too(client: stripe.StripeClient) -> None:
    """A product and a price of its own, as often as the line says."""
    price = client.v1.prices.create({"currency": "usd", "unit_amount": 500, "product_data": {"name": "Ten credits"}})
    session = opened(client, line_items=[{"price": price.id, "quantity": 3}])
    assert 1500 == session.amount_total
    (line,) = client.v1.checkout.sessions.line_items.list(session.id).data
    assert ("Ten credits", 3) == (line.description, line.quantity)


def test_a_customer_is_made_where_one_is_asked_for(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    session = opened(client, customer_creation="always")
    told = sandbox.pay(session.id, email="ada@example.com")
    made = client.v1.customers.retrieve(told["session"]["customer"])
    assert "ada@example.com" == made.email
    assert None is sandbox.pay(opened(client).id)["session"]["customer"]


def test_an_invoice_is_made_of_what_was_paid(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    session = opened(client, customer=customer, invoice_creation={"enabled": True})
    sandbox.pay(session.id)
    done: Any = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice.payments"]})
    invoice = done.invoice
    assert ("paid", 1050, 1050) == (invoice.status, invoice.total, invoice.amount_paid)
    assert invoice.number.endswith("-0001")
    assert done.payment_intent == invoice.payments.data[0].payment.payment_intent
    assert [invoice.id] == [one.id for one in client.v1.invoices.list({"customer": customer}).data]
    assert invoice.number in httpx.get(invoice.hosted_invoice_url).text
    assert httpx.get(invoice.invoice_pdf).content.startswith(b"%PDF-")


def test_tax_is_on_top_where_it_is_collected(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Nothing without a registration; what the account is set to otherwise."""
    wanted: Any = {"automatic_tax": {"enabled": True}}
    assert 1050 == opened(client, **wanted).amount_total
    sandbox.tell("/config", tax_percent=20)
    session = opened(client, **wanted)
    sandbox.tell("/config", tax_percent=0)
    assert session.total_details is not None
    assert (1050, 1260, 210) == (session.amount_subtotal, session.amount_total, session.total_details.amount_tax)
    assert 1260 == sandbox.pay(session.id)["intent"]["amount"]


def test_tax_must_know_where_the_customer_is(client: stripe.StripeClient, customer: str) -> None:
    wanted: Any = {"automatic_tax": {"enabled": True}, "customer": customer}
    assert "customer_tax_location_invalid" == refused(lambda: opened(client, **wanted)).code
    assert opened(client, **wanted, customer_update={"address": "auto"}).id


def test_an_expired_session_can_be_taken_up_again(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Where that was asked for: its address leads to a new session."""
    wanted: Any = {"recovery": {"enabled": True}}
    session = opened(client, after_expiration=wanted, metadata={"a": "1"})
    client.v1.checkout.sessions.expire(session.id)
    after: Any = client.v1.checkout.sessions.retrieve(session.id)
    there = httpx.get(after.after_expiration.recovery.url)
    assert 303 == there.status_code
    again = client.v1.checkout.sessions.retrieve(there.headers["Location"].rsplit("/", 1)[1])
    assert (session.id, "open", 1050) == (again.recovered_from, again.status, again.amount_total)


def test_a_link_opens_a_session_at_every_visit(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    """Until it is used up: completed sessions count, opened ones do not."""
    price: Any = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}}
    link = client.v1.payment_links.create(
        {
            "line_items": [{"price_data": price, "quantity": 1}],
            "restrictions": {"completed_sessions": {"limit": 1}},
            "metadata": {"payment_id": "p-1"},
            "after_completion": {"type": "redirect", "redirect": {"url": "https://shop.example/thanks"}},
        }
    )
    first, second = (httpx.get(link.url).headers["Location"].rsplit("/", 1)[1] for _ in range(2))
    session = client.v1.checkout.sessions.retrieve(first)
    assert (link.id, {"payment_id": "p-1"}, 500) == (
        session.payment_link,
        session.metadata and session.metadata.to_dict(),
        session.amount_total,
    )
    assert first != second
    sandbox.pay(first)
    after: Any = client.v1.payment_links.retrieve(link.id)
    assert (1, 410) == (after.restrictions.completed_sessions.count, httpx.get(link.url).status_code)


def test_a_link_is_switched_off(client: stripe.StripeClient) -> None:
    price: Any = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}}
    link = client.v1.payment_links.create({"line_items": [{"price_data": price, "quantity": 1}]})
    assert link.active
    assert not client.v1.payment_links.update(link.id, {"active": False}).active
    assert link.id in [one.id for one in client.v1.payment_links.list({"active": False}).data]


def test_sessions_are_found_again(client: stripe.StripeClient, sandbox: SandboxAt, customer: str) -> None:
    """By customer and status, and by the payment."""
    paid, left = opened(client, customer=customer), opened(client, customer=customer)
    intent = sandbox.pay(paid.id)["intent"]["id"]
    listed = client.v1.checkout.sessions.list({"customer": customer, "status": "open"})
    assert [left.id] == [one.id for one in listed.data]
    assert [paid.id] == [one.id for one in client.v1.checkout.sessions.list({"payment_intent": intent}).data]


def test_times_are_of_the_sandboxs_clock(client: stripe.StripeClient, sandbox: SandboxAt) -> None:
    sandbox.pass_time(3600)
    assert opened(client).created >= int(time.time()) + 3600
    with pytest.raises(AssertionError, match="forward only"):
        sandbox.tell("/clock", advance_s=-1)
