"""The seam by which a concept adds to the balance that is read, without the book knowing it.

The balance is the hottest read, one statement for all who wait together. What stands beside it comes with the same
statement, and so from the same snapshot: a part of its SQL, and what its columns mean.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Beside(Protocol, Generic[T_co]):
    """What stands beside a balance. ``joins`` are joins to the wallet ``w`` and its settings ``s``, of one row each;
    ``columns`` are what is selected of them."""

    joins: str
    columns: str

    def found(self, number: int, at: datetime, columns: Sequence[Any]) -> T_co:
        """What the columns say of a wallet whose book is at ``number``, at the instant ``at``."""
        ...
