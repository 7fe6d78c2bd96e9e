"""The model with prices and budgets: what a measured use costs, and whether a hard budget has room for it.

Written from docs/concepts/rate-card.md and budgets.md; what it adds to the book's model is decided where those say so,
after the wallet's status and the time, and before its credits.
"""

from datetime import datetime
from fractions import Fraction
from typing import Any

from ledger.book.commands import Capture, Measure, PlaceHold, Reverse, Use
from tests.model.book import ModelBook, Refusal
from tests.model.limits import start_of
from tests.model.model import Model
from tests.model.prices import Cost, Prices


class PricedModel(Model):
    """``prices`` are those of the card; ``decimals`` how finely a meter counts."""

    def __init__(self) -> None:
        super().__init__()
        self.prices = Prices()
        self.decimals: dict[tuple[str, str], int] = {}

    def use(self, book: ModelBook, command: Use, facts: dict[str, Any]) -> None:
        amount, at = command.amount, facts["effective_at"]
        cost = None
        if command.measure is not None:
            occurred_at = command.effective_at or facts["recorded_at"]
            cost = self._cost(book, command.service, command.measure, occurred_at)
            amount = cost.micro
            facts = {**facts, "cost": cost, "used": command, "occurred_at": occurred_at}
        self._allow(book, command.service, amount, at)
        self._take_for(book, f"used:{command.service}", amount)
        if cost is not None:
            book.account.count(cost)
        book.commit("usage", **facts)

    def hold(self, book: ModelBook, command: PlaceHold, facts: dict[str, Any]) -> None:
        self._allow(book, command.service, command.amount, facts["effective_at"])
        super().hold(book, command, facts)

    def capture(self, book: ModelBook, command: Capture, facts: dict[str, Any]) -> None:
        hold = book.holds.get(command.hold, {"service": "", "amount": 0, "captured": 0, "released": 0})
        left = hold["amount"] - hold["captured"] - hold["released"]
        amount = left if command.amount is None else command.amount
        self._allow(book, command.service or hold["service"], amount, facts["effective_at"])
        super().capture(book, command, facts)

    def reverse(self, book: ModelBook, command: Reverse, facts: dict[str, Any]) -> None:
        super().reverse(book, command, facts)
        if command.void and "cost" in book.journal[command.number - 1]:
            book.account.void(book.journal[command.number - 1]["cost"])

    def _cost(self, book: ModelBook, service: str, measure: Measure, at: datetime) -> Cost:
        price = self.prices.find(service, measure.meter, measure.dimensions, at)
        if price is None:
            raise Refusal("PRICE_NOT_FOUND")
        quantity = Fraction(measure.quantity, 10 ** self.decimals[service, measure.meter])
        return book.account.cost(self.prices, price, quantity, at)

    def _allow(self, book: ModelBook, service: str, amount: int, at: datetime) -> None:
        for _, limit in sorted(book.limits.items()):
            if not limit.hard or at < limit.since or limit.service not in (None, service):
                continue
            spent = limit.spent(book.journal, start_of(at, limit.period))
            left = max(0, limit.micro - spent)
            if amount > left:
                raise Refusal("CREDIT_LIMIT_EXCEEDED", left=left, spent=spent)
