"""What happens by itself when its time has come: the name that is written down, and what is done then.

A name stays as it is once it is used: it stands in files. Each job is told the world and what ``World.later`` was told.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.sandbox.resources import balance, charges, checkout_paying, debits
from ledger.sandbox.world import World

JOBS: Final[Mapping[str, Callable[..., None]]] = {
    "available": balance.becomes_available,
    "debit": debits.settle,
    "expire": checkout_paying.expire_due,
    "fee": charges.book_fee,
}


def do(world: World, name: str, args: dict[str, Any]) -> None:
    """Do a job."""
    JOBS[name](world, **args)


def begin(world: World) -> None:
    """Write down what an account does for ever, at its first start."""
