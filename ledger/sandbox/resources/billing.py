"""Subscriptions as they run: each period has an invoice, and what becomes of that becomes of the subscription.

A payment is tried once per invoice: Stripe's retries are a setting of the account, and not simulated. A subscription
whose customer is on a test clock has the time of that clock; what it pays with has the sandbox's.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.objects import public
from ledger.sandbox.resources import invoices, paying, payment_intents
from ledger.sandbox.rules import money, periods
from ledger.sandbox.shapes import billing as shapes
from ledger.sandbox.shapes import selling
from ledger.sandbox.world import World

ENDED: Final = ("canceled", "incomplete_expired")
FIRST: Final = "subscription_create"
_INCOMPLETE_S: Final = 23 * 3600
_ALONE: Final = {"enabled": True, "allow_redirects": "never"}
_NAMES: Final = {FIRST: "Subscription creation", "subscription_update": "Subscription update"}
_ASKS: Final = "authentication_required"


class _Attempt(NamedTuple):
    """A try to pay an invoice. No intent: there was nothing to pay, or (with an error) nothing to pay with."""

    intent: Object | None = None
    error: StripeError | None = None

    @property
    def asks(self) -> bool:
        """Whether the customer is asked for."""
        asked = self.intent is not None and self.intent["status"] == "requires_action"
        return asked or (self.error is not None and self.error.error.get("code") == _ASKS)

    @property
    def open(self) -> bool:
        """Whether the customer owes something that is not on its way."""
        return self.error is not None or self.asks


def time_of(world: World, test_clock: str | None) -> int:
    """What time it is by a test clock, or by the sandbox's own where there is none."""
    return world.now if test_clock is None else int(world.get("test_helpers.test_clock", test_clock)["frozen_time"])


def dated(items: Sequence[Object], start: int, anchor: int) -> list[Object]:
    """Items in the period that begins now."""
    end = periods.end(anchor, start, items[0]["price"]["recurring"])
    return [{**item, "current_period_start": start, "current_period_end": end} for item in items]


def bill(
    world: World,
    subscription: Object,
    changes: Object,
    reason: str,
    at: int,
    *,
    off_session: bool = False,
    strict: bool = False,
) -> Object:
    """Change a subscription, and have the period that its items show then paid.

    Raises StripeError where it is ``strict`` and that fails: then nothing is changed, and only the failed payment left.
    """
    wanted = {**subscription, **changes}
    invoice = _invoice(world, wanted, reason, at)
    attempt = _pay(world, wanted, invoice, _NAMES.get(reason), off_session=off_session)
    if strict:
        _require_paid(world, attempt)
    unpaid = "incomplete" if reason == FIRST else "past_due"
    fields = {**changes, "status": unpaid if attempt.open else "active", "latest_invoice": invoice["id"]}
    incomplete = fields["status"] == "incomplete"
    _wait(world, wanted, at + _INCOMPLETE_S if incomplete else wanted["items"]["data"][0]["current_period_end"], at)
    if reason == FIRST:
        subscription.update(fields)
        world.add(subscription, "customer.subscription.created")
    else:
        world.change(subscription, "customer.subscription.updated", **fields)
    invoices.issue(world, invoice)
    if attempt.open:
        invoices.unpaid(world, invoice, failed=attempt.error is not None, asks=attempt.asks)
    elif attempt.intent is None or attempt.intent["status"] == "succeeded":
        invoices.settle(world, invoice, at)
    return subscription


def renew(world: World, subscription: Object, at: int) -> None:
    """Its time has come: the next period begins, or it ends."""
    if subscription["status"] == "incomplete":
        invoices.void(world, world.get("invoice", subscription["latest_invoice"]), at)
        _stop(world, subscription)
        world.change(subscription, "customer.subscription.updated", status="incomplete_expired", ended_at=at)
    elif subscription["cancel_at"] is not None and subscription["cancel_at"] <= at:
        end(world, subscription, at)
    else:
        items = dated(subscription["items"]["data"], at, subscription["billing_cycle_anchor"])
        changes = {"items": shapes.items(subscription["id"], items)}
        bill(world, subscription, changes, "subscription_cycle", at, off_session=True)


def renew_due(world: World, subscription: str, at: int) -> None:
    """The same by the sandbox's clock, if it was not changed meanwhile."""
    found = world.get("subscription", subscription)
    if found["_"]["due_at"] == at:
        renew(world, found, at)


def end(world: World, subscription: Object, at: int, **fields: Any) -> Object:
    """It is over."""
    _stop(world, subscription)
    canceled_at = subscription["canceled_at"] or at
    times = {"canceled_at": canceled_at, "ended_at": at}
    return world.change(subscription, "customer.subscription.deleted", status="canceled", **times, **fields)


def follow(world: World, intent: Object) -> None:
    """What has become of an intent becomes of its invoice and subscription, if it has them."""
    invoice = world.objects.find(intent["_"].get("invoice", ""))
    if invoice is None or invoice["status"] != "open":
        return
    subscription = world.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
    at = time_of(world, subscription["test_clock"])
    latest = subscription["latest_invoice"] == invoice["id"]
    if intent["status"] == "succeeded":
        invoices.settle(world, invoice, at)
        if latest and subscription["status"] in ("incomplete", "past_due"):
            _wait(world, subscription, subscription["items"]["data"][0]["current_period_end"], at)
            world.change(subscription, "customer.subscription.updated", status="active")
    elif intent["status"] == "requires_payment_method":
        invoices.unpaid(world, invoice, failed=True, asks=False)
        if latest and subscription["status"] == "active":
            world.change(subscription, "customer.subscription.updated", status="past_due")


def _invoice(world: World, subscription: Object, reason: str, at: int) -> Object:
    customer = world.get("customer", subscription["customer"])
    details = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
    parent = {"subscription_details": {**details, "subscription_proration_date": None}, "type": "subscription_details"}
    return invoices.drafted(
        world,
        [_line(world, item) for item in subscription["items"]["data"]],
        at,
        auto_advance=True,
        billing_reason=reason,
        currency=subscription["currency"],
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        parent={"quote_details": None, **parent},
        test_clock=subscription["test_clock"],
    )


def _line(world: World, item: Object) -> Object:
    price, quantity = item["price"], item["quantity"]
    name = world.get("product", price["product"])["name"]
    shown = money.shown(price["unit_amount"], price["currency"])
    every = f"{price['recurring']['interval']}"
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return {
        **selling.line(price, quantity, f"{quantity} × {name} (at {shown} / {every})"),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
    }


def _pay(world: World, subscription: Object, invoice: Object, name: str | None, *, off_session: bool) -> _Attempt:
    if invoice["total"] == 0:
        return _Attempt()
    method = method_of(world, subscription)
    if method is None:
        return _Attempt(error=no_method())
    params = {
        "amount": invoice["total"],
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": name or "Subscription",
        "setup_future_usage": "off_session",
        "automatic_payment_methods": _ALONE,
    }
    intent = payment_intents.opened(world, params, invoice=invoice["id"])
    invoices.requested(world, invoice, intent["id"])
    try:
        paying.confirm(world, intent, method, off_session=off_session)
    except StripeError as error:
        return _Attempt(intent, error)
    return _Attempt(intent)


def method_of(world: World, subscription: Object) -> Object | None:
    """What it is paid with: its own payment method, or the customer's."""
    customer = world.get("customer", subscription["customer"])
    named = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    method = world.objects.find(named or "")
    return method if method is not None and method["customer"] == customer["id"] else None


def no_method() -> StripeError:
    """There is nothing to pay with."""
    message = (
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit "
        "https://docs.stripe.com/billing/subscriptions/payment-methods-setting#payment-method-priority."
    )
    return invalid(message, code="resource_missing")


def _require_paid(world: World, attempt: _Attempt) -> None:
    """Raises StripeError, and gives up the intent, whose invoice there will never be."""
    if not attempt.open:
        return
    assert attempt.intent is not None, "what there is nothing to pay with was refused before"
    error = attempt.error or StripeError(
        402,
        "card_error",
        "Payment for this subscription requires additional user action before it can be completed successfully. "
        "Payment can be completed using the PaymentIntent associated with `subscription.latest_invoice`.",
        keeps=True,
        code="subscription_payment_intent_requires_action",
        payment_intent=public(attempt.intent),
    )
    payment_intents.canceled(world, attempt.intent, "void_invoice")
    raise error


def _wait(world: World, subscription: Object, due_at: int, at: int) -> None:
    """Something happens to it next at this time; a test clock looks for that itself."""
    subscription["_"]["due_at"] = due_at
    if subscription["test_clock"] is None:
        world.later(due_at - at, "renew", subscription=subscription["id"], at=due_at)


def _stop(world: World, subscription: Object) -> None:
    subscription["_"]["due_at"] = None
