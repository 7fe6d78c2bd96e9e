"""What happens by itself when its time has come: the name that is written down, and what is done then.

A name stays as it is once it is used: it stands in files. Each job is told the world and what ``World.later`` was told.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.sandbox.idempotency import KEPT_S
from ledger.sandbox.resources import (
    balance,
    billing,
    charges,
    checkout_paying,
    debits,
    disputes,
    payouts,
    refunds,
    test_clocks,
)
from ledger.sandbox.rules.payouts import next_midnight
from ledger.sandbox.world import World


def prune(world: World) -> None:
    """Once a day: forget keys of idempotency that are a day old. They have no effect any more by then."""
    world.keys.prune(world.moment)
    world.later(KEPT_S, "prune")


JOBS: Final[Mapping[str, Callable[..., None]]] = {
    "advance": test_clocks.advanced,
    "available": balance.becomes_available,
    "debit": debits.settle,
    "dispute": disputes.open_due,
    "expire": checkout_paying.expire_due,
    "fee": charges.book_fee,
    "payout": payouts.arrive,
    "payouts": payouts.make_daily,
    "prune": prune,
    "refund": refunds.settle,
    "renew": billing.renew_due,
    "verdict": disputes.decide,
}


def do(world: World, name: str, args: dict[str, Any]) -> None:
    """Do a job."""
    JOBS[name](world, **args)


def begin(world: World) -> None:
    """Write down what an account does for ever, at its first start."""
    for name, first_at in (("payouts", next_midnight(world.moment)), ("prune", world.moment + KEPT_S)):
        if not world.agenda.has(name):
            world.agenda.add(first_at, name, {})
