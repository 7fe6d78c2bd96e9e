"""Payouts: what leaves Stripe's balance for the bank, and whether its parts add up to it.

It belongs to no customer, so it is in the house's own book, from the day on which it has arrived. One that fails, also
some days later, goes back the same way. An automatic payout is made of movements; when Stripe has them all together,
they are listed, booked as far as they were not, and added up.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from ledger.book.commands import Entry
from ledger.payments.desk import Desk
from ledger.payments.gateway import plain
from ledger.payments.money import posting, problems
from ledger.payments.money.intake import take_in
from ledger.payments.money.movements import Movement, lines_of
from ledger.payments.tables import stripe_payouts

EXPAND: Final = ["balance_transaction", "failure_balance_transaction"]
ON_ITS_WAY: Final = ("pending", "in_transit")
RANKS: Final = {"pending": 0, "in_transit": 1, "paid": 2, "failed": 3, "canceled": 3}
"""A status is never followed by one of a lower rank: what says so is old."""

_p = stripe_payouts.c

Object = dict[str, Any]


async def converge_payout(desk: Desk, payout_id: str) -> None:
    """Ask Stripe for a payout, book what it says, and tie it to its parts. Raises StripeAway or StripeRefused."""
    payout = await book_payout(desk, payout_id)
    if payout["reconciliation_status"] == "completed":
        await tie(desk, payout)


async def book_payout(desk: Desk, payout_id: str) -> Object:
    """Book what a payout itself has moved; gives what Stripe says of it."""
    expand: Any = {"expand": EXPAND}
    payout = plain(await desk.stripe.call(lambda stripe: stripe.v1.payouts.retrieve(payout_id, expand)))
    await _note(desk, payout)
    if payout["status"] not in ON_ITS_WAY:
        for movement in await _movements(desk, payout):
            await _book(desk, payout_id, movement)
    async with desk.database.transaction() as connection:
        await problems.clear(connection, payout_id)
    return payout


async def _movements(desk: Desk, payout: Object) -> list[Movement]:
    """What it moved itself: those that it names, and one that took it back."""
    named = [payout[name] for name in EXPAND if payout[name] is not None]
    own = [await posting.retrieved(desk, one) for one in named]
    both = [*own, *await posting.listed(desk, source=payout["id"])]
    return list({one.movement: one for one in both}.values())


async def _book(desk: Desk, payout_id: str, movement: Movement) -> None:
    if not await posting.is_ours(desk, movement):
        return
    house = await posting.open_house(desk)
    key = f"{payout_id}:{'paid' if movement.amount < 0 else 'failed'}"
    facts = posting.facts_of(movement, payout=payout_id)
    command = Entry(wallet_id=house, of_kind="payout", money=lines_of(movement), facts=facts)
    await posting.post(desk, command, key, posting.claim(movement, house, key))


async def _note(desk: Desk, payout: Object) -> None:
    """Keep what Stripe says of it, unless something later is kept already."""
    last = RANKS.get(payout["status"], 0)
    arrives_at = datetime.fromtimestamp(payout["arrival_date"], UTC)
    statement = insert(stripe_payouts).values(
        payout=payout["id"],
        status=payout["status"],
        amount=payout["amount"],
        currency=payout["currency"].upper(),
        arrives_at=arrives_at,
        created_at=datetime.fromtimestamp(payout["created"], UTC),
    )
    earlier = [status for status, rank in RANKS.items() if rank <= last]
    changed = {"status": payout["status"], "arrives_at": arrives_at}
    async with desk.database.transaction() as connection:
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["payout"], set_=changed, where=_p.status.in_(earlier))
        )


async def tie(desk: Desk, payout: Object) -> None:
    """Its parts are known: book those that are not booked, and see whether they add up to it."""
    parts = [part for part in await posting.listed(desk, payout=payout["id"]) if part.source != payout["id"]]
    await posting.note(desk, *parts, payout=payout["id"])
    for part in parts:
        await take_in(desk, part, book_payout)
    difference = sum(part.net for part in parts) - payout["amount"]
    values = {"tied": difference == 0, "difference": difference}
    async with desk.database.transaction() as connection:
        await connection.execute(update(stripe_payouts).where(_p.payout == payout["id"]).values(**values))
