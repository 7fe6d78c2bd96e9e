"""Booking a movement by itself, whatever it is of: the way for those that no event told of."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from sqlalchemy import select

from ledger.book.commands import Entry
from ledger.payments.desk import Desk
from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.money import posting, problems
from ledger.payments.money.charges import book_charge
from ledger.payments.money.movements import CHARGE, Movement, lines_of
from ledger.payments.refunds.converge import converge_refund
from ledger.payments.tables import stripe_movements

Converge = Callable[[Desk, str], Awaitable[Any]]

OF: Final[dict[str, Converge]] = {
    CHARGE: book_charge,
    "refund": converge_refund,
    "refund_failure": converge_refund,
    "dispute": converge_dispute,
    "dispute_reversal": converge_dispute,
}
"""By reporting category: what books the object that a movement is of."""

_m = stripe_movements.c


async def take_in(desk: Desk, movement: Movement, payout: Converge) -> None:
    """Book a movement, if it is not booked: with what it is of, or, where that is nothing of ours, in the house's own
    book. ``payout`` books a payout. Raises StripeAway or StripeRefused."""
    if await _is_booked(desk, movement) or not await posting.is_ours(desk, movement):
        return
    converge = payout if movement.category.startswith("payout") else OF.get(movement.category)
    if converge is not None and movement.source is not None:
        await converge(desk, movement.source)
    elif movement.of_dispute and movement.source is not None:
        await converge_dispute(desk, movement.source, movement)
    else:
        await _in_house(desk, movement)


async def take_in_by_id(desk: Desk, movement_id: str, payout: Converge) -> None:
    """The same, of a movement that is known by its id."""
    await take_in(desk, await posting.retrieved(desk, movement_id), payout)


async def _in_house(desk: Desk, movement: Movement) -> None:
    house = await posting.open_house(desk)
    key = f"{movement.movement}:fee"
    command = Entry(wallet_id=house, of_kind="fee", money=lines_of(movement), facts=posting.facts_of(movement))
    await posting.post(desk, command, key, posting.claim(movement, house, key))
    async with desk.database.transaction() as connection:
        await problems.clear(connection, movement.movement)


async def _is_booked(desk: Desk, movement: Movement) -> bool:
    booked = select(_m.number).where(_m.movement == movement.movement)
    async with desk.database.transaction() as connection:
        return (await connection.execute(booked)).scalar_one_or_none() is not None
