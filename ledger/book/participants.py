"""The seam by which concepts take part in a posting without the kernel knowing them.

At start-up a concept gives its participant to the door. For each unit of work the door then asks it what to
load for the locked wallets (a statement that rides along with the book's own reads), shows it every transaction
that was written, with the balances before and after, and takes what it wants written in the same database
transaction: events, which get the next numbers of the wallet, and a statement of its own.
What a participant reads under the wallets' locks it writes here or nowhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ledger.book.rules.fold import Move
from ledger.kit.wire import Statement

__all__ = ["Event", "Participant", "Statement"]


class Event(NamedTuple):
    """Something to tell: it becomes a row of the outbox with the wallet's next event number."""

    wallet_id: int
    type: str
    data: Mapping[str, Any]
    transaction: int
    """The number of the transaction it belongs to."""


class Participant(Protocol):
    """A concept that takes part in postings."""

    def load(self, wallet_ids: Sequence[int]) -> Statement:
        """What to read for these wallets."""
        ...

    def decide(self, rows: Sequence[tuple[Any, ...]], moves: Sequence[Move]) -> tuple[list[Event], Statement | None]:
        """Pure: from what was read and what was written, in order, to events and rows."""
        ...
