"""What becomes of a purchase later: its money goes back, or is disputed. Credits and money of it in one transaction.

A purchase has a lot of its own, whose cost is what was paid for it without tax. Credits leave a lot in an order, and
with each the next part of what was paid leaves too, rounded so that all parts add up to it: ``_parts``. So what is
refunded, recognised and lost of a purchase is together what was paid, to the cent, in whatever order it comes.
"""

from datetime import datetime
from typing import Final, NamedTuple

from ledger.book.chart import (
    DEFERRED_REVENUE,
    DISPUTE_RECEIVABLE,
    DISPUTED,
    LOSS_DISPUTE,
    LOSS_REFUND,
    OWED,
    REFUND_PAYABLE,
    TAX_PAYABLE,
    WALLET,
)
from ledger.book.commands import PRIORITY_DEFAULT, OpenDispute, RefundPayment, SettleDispute, Transaction, UndoRefund
from ledger.book.rules.lines import Draft
from ledger.book.rules.moves import must_fit
from ledger.book.rules.reversal import Original
from ledger.book.rules.state import Book, Lot
from ledger.errors import NotReversible, RefundExceedsUnspent
from ledger.kit.money import format_amount

WITHDRAWN_REFUND: Final = "withdrawn:refund"
WITHDRAWN_DISPUTE: Final = "withdrawn:dispute"


class _Parts(NamedTuple):
    """Of what was paid, in the smallest unit: without tax, and the tax."""

    net: int
    tax: int

    @property
    def gross(self) -> int:
        return self.net + self.tax


def refund_payment(book: Book, command: RefundPayment, original: Original) -> Draft:
    """The unspent credits of a purchase leave its lot, and their money is owed to who paid.

    More than is unspent is refused whole, or, with ``force``, a loss. Raises RefundExceedsUnspent.
    """
    lot = _lot_of(book, _purchase(original))
    assert lot.currency is not None
    credits, money = _asked(lot, command)
    unspent = min(credits, lot.free)
    parts = _parts(lot, command.paid, unspent)
    if parts.gross > money:
        # The smallest part of a credit has more than the smallest unit of money: that much cannot be hit.
        unspent -= 1
        parts = _parts(lot, command.paid, unspent)
    beyond = money - parts.gross
    if (beyond or credits > lot.free) and not command.force:
        raise _exceeds(lot, command.paid)
    draft = Draft(book)
    if unspent:
        draft.take([(lot, unspent)], WITHDRAWN_REFUND)
    tax = (command.paid - lot.cost) * beyond // command.paid
    _owe(draft, DEFERRED_REVENUE, REFUND_PAYABLE, lot.currency, parts.net)
    _owe(draft, TAX_PAYABLE, REFUND_PAYABLE, lot.currency, parts.tax + tax)
    _owe(draft, LOSS_REFUND, REFUND_PAYABLE, lot.currency, beyond - tax)
    return draft


def undo_refund(book: Book, command: UndoRefund, original: Original) -> Draft:
    """Stripe could not give the money back: credits and money are where they were. Raises NotReversible."""
    refund = original.transaction
    if refund.kind != "payment_refund" or original.voided:
        raise NotReversible(f"a transaction of kind {refund.kind} is no refund that stands", kind=refund.kind)
    must_fit(book, sum(line.amount for line in refund.postings if line.lot is not None))
    draft = Draft(book)
    for line in refund.postings:
        if line.lot is None:
            draft.money(line.credit, line.debit, line.asset, line.amount)
            continue
        lot = book.lots[line.lot]
        draft.move(line.credit, WALLET, line.amount, lot)
        book.revive(lot)
        book.due_by(lot.expires_at)
    draft.pay_debt()
    return draft


def open_dispute(book: Book, command: OpenDispute, original: Original) -> Draft:
    """Stripe withdrew the money. What is unspent of the credits is set aside, the rest is owed."""
    lot = _lot_of(book, _purchase(original))
    must_fit(book, command.amount)
    unspent = min(command.amount, lot.free)
    draft = Draft(book)
    if unspent:
        draft.move(WALLET, DISPUTED, unspent, lot)
    if command.amount > unspent:
        draft.move(OWED, DISPUTED, command.amount - unspent)
    draft.pay_debt()
    for line in command.money:
        draft.money(line.debit, line.credit, line.asset, line.amount)
    return draft


def settle_dispute(book: Book, command: SettleDispute, original: Original, at: datetime) -> Draft:
    """The dispute is won, and everything goes back the same way; or lost, and what was set aside is gone.

    What was owed and has been paid since comes back, where it is won, as new credits that cost nothing: the money of
    those that paid it is earned. Raises NotReversible.
    """
    dispute = original.transaction
    lot, aside, owed = _set_aside(book, dispute)
    if dispute.kind != "dispute" or original.voided:
        raise NotReversible(f"a transaction of kind {dispute.kind} is no dispute that is open", kind=dispute.kind)
    draft = Draft(book)
    if command.won:
        _give_back(draft, lot, aside, owed, command, at)
    else:
        _write_off(draft, lot, aside, owed, command)
    return draft


def _give_back(draft: Draft, lot: Lot | None, aside: int, owed: int, command: SettleDispute, at: datetime) -> None:
    book = draft.book
    if lot is not None:
        draft.move(DISPUTED, WALLET, aside, lot)
        book.revive(lot)
        book.due_by(lot.expires_at)
    still = min(owed, book.owed)
    if still:
        draft.move(DISPUTED, OWED, still)
    if owed > still:
        draft.move(DISPUTED, WITHDRAWN_DISPUTE, owed - still)
        fresh = book.new_lot("refund", owed - still, PRIORITY_DEFAULT, at, None, join=False)
        draft.move("issued:refund", WALLET, owed - still, fresh)
    draft.pay_debt()
    for line in command.money:
        draft.money(line.debit, line.credit, line.asset, line.amount)


def _write_off(draft: Draft, lot: Lot | None, aside: int, owed: int, command: SettleDispute) -> None:
    parts = _Parts(0, 0)
    if lot is not None:
        parts = _parts(lot, command.paid, aside)
        draft.move(DISPUTED, WITHDRAWN_DISPUTE, aside, lot)
    if owed:
        draft.move(DISPUTED, WITHDRAWN_DISPUTE, owed)
    _owe(draft, DEFERRED_REVENUE, DISPUTE_RECEIVABLE, command.currency, parts.net)
    _owe(draft, TAX_PAYABLE, DISPUTE_RECEIVABLE, command.currency, parts.tax)
    _owe(draft, LOSS_DISPUTE, DISPUTE_RECEIVABLE, command.currency, command.withdrawn - parts.gross)


def _owe(draft: Draft, debit: str, credit: str, currency: str, amount: int) -> None:
    """A line of money. Parts are rounded each by itself; one that is less than nothing goes the other way."""
    if amount > 0:
        draft.money(debit, credit, currency, amount)
    elif amount < 0:
        draft.money(credit, debit, currency, -amount)


def _asked(lot: Lot, command: RefundPayment) -> tuple[int, int]:
    """The credits that a refund is of, as many as would have to be unspent, and its money, tax included."""
    if command.credits is not None:
        # Rounded once for all of them: what is spent and what is not may each be worth less than a cent.
        unspent = _parts(lot, command.paid, min(command.credits, lot.free)).gross
        return command.credits, max(unspent, command.paid * command.credits // lot.amount)
    assert command.money is not None
    before = command.paid * (lot.amount - lot.remaining) // lot.amount
    # The fewest credits whose part of what was paid is this much.
    return -(-(before + command.money) * lot.amount // command.paid) - (lot.amount - lot.remaining), command.money


def _parts(lot: Lot, paid: int, amount: int) -> _Parts:
    """What the next ``amount`` credits that leave the lot have of what was ``paid``."""
    gone = lot.amount - lot.remaining
    gross = paid * (gone + amount) // lot.amount - paid * gone // lot.amount
    net = lot.share(amount)
    return _Parts(net, gross - net)


def _purchase(original: Original) -> Transaction:
    kind = original.transaction.kind
    if kind != "purchase":
        raise NotReversible(f"a transaction of kind {kind} is no purchase", kind=kind)
    return original.transaction


def _lot_of(book: Book, purchase: Transaction) -> Lot:
    return next(book.lots[line.lot] for line in purchase.postings if line.lot is not None)


def _set_aside(book: Book, dispute: Transaction) -> tuple[Lot | None, int, int]:
    """The lot that a dispute pins, how much of it, and how much it made the customer owe."""
    lot, aside, owed = None, 0, 0
    for line in dispute.postings:
        if line.credit == DISPUTED:
            if line.lot is None:
                owed += line.amount
            else:
                lot, aside = book.lots[line.lot], line.amount
    return lot, aside, owed


def _exceeds(lot: Lot, paid: int) -> RefundExceedsUnspent:
    refundable = format_amount(_parts(lot, paid, lot.free).gross, lot.currency or "")
    unspent = format_amount(lot.free)
    return RefundExceedsUnspent(
        f"{unspent} credits of this purchase are unspent, so {refundable} {lot.currency} can be refunded; what is spent"
        " only with `force`, as a loss",
        refundable=refundable,
        refundable_credits=unspent,
    )
