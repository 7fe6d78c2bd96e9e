"""What a dispute at Stripe makes of the book, one step after the other. Pure.

A dispute withdraws money, and gives it back if it is won; each is a movement, and so are fees. An inquiry moves
nothing. Whatever was heard of first, and however often: a step is what is at Stripe and not in the book yet, in the
order in which Stripe did it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from ledger.book.chart import DISPUTE_RECEIVABLE, LOSS_DISPUTE
from ledger.book.commands import MoneyLine
from ledger.payments.money.movements import Movement, lines_of

RANKS: Final = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "warning_closed": 2,
    "needs_response": 3,
    "under_review": 4,
    "won": 5,
    "lost": 5,
    "prevented": 5,
}
"""A status is never followed by one of a lower rank: what says so is old."""


class Stage(NamedTuple):
    """How far the book is. ``number`` and ``settled``: the transactions of the last withdrawal and of its end;
    ``booked``: movements, each with its transaction."""

    number: int | None
    settled: int | None
    booked: Mapping[str, int]

    @property
    def open(self) -> bool:
        return self.number is not None and self.settled is None


class Step(NamedTuple):
    """``does``: open, win, recover, fee, or lose. ``movement``: what it books; none where money is given up."""

    does: str
    movement: Movement | None = None


def next_step(status: str, movements: Sequence[Movement], stage: Stage) -> Step | None:
    """What is to be booked next; None where the book says what Stripe says."""
    for movement in movements:
        if movement.movement not in stage.booked:
            return Step(_does(movement, stage), movement)
    return Step("lose") if status == "lost" and stage.open else None


def _does(movement: Movement, stage: Stage) -> str:
    if movement.category == "fee":
        return "fee"
    if movement.amount < 0:
        return "open"
    return "win" if stage.open else "recover"


def credits_of(withdrawn: int, paid: int, bought_micro: int, refunded_micro: int) -> int:
    """The credits that a withdrawal is about: its part of what was bought, at most what refunds have left of it."""
    return min(withdrawn * bought_micro // paid, bought_micro - refunded_micro)


def given_back(movement: Movement, withdrawn: int) -> tuple[MoneyLine, ...]:
    """The lines of money that came back; what is missing of it is lost."""
    missing = withdrawn - movement.amount
    if missing == 0:
        return lines_of(movement)
    accounts = (LOSS_DISPUTE, DISPUTE_RECEIVABLE) if missing > 0 else (DISPUTE_RECEIVABLE, LOSS_DISPUTE)
    return (*lines_of(movement), MoneyLine(*accounts, movement.currency, abs(missing)))


def recovered(movement: Movement) -> tuple[MoneyLine, ...]:
    """The lines of money that came back after it was given up: the loss was none."""
    return tuple(
        MoneyLine(
            line.debit, LOSS_DISPUTE if line.credit == DISPUTE_RECEIVABLE else line.credit, line.asset, line.amount
        )
        for line in lines_of(movement)
    )


def earlier(status: str) -> list[str]:
    """The statuses that may come before this one, itself included."""
    last = max(RANKS.values()) + 1
    return [*(name for name, rank in RANKS.items() if rank <= RANKS.get(status, last)), status]


def in_order(own: Sequence[Movement], others: Sequence[Movement]) -> list[Movement]:
    """A dispute's movements: withdrawals and what came back as the dispute lists them, then all others by time."""
    known = {movement.movement for movement in own}
    more = list({one.movement: one for one in others if one.movement not in known}.values())
    fees = [movement for movement in more if movement.category == "fee"]
    rest = sorted((movement for movement in more if movement.category != "fee"), key=lambda one: one.created_at)
    return [*own, *rest, *fees]
