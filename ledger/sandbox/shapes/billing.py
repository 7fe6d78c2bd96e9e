"""What bills again and again: subscriptions, their items, and the clocks that they are tested by."""

from typing import Any, Final

from ledger.sandbox.errors import Object
from ledger.sandbox.ids import new_id
from ledger.sandbox.shapes.base import new, page

_SUBSCRIPTION: Final[Object] = {
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor": 0,
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "collection_method": "charge_automatically",
    "currency": "usd",
    "customer": None,
    "customer_account": None,
    "days_until_due": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "items": {},
    "latest_invoice": None,
    "managed_payments": None,
    "metadata": {},
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "start_date": 0,
    "status": "incomplete",
    "test_clock": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}},
    "trial_start": None,
}
_CLOCK: Final[Object] = {"deletes_after": 0, "frozen_time": 0, "name": None, "status": "ready", "status_details": {}}


def subscription(now: int, **given: Any) -> Object:
    """A subscription that has no items yet."""
    named = new_id("sub")
    times = {"billing_cycle_anchor": now, "start_date": now}
    return new("subscription", "sub", _SUBSCRIPTION, now, {"id": named, "items": items(named, []), **times, **given})


def items(subscription_id: str, data: list[Object]) -> Object:
    """The items of a subscription, as it shows them."""
    return page(f"/v1/subscription_items?subscription={subscription_id}", data)


def item(now: int, subscription_id: str, price: Object, quantity: int, **given: Any) -> Object:
    """What a subscription is to: so many of a price."""
    return {
        "id": new_id("si"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": now,
        "current_period_end": now,
        "current_period_start": now,
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
        **given,
    }


def plan(price: Object) -> Object:
    """A recurring price as it was told before there were prices."""
    copied = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    recurring = ("interval", "interval_count", "meter", "trial_period_days", "usage_type")
    return {
        "object": "plan",
        **{name: price[name] for name in copied},
        **{name: price["recurring"][name] for name in recurring},
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "tiers_mode": None,
        "transform_usage": None,
    }


def test_clock(now: int, **given: Any) -> Object:
    """A clock that stands still until it is moved."""
    return new("test_helpers.test_clock", "clock", _CLOCK, now, given)
