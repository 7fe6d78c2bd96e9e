"""Tells of payments: an event for each thing that the book says of one, in the transaction that says it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import asdict

from ledger.book import commands as c
from ledger.book.chart import DISPUTE_RECEIVABLE, OWED, REFUND_PAYABLE, STRIPE_CLEARING, WALLET
from ledger.book.participants import Event, Part, Rows, Statement
from ledger.book.rules.move import Move
from ledger.events.catalogue import BY_TYPE
from ledger.events.payloads import DisputeMoved, PaymentMoved
from ledger.kit.money import CREDIT, format_amount
from ledger.kit.wire import Row

EVENTS: Final = {
    "purchase": ("payment.completed",),
    "payment_refund": ("payment.refunded",),
    "refund_failed": ("payment.refund_failed",),
    "dispute": ("payment.disputed", "dispute.opened"),
    "dispute_won": ("dispute.won",),
    "dispute_lost": ("dispute.lost",),
}
"""What is told of a transaction, by its kind."""

ACCOUNTS: Final = {
    "purchase": STRIPE_CLEARING,
    "payment_refund": REFUND_PAYABLE,
    "refund_failed": REFUND_PAYABLE,
    "dispute": DISPUTE_RECEIVABLE,
    "dispute_won": DISPUTE_RECEIVABLE,
    "dispute_lost": DISPUTE_RECEIVABLE,
}
"""The account that says how much money it is about."""

COMMANDS: Final = (c.RefundPayment, c.UndoRefund, c.OpenDispute, c.SettleDispute)


class PaymentEvents:
    """The participant: it reads nothing."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[c.Attempt]) -> Sequence[Statement] | None:
        return () if any(_is_of_payment(attempt.command) for attempt in attempts) else None

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part:
        return _Telling()


class _Telling(Part):
    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        told = [move.transaction for move in moves if move.transaction.kind in EVENTS]
        return [_event(transaction, type_) for transaction in told for type_ in EVENTS[transaction.kind]], None


def _is_of_payment(command: c.Command) -> bool:
    return isinstance(command, COMMANDS) or (isinstance(command, c.Inflow) and command.of_kind in EVENTS)


def _event(transaction: c.Transaction, type_: str) -> Event:
    facts = {} if transaction.notes is None else transaction.notes.facts
    credits = sum(line.amount for line in transaction.postings if line.asset == CREDIT and _crosses(line))
    account, moved = ACCOUNTS[transaction.kind], Counter[str]()
    for line in transaction.postings:
        if account in (line.debit, line.credit):
            moved[line.asset] += line.amount if line.debit == account else -line.amount
    currency, amount = next(iter(moved.items()), (None, 0))
    data: PaymentMoved | DisputeMoved = PaymentMoved(
        payment_id=_text(facts.get("payment_id")),
        credits=format_amount(credits),
        amount=None if currency is None else format_amount(abs(amount), currency),
        currency=currency,
    )
    if BY_TYPE[type_].data is DisputeMoved:
        data = DisputeMoved(dispute_id=_text(facts.get("stripe_dispute")), **asdict(data))
    return Event(transaction.wallet_id, type_, data, transaction.number)


def _text(fact: c.Scalar | None) -> str | None:
    return None if fact is None else str(fact)


def _crosses(line: c.Posting) -> bool:
    """Whether a line is of the purchase's credits, and not of debt that they pay."""
    return not (line.debit == WALLET and line.credit == OWED)
