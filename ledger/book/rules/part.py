"""What a concept decides inside a unit of work, while the commands are taken in order: pure, on what was loaded.

The fold asks the parts of a unit at fixed places and knows nothing else of them. A part keeps what it has counted so
far in itself, so that the second command of a batch is decided by what the first one did.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ledger.book.commands import Command, Transaction, Use
from ledger.book.rules.move import Move
from ledger.events.payloads import Data
from ledger.kit.wire import Statement


class Event(NamedTuple):
    """Something to tell, of a type that the catalogue has: it becomes a row of the outbox with the wallet's next event
    number."""

    wallet_id: int
    type: str
    data: Data
    transaction: int | None
    """The number of the transaction it belongs to; None where it belongs to none."""


Rows = Callable[[], Sequence[Statement]]
"""Makes the statements of a part's rows: called once, while the server is at work on the journal."""


class Part:
    """Does nothing; a concept's part overrides what it takes part in, and says so by the three flags."""

    prices = False
    """Whether ``price`` is asked. At most one part of a unit does."""
    gates = False
    """Whether ``allow`` is asked."""
    counts = False
    """Whether ``posted`` is told, and what it counts is kept over an atomic group that is undone."""
    wakes = False
    """Whether, after ``finish``, there is work that waits for nothing but a worker: the bell is rung."""

    def price(self, command: Use, now: datetime) -> int:
        """Micro-credits that a measured use costs now; it counts once ``posted`` is told of it. Raises a refusal."""
        raise NotImplementedError

    def foresee(self, command: Use, now: datetime) -> int:
        """About what a measured use will cost: by it lots are loaded, and more of them where it was too little."""
        raise NotImplementedError

    def allow(self, command: Command, amount: int, at: datetime) -> None:
        """Refuse a use, hold or capture of ``amount`` micro-credits that counts at ``at``, by raising."""

    def posted(self, transaction: Transaction, command: Command) -> Any:
        """The command was booked by this transaction. What is given back goes to its caller, as ``Posted.detail``."""
        return None

    def save(self) -> Any:
        """What is counted so far, for ``restore``; it must not change with what is counted later."""
        return None

    def restore(self, saved: Any) -> None:
        """Forget what was counted since ``saved``."""

    def finish(self, moves: Sequence[Move]) -> tuple[list[Event], Rows | None]:
        """The events to tell, after all that the unit booked, and its own rows; None where it has none."""
        return [], None
