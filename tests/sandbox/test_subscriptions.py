"""Behaviour 11: what is paid for again and again, on clocks that are moved by hand."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox.asking import refused
from tests.sandbox.subscribing import DAY_S, START, Subscriber, day, period, price

UPGRADE: Any = {"billing_cycle_anchor": {"type": "now"}, "proration_behavior": "none"}


@pytest.fixture
def subscriber(client: stripe.StripeClient) -> Iterator[Callable[[str], Subscriber]]:
    """Makes a customer who pays with this."""
    made: list[str] = []

    def make(method: str = "pm_card_visa") -> Subscriber:
        made.append(client.v1.test_helpers.test_clocks.create({"frozen_time": START, "name": "tests"}).id)
        return Subscriber(client, made[-1], method)

    yield make
    for clock in made:
        client.v1.test_helpers.test_clocks.delete(clock)


def test_the_first_period_is_paid_at_once(client: stripe.StripeClient, subscriber: Callable[..., Subscriber]) -> None:
    """An invoice, a payment, and both are told."""
    ada = subscriber()
    made = ada.subscribes(price(client, 2900), metadata={"tier": "pro"})
    assert ("active", (START, day(2027, 2, 28))) == (made.status, period(made))
    invoice = made.latest_invoice
    assert ("paid", "subscription_create", 2900) == (invoice.status, invoice.billing_reason, invoice.amount_paid)
    details = invoice.parent.subscription_details
    assert (made.id, "pro") == (details.subscription, details.metadata["tier"])
    (line,) = invoice.lines.data
    assert ((START, day(2027, 2, 28)), 2900) == ((line.period.start, line.period.end), line.amount)
    assert made["items"]["data"][0].id == line.parent.subscription_item_details.subscription_item
    (paid,) = invoice.payments.data
    intent = client.v1.payment_intents.retrieve(paid.payment.payment_intent)
    assert ("succeeded", 2900, ada.id) == (intent.status, intent.amount, intent.customer)
    assert [invoice.id] == [told["id"] for told in ada.told("invoice.paid")]
    assert ["active"] == [told["status"] for told in ada.told("customer.subscription.created")]
    assert [invoice.id] == [one.id for one in client.v1.invoices.list({"subscription": made.id}).data]


def test_a_month_later_it_is_paid_again(client: stripe.StripeClient, subscriber: Callable[..., Subscriber]) -> None:
    """Twice, at the end of February and of March: the anchor is not lost in a shorter month."""
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ada.lives_on(day(2027, 3, 1))
    assert (day(2027, 2, 28), day(2027, 3, 31)) == period(ada.now(made.id))
    ada.lives_on(day(2027, 4, 1))
    now = ada.now(made.id)
    assert ("active", (day(2027, 3, 31), day(2027, 4, 30))) == (now.status, period(now))
    assert ("paid", "subscription_cycle") == (now.latest_invoice.status, now.latest_invoice.billing_reason)
    reasons = [told["billing_reason"] for told in ada.told("invoice.paid")]
    assert ["subscription_cycle", "subscription_cycle", "subscription_create"] == reasons


@pytest.mark.parametrize("method", ["pm_card_chargeCustomerFail", "pm_card_authenticationRequired"])
def test_a_card_that_fails_is_past_due(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber], method: str
) -> None:
    """Declined, or asking for a holder who is not there: the subscription goes on, and owes."""
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ada.pays_with(method)
    ada.lives_on(day(2027, 3, 1))
    now = ada.now(made.id)
    assert ("past_due", "open", 0) == (now.status, now.latest_invoice.status, now.latest_invoice.amount_paid)
    assert [now.latest_invoice.id] == [told["id"] for told in ada.told("invoice.payment_failed")]
    asked = [told["id"] for told in ada.told("invoice.payment_action_required")]
    assert ([] if method == "pm_card_chargeCustomerFail" else [now.latest_invoice.id]) == asked
    ada.pays_with("pm_card_visa")
    ada.lives_on(day(2027, 4, 1))
    assert "active" == ada.now(made.id).status


def test_what_is_owed_is_paid_by_its_intent(client: stripe.StripeClient, subscriber: Callable[..., Subscriber]) -> None:
    """With another card: then nothing is past due any more."""
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ada.pays_with("pm_card_chargeCustomerFail")
    ada.lives_on(day(2027, 3, 1))
    owed: Any = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice.payments"]}).latest_invoice
    good = client.v1.payment_methods.attach("pm_card_visa", {"customer": ada.id}).id
    (asked,) = owed.payments.data
    client.v1.payment_intents.confirm(
        asked.payment.payment_intent, {"payment_method": good, "return_url": "https://shop.example"}
    )
    now = ada.now(made.id)
    assert ("active", "paid") == (now.status, now.latest_invoice.status)


@pytest.mark.parametrize("status", ["succeeded", "requires_payment_method"])
def test_a_first_payment_waits_for_the_holder(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber], sandbox: Any, status: str
) -> None:
    """Who must authenticate, and does it or not."""
    ada = subscriber("pm_card_authenticationRequired")
    made = ada.subscribes(price(client, 2900))
    assert ("incomplete", "open") == (made.status, made.latest_invoice.status)
    (asked,) = made.latest_invoice.payments.data
    result = "complete" if status == "succeeded" else "fail"
    after = sandbox.tell(f"/3ds/{asked.payment.payment_intent}", result=result)["intent"]
    now = ada.now(made.id)
    paid = status == "succeeded"
    assert (status, "active" if paid else "incomplete") == (after["status"], now.status)
    if not paid:
        ada.lives_on(START + 24 * 3600)
        now = ada.now(made.id)
        assert ("incomplete_expired", "void") == (now.status, now.latest_invoice.status)


def test_a_first_payment_that_fails_is_incomplete(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber]
) -> None:
    """Or an error that leaves no subscription, where that is wanted."""
    ada = subscriber("pm_card_chargeCustomerFail")
    monthly = price(client, 2900)
    made = ada.subscribes(monthly)
    assert ("incomplete", "open") == (made.status, made.latest_invoice.status)
    error = refused(lambda: ada.subscribes(monthly, payment_behavior="error_if_incomplete"), stripe.CardError)
    assert (402, "card_declined") == (error.http_status, error.code)
    assert [made.id] == [one.id for one in client.v1.subscriptions.list({"customer": ada.id, "status": "all"}).data]


def test_without_a_card_there_is_no_subscription(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({}).id
    error = refused(
        lambda: client.v1.subscriptions.create({"customer": customer, "items": [{"price": price(client, 2900)}]})
    )
    assert "no attached payment source or default payment method" in str(error)


def test_an_upgrade_begins_a_new_period(client: stripe.StripeClient, subscriber: Callable[..., Subscriber]) -> None:
    """For the whole price, and the next period counts from there."""
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ada.lives_on(START + 10 * DAY_S)
    item: Any = {"id": made["items"]["data"][0].id, "price": price(client, 9900)}
    client.v1.subscriptions.update(made.id, {"items": [item], "payment_behavior": "error_if_incomplete", **UPGRADE})
    now = ada.now(made.id)
    start = START + 10 * DAY_S
    assert ("active", start, (start, day(2027, 3, 10))) == (now.status, now.billing_cycle_anchor, period(now))
    invoice = now.latest_invoice
    assert ("paid", "subscription_update", 9900) == (invoice.status, invoice.billing_reason, invoice.amount_paid)
    (updated,) = ada.told("customer.subscription.updated")
    assert 9900 == updated["items"]["data"][0]["price"]["unit_amount"]


def test_an_upgrade_that_is_not_paid_is_none(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber]
) -> None:
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ada.pays_with("pm_card_chargeCustomerFail")
    item: Any = {"id": made["items"]["data"][0].id, "price": price(client, 9900)}
    wanted: Any = {"items": [item], "payment_behavior": "error_if_incomplete", **UPGRADE}
    assert "card_declined" == refused(lambda: client.v1.subscriptions.update(made.id, wanted), stripe.CardError).code
    now = ada.now(made.id)
    assert ("active", made.latest_invoice.id, period(made)) == (now.status, now.latest_invoice.id, period(now))
    assert 2900 == now["items"]["data"][0].price.unit_amount


def test_a_downgrade_waits_for_the_next_period(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber]
) -> None:
    ada = subscriber()
    made = ada.subscribes(price(client, 9900))
    item: Any = {"id": made["items"]["data"][0].id, "price": price(client, 2900)}
    client.v1.subscriptions.update(made.id, {"items": [item], "proration_behavior": "none"})
    assert made.latest_invoice.id == ada.now(made.id).latest_invoice.id
    ada.lives_on(day(2027, 3, 1))
    assert 2900 == ada.now(made.id).latest_invoice.amount_paid


def test_it_is_canceled_at_once(client: stripe.StripeClient, subscriber: Callable[..., Subscriber]) -> None:
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ended = client.v1.subscriptions.cancel(made.id)
    assert ("canceled", START, START) == (ended.status, ended.canceled_at, ended.ended_at)
    assert [made.id] == [told["id"] for told in ada.told("customer.subscription.deleted")]
    assert [] == client.v1.subscriptions.list({"customer": ada.id}).data
    assert "canceled" == client.v1.subscriptions.list({"customer": ada.id, "status": "ended"}).data[0].status
    assert 404 == refused(lambda: client.v1.subscriptions.cancel(made.id)).http_status
    ada.lives_on(day(2027, 3, 1))
    assert made.latest_invoice.id == ada.now(made.id).latest_invoice.id


def test_it_is_canceled_when_its_period_ends(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber]
) -> None:
    """Until then that can be taken back."""
    ada = subscriber()
    made = ada.subscribes(price(client, 2900))
    ends = day(2027, 2, 28)
    leaving = client.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    assert ("active", True, ends) == (leaving.status, leaving.cancel_at_period_end, leaving.cancel_at)
    back = client.v1.subscriptions.update(made.id, {"cancel_at_period_end": False})
    assert (False, None, None) == (back.cancel_at_period_end, back.cancel_at, back.canceled_at)
    client.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    ada.lives_on(day(2027, 3, 1))
    now = ada.now(made.id)
    assert ("canceled", ends, made.latest_invoice.id) == (now.status, now.ended_at, now.latest_invoice.id)


def test_nothing_is_paid_for_nothing(client: stripe.StripeClient, subscriber: Callable[..., Subscriber]) -> None:
    """A free tier needs no card, and has invoices that are paid."""
    ada = subscriber()
    made = ada.subscribes(price(client, 0))
    assert ("active", "paid", []) == (made.status, made.latest_invoice.status, made.latest_invoice.payments.data)


def test_without_a_clock_it_has_the_time_of_all(client: stripe.StripeClient, sandbox: Any) -> None:
    """A day passes in the sandbox, and it is paid again."""
    customer = client.v1.customers.create({}).id
    saved = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    daily = price(client, 100, "day")
    made: Any = client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": daily, "quantity": 3}], "default_payment_method": saved}
    )
    sandbox.pass_time(DAY_S + 1)
    now: Any = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})
    assert (period(made)[1], "subscription_cycle", 300) == (
        period(now)[0],
        now.latest_invoice.billing_reason,
        now.latest_invoice.amount_paid,
    )
    expanded: Any = client.v1.customers.retrieve(customer, {"expand": ["subscriptions"]})
    assert [made.id] == [one.id for one in expanded.subscriptions.data]
    client.v1.customers.delete(customer)
    assert "canceled" == client.v1.subscriptions.retrieve(made.id).status


def test_a_debit_pays_later(client: stripe.StripeClient, sandbox: Any) -> None:
    """It counts as paid until the bank says that it is not."""
    customer = client.v1.customers.create({}).id
    monthly = price(client, 2900)
    for method, status in (("success", "active"), ("insufficientFunds", "past_due")):
        saved = client.v1.payment_methods.attach(f"pm_usBankAccount_{method}", {"customer": customer}).id
        wanted: Any = {"customer": customer, "items": [{"price": monthly}], "default_payment_method": saved}
        made = client.v1.subscriptions.create(wanted)
        assert "active" == made.status
        sandbox.pass_time(61)
        now: Any = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})
        assert (status, "paid" if status == "active" else "open") == (now.status, now.latest_invoice.status)


@pytest.mark.parametrize(
    ("at", "said"),
    [(START, "frozen_time"), (day(2027, 4, 1), "two intervals"), (2**62, "frozen_time")],
    ids=["not on", "too far", "much too far"],
)
def test_a_clock_goes_on_by_little(
    client: stripe.StripeClient, subscriber: Callable[..., Subscriber], at: int, said: str
) -> None:
    """Never back, and by two periods at most."""
    ada = subscriber()
    ada.subscribes(price(client, 2900))
    error = refused(lambda: client.v1.test_helpers.test_clocks.advance(ada.clock, {"frozen_time": at}))
    assert said in str(error)


def test_what_is_on_a_clock_is_only_found_there(client: stripe.StripeClient) -> None:
    """Customers and subscriptions; and with the clock they go."""
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": int(time.time())}).id
    ada = Subscriber(client, clock, "pm_card_visa")
    made = ada.subscribes(price(client, 2900))
    assert [ada.id] == [one.id for one in client.v1.customers.list({"test_clock": clock}).data]
    assert [made.id] == [one.id for one in client.v1.subscriptions.list({"test_clock": clock}).data]
    assert ada.id not in [one.id for one in client.v1.customers.list({"limit": 100}).data]
    assert made.id not in [one.id for one in client.v1.subscriptions.list({"limit": 100}).data]
    assert client.v1.test_helpers.test_clocks.delete(clock).deleted
    assert client.v1.customers.retrieve(ada.id).deleted


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"items": []}, "items"),
        ({"items": [{"price": "price_x"}]}, "items[0][price]"),
        ({"trial_period_days": 7}, "trial_period_days"),
        ({"collection_method": "send_invoice"}, "collection_method"),
        ({"payment_behavior": "default_incomplete"}, "payment_behavior"),
        ({"default_payment_method": "pm_x"}, "default_payment_method"),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(
    sandbox: Any, client: stripe.StripeClient, subscriber: Callable[..., Subscriber], params: Any, param: str
) -> None:
    """Or what the sandbox does not have."""
    ada = subscriber()
    assert param == refused(lambda: ada.subscribes(price(client, 2900), **params)).param
