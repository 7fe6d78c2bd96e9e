"""Movements of Stripe's balance, and the lines of the book that each becomes. Pure.

A movement (a balance transaction) is money that comes into Stripe's balance or leaves it, in the settlement currency:
``amount`` and, apart from it, what Stripe keeps, ``fee``. The book has the balance as ``stripe_clearing``, so the lines
of all movements together are what Stripe says it holds. The amount of a charge is the one that is not here: the
purchase books it, which knows the tax in it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ledger.book.chart import (
    BANK,
    DISPUTE_FEES,
    DISPUTE_RECEIVABLE,
    REFUND_PAYABLE,
    STRIPE_CLEARING,
    STRIPE_FEES,
)
from ledger.book.commands import MoneyLine

CHARGE: Final = "charge"

OTHER_SIDE: Final[Mapping[str, str | None]] = {
    CHARGE: None,
    "refund": REFUND_PAYABLE,
    "refund_failure": REFUND_PAYABLE,
    "dispute": DISPUTE_RECEIVABLE,
    "dispute_reversal": DISPUTE_RECEIVABLE,
    "fee": STRIPE_FEES,
    "payout": BANK,
    "payout_reversal": BANK,
}
"""By reporting category: the account that the amount comes from or goes to. Other categories are not known here, and
are told of instead of booked."""


class Movement(NamedTuple):
    """A balance transaction. ``currency`` as an ISO code in capitals; ``source``: what it is of."""

    movement: str
    type: str
    category: str
    amount: int
    fee: int
    net: int
    currency: str
    source: str | None
    description: str | None
    created_at: datetime

    @property
    def known(self) -> bool:
        """Whether it can be booked."""
        return self.category in OTHER_SIDE

    @property
    def of_dispute(self) -> bool:
        """Whether it belongs to a dispute, as the fee for an answer to one does."""
        named = (self.source or "").startswith(("du_", "dp_"))
        return named or self.category in ("dispute", "dispute_reversal") or "Dispute" in (self.description or "")


def movement_of(found: Mapping[str, Any]) -> Movement:
    """A balance transaction as Stripe shows it."""
    source = found["source"]
    return Movement(
        found["id"],
        found["type"],
        found["reporting_category"],
        found["amount"],
        found["fee"],
        found["net"],
        found["currency"].upper(),
        source["id"] if isinstance(source, dict) else source,
        found["description"],
        datetime.fromtimestamp(found["created"], UTC),
    )


def lines_of(movement: Movement, *, of_older: str | None = None) -> tuple[MoneyLine, ...]:
    """The lines that a movement becomes; of a charge only its fee. It must be ``known``.

    ``of_older``: where the amount comes from or goes to, if it is of a payment from before the books.
    """
    other, fees = OTHER_SIDE[movement.category], STRIPE_FEES
    if movement.category != "fee":
        other = of_older or other
    if movement.of_dispute:
        fees = DISPUTE_FEES
        other = DISPUTE_FEES if movement.category == "fee" else other
    amount = into_clearing(other, movement.amount, movement.currency) if other else ()
    return amount + into_clearing(fees, -movement.fee, movement.currency)


def into_clearing(other: str, amount: int, currency: str) -> tuple[MoneyLine, ...]:
    """Money that comes from the other account, or, below zero, goes there."""
    if amount > 0:
        return (MoneyLine(STRIPE_CLEARING, other, currency, amount),)
    return (MoneyLine(other, STRIPE_CLEARING, currency, -amount),) if amount else ()
