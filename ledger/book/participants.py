"""The seam by which concepts take part in a posting without the kernel knowing them.

At start-up a concept gives its participant to the door. For each unit of work the door asks it what to load for the
locked wallets (statements that ride along with the book's own reads, in the same round trip), and makes it begin its
``Part`` of the unit with the rows. While the commands are taken in order the part may price a use, refuse one, and
count what is booked; at the end it gives events, which get the next numbers of the wallet, and statements of its own.
What a participant reads under the wallets' locks it writes here or nowhere.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from ledger.book.commands import Attempt
from ledger.book.rules.part import Event, Part, Rows
from ledger.kit.wire import Row, Statement

__all__ = ["Event", "Outdated", "Part", "Participant", "Rows", "Statement"]


class Participant(Protocol):
    """A concept that takes part in postings."""

    def load(self, wallet_ids: Sequence[int], attempts: Sequence[Attempt]) -> Sequence[Statement] | None:
        """What to read for these wallets and attempts; None where there is nothing to take part in."""
        ...

    def begin(self, rows: Sequence[list[Row]], now: datetime) -> Part | None:
        """Its part of the unit, from the rows of each statement; None where it has none. Raises Outdated."""
        ...


class Outdated(Exception):
    """What a participant keeps in this process is older than what it found under the lock: nothing was decided;
    ``renew`` brings it up to date, and the unit is run again."""

    def __init__(self, renew: Callable[[], Awaitable[object]]) -> None:
        super().__init__("what was kept is older than what is stored")
        self.renew = renew
