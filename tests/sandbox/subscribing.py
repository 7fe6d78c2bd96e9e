"""What tests of subscriptions ask for: customers on clocks of their own, and prices."""

import calendar
from datetime import UTC, datetime
from typing import Any

import stripe

from tests.support.waiting import until

DAY_S = 86_400
START = int(datetime(2027, 1, 31, 9, tzinfo=UTC).timestamp())
"""Of the clocks: a day that most months do not have."""


class Subscriber:
    """A customer on a clock of its own."""

    def __init__(self, client: stripe.StripeClient, clock: str, method: str) -> None:
        self.client = client
        self.clock = clock
        self.id = client.v1.customers.create({"test_clock": clock, "email": "ada@example.com"}).id
        self.pays_with(method)

    def pays_with(self, method: str) -> None:
        """From now on by default."""
        saved = self.client.v1.payment_methods.attach(method, {"customer": self.id}).id
        self.client.v1.customers.update(self.id, {"invoice_settings": {"default_payment_method": saved}})

    def subscribes(self, price: str, **more: Any) -> Any:
        wanted: Any = {"customer": self.id, "items": [{"price": price}], "expand": ["latest_invoice.payments"]}
        return self.client.v1.subscriptions.create(wanted | more)

    def now(self, subscription: str) -> Any:
        return self.client.v1.subscriptions.retrieve(subscription, {"expand": ["latest_invoice"]})

    def lives_on(self, until_s: int) -> None:
        """Its clock is moved to this time, and everything happens that does meanwhile."""
        clocks = self.client.v1.test_helpers.test_clocks
        clocks.advance(self.clock, {"frozen_time": until_s})
        until(lambda: clocks.retrieve(self.clock).status == "ready", "the clock has arrived", patience_s=60)

    def told(self, kind: str) -> list[Any]:
        """What events of this type tell of the customer, the newest first."""
        events = self.client.v1.events.list({"type": kind, "limit": 50}).data
        return [event.data.object for event in events if event.data.object["customer"] == self.id]


def price(client: stripe.StripeClient, cents: int, interval: Any = "month") -> str:
    recurring: Any = {"interval": interval}
    product: Any = {"name": "Pro"}
    wanted: Any = {"currency": "usd", "unit_amount": cents, "recurring": recurring, "product_data": product}
    return client.v1.prices.create(wanted).id


def period(subscription: Any) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def day(year: int, month: int, number: int) -> int:
    return calendar.timegm((year, month, number, 9, 0, 0))
