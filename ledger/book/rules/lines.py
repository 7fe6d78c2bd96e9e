"""Writing postings into a book: a draft collects the lines of one transaction and moves the balances.

A rule checks everything first and then writes lines; a draft refuses nothing. The assertions here repeat
what the rules must have made sure of, as the CHECKs of the tables do again.
"""

from typing import Final

from ledger.book.chart import DISPUTED, HELD, OWED, OWN, WALLET
from ledger.book.commands import Posting
from ledger.book.rules.state import Book, Hold, Lot
from ledger.errors import TooManyPostings
from ledger.kit.money import CREDIT

LINES_MAX: Final = 1000
"""Postings in one transaction, at most."""

_IN_LOT: Final = frozenset((WALLET, HELD, DISPUTED))
_PINNED: Final = frozenset((HELD, DISPUTED))


class MoreLotsNeeded(Exception):
    """The draw goes beyond the lots that were loaded: the unit is to be run again with more of them."""


class Draft:
    """The lines of a transaction in the making, in one book."""

    __slots__ = ("_lots_before", "before", "book", "lines")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.before = book.balances
        self._lots_before = book.last_lot
        self.lines: list[Posting] = []

    @property
    def new_lots(self) -> list[Lot]:
        """The lots that were made for it."""
        before, last = self._lots_before, self.book.last_lot
        return [self.book.lots[lot] for lot in range(before + 1, last + 1)] if before < last else []

    def move(self, debit: str, credit: str, amount: int, lot: Lot | None = None, hold: int | None = None) -> None:
        """Credits from account ``debit`` to account ``credit``, out of or into ``lot``."""
        book = self.book
        assert amount > 0
        if debit == WALLET:
            book.wallet -= amount
        elif debit == HELD:
            book.held -= amount
        elif debit == OWED:
            book.owed += amount
        elif debit == DISPUTED:
            book.disputed -= amount
        if credit == WALLET:
            book.wallet += amount
        elif credit == HELD:
            book.held += amount
        elif credit == OWED:
            book.owed -= amount
        elif credit == DISPUTED:
            book.disputed += amount
        after = None
        if lot is not None:
            if debit in _IN_LOT:
                lot.remaining -= amount
            if credit in _IN_LOT:
                lot.remaining += amount
            if debit in _PINNED:
                lot.pinned -= amount
            if credit in _PINNED:
                lot.pinned += amount
            assert 0 <= lot.pinned <= lot.remaining <= lot.amount
            lot.changed = True
            after = lot.remaining
        self._line(debit, credit, CREDIT, amount, None if lot is None else lot.lot, after, hold)

    def money(self, debit: str, credit: str, asset: str, amount: int) -> None:
        """A line in a currency: it moves no balance of the wallet."""
        self._line(debit, credit, asset, amount, None, None, None)

    def take(self, parts: list[tuple[Lot, int]], credit: str) -> None:
        """What ``draw`` found, from the wallet to ``credit``."""
        if credit in OWN:
            for lot, amount in parts:
                self.move(WALLET, credit, amount, lot)
            return
        # Out of the book, as most lines go: the same as ``move``, without asking for each account.
        book = self.book
        for lot, amount in parts:
            assert amount > 0
            book.wallet -= amount
            lot.remaining -= amount
            assert 0 <= lot.pinned <= lot.remaining <= lot.amount
            lot.changed = True
            self._line(WALLET, credit, CREDIT, amount, lot.lot, lot.remaining, None)

    def pay_debt(self) -> None:
        """Free credits pay what is owed first: never are both above zero."""
        book = self.book
        amount = min(book.wallet, book.owed)
        if amount > 0:
            self.take(draw(book, amount), OWED)

    def unpin(self, hold: Hold, amount: int, credit: str) -> None:
        """``amount`` of a hold to ``credit``, slice by slice in burn-down order of their lots."""
        book = self.book
        for lot in sorted((book.lots[number] for number in hold.slices), key=lambda lot: lot.rank):
            part = min(amount, hold.slices[lot.lot])
            if part > 0:
                hold.slices[lot.lot] -= part
                hold.touched.add(lot.lot)
                amount -= part
                self.move(HELD, credit, part, lot, hold.hold)
                if credit == WALLET:
                    book.due_by(lot.expires_at)
        assert amount == 0

    def _line(
        self,
        debit: str,
        credit: str,
        asset: str,
        amount: int,
        lot: int | None,
        lot_after: int | None,
        hold: int | None,
    ) -> None:
        book = self.book
        balance = book.wallet + book.held - book.owed
        self.lines.append(Posting(len(self.lines) + 1, debit, credit, asset, amount, lot, lot_after, hold, balance))


def draw(book: Book, amount: int) -> list[tuple[Lot, int]]:
    """Which lots give ``amount``, in burn-down order; it must be free in the wallet."""
    assert amount <= book.wallet
    parts: list[tuple[Lot, int]] = []
    for lot in book.in_burn_down_order():
        if amount == 0 or len(parts) > LINES_MAX:
            break
        if book.horizon is not None and lot.rank > book.horizon:
            break
        part = min(amount, lot.remaining - lot.pinned)
        parts.append((lot, part))
        amount -= part
    if len(parts) > LINES_MAX:
        raise too_many_lines(len(parts))
    if amount:
        assert book.horizon is not None, "all lots are loaded and do not cover the draw"
        raise MoreLotsNeeded
    return parts


def check_lines(count: int) -> None:
    """Raise TooManyPostings where a transaction would get more than LINES_MAX lines."""
    if count > LINES_MAX:
        raise too_many_lines(count)


def too_many_lines(count: int) -> TooManyPostings:
    return TooManyPostings(
        f"this would take {count} postings or more, and one transaction takes at most {LINES_MAX}: the credits"
        " are spread over too many lots; split the amount",
        postings_max=LINES_MAX,
    )
