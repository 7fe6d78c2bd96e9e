"""Undoing a transaction, wholly or in part: one table, kind by kind.

What was reversed before is skipped from the last line backwards, so a partial reversal needs no memory
but the sum of the earlier ones.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ledger.book.chart import OWED, TRANSIT, WALLET
from ledger.book.commands import PRIORITY_DEFAULT, Posting, Reverse, Transaction
from ledger.book.rules.lines import Draft, check_lines
from ledger.book.rules.moves import Parts, check_arrival, hand_over, must_fit
from ledger.book.rules.state import Book
from ledger.errors import CreditsAlreadySpent, NotReversible, ReversalExceedsOriginal
from ledger.kit.money import CREDIT, format_amount


class Original(msgspec.Struct):
    """A posted transaction and how much of it was reversed so far. ``other`` is its leg in the other
    book (transfers); ``voided``: whether it was taken back as such, or settled: uses, refunds, disputes."""

    transaction: Transaction
    reversed: int
    other: Transaction | None = None
    voided: bool = False


Reversal = tuple[int, list[tuple[Book, Draft]]]
"""The amount reversed, and the draft in each book, the named one first."""

INSTEAD: Final = {
    "hold": "release or capture the hold",
    "release": "place a new hold",
    "expiry": "grant the credits anew",
    "purchase": "refund the payment",
    "reversal": "post the original again",
    "usage_refund": "charge the usage again",
    "void": "report the usage again",
    "payment_refund": "post the credits as a grant",
    "refund_failed": "refund the payment again",
    "dispute": "the dispute ends at Stripe",
}
"""What to do about kinds that cannot be reversed."""


def reverse(books: dict[int, Book], command: Reverse, original: Original, now: datetime, at: datetime) -> Reversal:
    """Decide a reversal. Raises NotReversible, ReversalExceedsOriginal or CreditsAlreadySpent."""
    transaction = original.transaction
    book = books[command.wallet_id]
    rule = _rule_of(transaction)
    kinds = ("usage",) if command.void else ("usage", "capture") if command.refund else (transaction.kind,)
    if rule is None or transaction.kind not in kinds:
        undone = "voided" if command.void else "refunded as usage" if command.refund else "reversed"
        raise NotReversible(
            f"a transaction of kind {transaction.kind} cannot be {undone}",
            kind=transaction.kind,
            reason=INSTEAD.get(transaction.kind, "reverse it instead" if rule else "post a correction"),
        )
    account, write = rule
    lines = [line for line in transaction.postings if _touches(line, account)]
    left = sum(line.amount for line in lines) - original.reversed
    if command.void:
        if original.voided:
            raise NotReversible("the usage was voided before", kind=transaction.kind, reason="report the usage again")
        return left, write(books, book, original, left, now, at)
    amount = left if command.amount is None else command.amount
    if amount > left or left == 0:
        raise ReversalExceedsOriginal(
            f"{format_amount(left)} credits are left to reverse", reversible=format_amount(left)
        )
    return amount, write(books, book, original, amount, now, at)


def _back_into_lots(
    books: dict[int, Book], book: Book, original: Original, amount: int, now: datetime, at: datetime
) -> list[tuple[Book, Draft]]:
    """Usage and withdrawals: into the lots they came from; a dead lot's part into a new one."""
    must_fit(book, amount)
    draft = Draft(book)
    transaction = original.transaction
    account = _rule_account(transaction)
    lines = [line for line in transaction.postings if _touches(line, account)]
    undone = list(_unwind(lines, original.reversed, amount))
    check_lines(len(undone) * (2 if book.owed else 1) + 1)
    for line, before, part in undone:
        if line.lot is None:
            part -= _unowe(draft, line.credit, part)
            if part:
                fresh = book.new_lot("refund", part, PRIORITY_DEFAULT, at, None)
                draft.move(line.credit, WALLET, part, fresh)
            continue
        lot = book.lots[line.lot]
        life = None if lot.expires_at is None else lot.expires_at - transaction.recorded_at
        if not lot.is_expired(now) or life is None or life <= timedelta(0):
            # Alive; or it had no life left when it was captured behind a hold: then it expires again at once.
            draft.move(line.credit, WALLET, part, lot)
            book.revive(lot)
            book.due_by(lot.expires_at)
            continue
        share = lot.cost * (before + part) // lot.amount - lot.cost * before // lot.amount
        fresh = book.new_lot("refund", part, lot.priority, at, now + life, share, lot.currency, join=False)
        draft.move(line.credit, WALLET, part, fresh)
    draft.pay_debt()
    return [(book, draft)]


def _out_of_its_lot(
    books: dict[int, Book], book: Book, original: Original, amount: int, now: datetime, at: datetime
) -> list[tuple[Book, Draft]]:
    """Inflows: from the lot they went into, as far as it is free."""
    line = next(line for line in original.transaction.postings if line.debit.startswith("issued:"))
    assert line.lot is not None
    lot = book.lots[line.lot]
    if amount > lot.free:
        raise _spent(lot.free)
    draft = Draft(book)
    draft.move(WALLET, line.debit, amount, lot)
    return [(book, draft)]


def _hand_back(
    books: dict[int, Book], book: Book, original: Original, amount: int, now: datetime, at: datetime
) -> list[tuple[Book, Draft]]:
    """Transfers: the lots that arrived go back, last one first, with their cost."""
    assert original.other is not None
    legs = (original.transaction, original.other)
    arrived = next(leg for leg in legs if _arrivals(leg))
    left = next(leg for leg in legs if leg is not arrived)
    payee, payer = books[arrived.wallet_id], books[left.wallet_id]
    must_fit(payer, amount)
    parts: Parts = []
    found = 0
    for line, _, part in _unwind(_arrivals(arrived), original.reversed, amount):
        assert line.lot is not None
        lot = payee.lots[line.lot]
        planned = sum(taken for other, taken in parts if other is lot)
        if part > lot.free - planned:
            raise _spent(found + lot.free - planned)
        parts.append((lot, part))
        found += part
    check_arrival(payer, parts)
    given, taken = hand_over(payee, payer, parts, at)
    both = [(payer, taken), (payee, given)]
    return both if book is payer else both[::-1]


Rule = Callable[[dict[int, Book], Book, Original, int, datetime, datetime], list[tuple[Book, Draft]]]

RULES: Final[dict[str, tuple[str, Rule]]] = {
    "usage": ("used", _back_into_lots),
    "capture": ("used", _back_into_lots),
    "withdrawal": ("withdrawn", _back_into_lots),
    "inflow": ("issued", _out_of_its_lot),
    "transfer": (TRANSIT, _hand_back),
    "allocation": (TRANSIT, _hand_back),
}
"""Kind → (the account whose lines are undone, how)."""

INFLOWS: Final = frozenset(("grant", "earn", "allowance", "adjustment"))


def _rule_of(transaction: Transaction) -> tuple[str, Rule] | None:
    kind = transaction.kind
    if kind in INFLOWS:
        inflow = any(line.debit.startswith("issued:") for line in transaction.postings)
        paid = any(line.asset != CREDIT for line in transaction.postings)
        kind = "withdrawal" if not inflow else "purchase" if paid else "inflow"
    return RULES.get(kind)


def _rule_account(transaction: Transaction) -> str:
    rule = _rule_of(transaction)
    assert rule is not None
    return rule[0]


def _touches(line: Posting, account: str) -> bool:
    names = (line.debit.partition(":")[0], line.credit.partition(":")[0])
    return line.asset == CREDIT and account in names


def _arrivals(leg: Transaction) -> list[Posting]:
    return [line for line in leg.postings if line.debit == TRANSIT and line.asset == CREDIT]


def _unwind(lines: list[Posting], skip: int, amount: int) -> Iterator[tuple[Posting, int, int]]:
    """Lines from the last to the first: each with what of it was undone before, and what is now."""
    for line in reversed(lines):
        before = min(skip, line.amount)
        skip -= before
        part = min(line.amount - before, amount)
        if part:
            amount -= part
            yield line, before, part
    assert amount == 0


def _unowe(draft: Draft, account: str, amount: int) -> int:
    part = min(amount, draft.book.owed)
    if part:
        draft.move(account, OWED, part)
    return part


def _spent(free: int) -> CreditsAlreadySpent:
    return CreditsAlreadySpent(
        f"only {format_amount(free)} of these credits are still there", reversible=format_amount(free)
    )
