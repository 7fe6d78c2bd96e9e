"""Since when the books have what happens at Stripe, where the account was in use before them.

What Stripe moved before that instant is in one entry, the opening (``takeon``), and is never booked by itself.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.payments.desk import Desk
from ledger.payments.tables import stripe_openings


class Opening(NamedTuple):
    """A row of ``stripe_openings``: the first instant that is in the books, and the sum of what was before."""

    currency: str
    at: datetime
    balance: int
    number: int | None


assert Opening._fields == tuple(stripe_openings.c.keys())


async def load(connection: AsyncConnection, currency: str) -> Opening | None:
    """The opening in a currency; None where the account began with the books."""
    found = select(stripe_openings).where(stripe_openings.c.currency == currency)
    row = (await connection.execute(found)).first()
    return None if row is None else Opening(*row)


async def opening_of(desk: Desk) -> Opening | None:
    """That of the settlement currency."""
    async with desk.database.transaction() as connection:
        return await load(connection, desk.currency)
