"""What the control plane works on."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import StripeError
from ledger.sandbox.faults import Faults
from ledger.sandbox.world import World

T = TypeVar("T")


class Stage(NamedTuple):
    """The simulation, and what goes wrong with it."""

    engine: Engine
    faults: Faults

    def do(self, work: Callable[[World], T]) -> T:
        """Do something in a unit of its own. Raises StripeError, with a decline's effects kept."""
        outcome = self.engine.attempt(work)
        if isinstance(outcome, StripeError):
            raise outcome
        return outcome
