"""Taking on a Stripe account that was in use before the books: its balance at an instant becomes one entry, once.

The instant is the first one that is in the books. What the entry is of: Stripe's balance now, less what it moved since
the instant, less what of before is in the books already (payouts that the poller heard of, say).
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from ledger.book.chart import OPENING_BALANCE
from ledger.book.commands import Entry, Rider
from ledger.kit import clock
from ledger.kit.db import Database
from ledger.kit.http.fields import shown
from ledger.kit.ids import row_public
from ledger.kit.money import format_amount
from ledger.payments.desk import Desk
from ledger.payments.gateway import plain
from ledger.payments.money import posting, problems
from ledger.payments.money.movements import Movement, into_clearing, movement_of
from ledger.payments.money.older import KIND
from ledger.payments.money.opening import Opening, opening_of
from ledger.payments.money.work import look_again
from ledger.payments.tables import payments, stripe_openings

LOOKS: Final = 10
PAUSE_S: Final = 1.5
"""Longer than the second that Stripe's instants are exact to."""

_BOOKED: Final = """
SELECT coalesce(sum(net), 0)::bigint FROM stripe_movements
WHERE number IS NOT NULL AND currency = %(currency)s AND created_at < %(at)s"""

_TAKE: Final = f"""
INSERT INTO stripe_openings (currency, at, balance, number)
SELECT %(currency)s, %(at)s, %(balance)s, number
FROM transactions WHERE wallet_id = %(wallet)s AND key_hash = %(key)s::uuid AND ({_BOOKED}) = %(booked)s
ON CONFLICT DO NOTHING"""


class NotTakenOn(Exception):
    """The account is not taken on, for the reason that the message says."""


async def take_on(desk: Desk, at: datetime | None = None) -> Opening:
    """Begin the books at ``at``; by default behind all that the account has done. Raises NotTakenOn, StripeAway."""
    if (before := await opening_of(desk)) is not None:
        raise NotTakenOn(_once(before))
    since, balance = await _balance_before(desk, at)
    await _require_no_payment(desk, since)
    for _ in range(LOOKS):
        booked = await _booked(desk.database, desk.currency, since)
        await _write(desk, since, balance - booked, booked)
        if (found := await opening_of(desk)) is not None:
            if (found.at, found.balance) != (since, balance - booked):
                raise NotTakenOn(_once(found))
            await _clear_up(desk)
            return found
    raise NotTakenOn("what was before is being booked at this moment; stop the workers, and try again")


async def _clear_up(desk: Desk) -> None:
    """What could not be booked, as it is from before, is no problem any more."""
    async with desk.database.transaction() as connection:
        await problems.all_due(connection)
    while await look_again(desk):
        continue


async def _balance_before(desk: Desk, at: datetime | None) -> tuple[datetime, int]:
    """The instant, and what Stripe held right before it: looked at until two looks say the same."""
    seen: Any = None
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(PAUSE_S)
        last = seen
        seen = await _look(desk, at)
        if seen == last:
            return seen[0], seen[1]
    raise NotTakenOn("money moves at Stripe all the time; name an instant that is some seconds past")


async def _look(desk: Desk, at: datetime | None) -> tuple[datetime, int]:
    if at is None:
        newest = await _newest(desk)
        if newest is None:
            raise NotTakenOn("nothing has happened at this account before, so there is nothing to take on")
        at = newest.created_at + timedelta(seconds=1)
    moved = await posting.listed(desk, created={"gte": int(at.timestamp())})
    balance = plain(await desk.stripe.call(lambda client: client.v1.balance.retrieve()))
    parts = [part for status in ("available", "pending") for part in balance[status]]
    total = sum(part["amount"] for part in parts if part["currency"].upper() == desk.currency)
    return at, total - sum(one.net for one in moved if one.currency == desk.currency)


async def _newest(desk: Desk) -> Movement | None:
    found = plain(await desk.stripe.call(lambda client: client.v1.balance_transactions.list({"limit": 1})))["data"]
    return movement_of(found[0]) if found else None


async def _require_no_payment(desk: Desk, at: datetime) -> None:
    """A payment that was made here has its purchase in the books, so its money may not be in the opening."""
    p = payments.c
    first = select(p.wallet_id, p.payment, p.created_at).where(p.created_at < at).order_by(p.created_at).limit(1)
    async with desk.database.transaction() as connection:
        found = (await connection.execute(first)).first()
    if found is not None:
        begun = found.created_at.astimezone(UTC)
        raise NotTakenOn(
            f"{row_public('pay', found.wallet_id, found.payment)} was made here at {shown(begun)}, before"
            f" {shown(at)}: name an instant before it"
        )


async def _booked(database: Database, currency: str, at: datetime) -> int:
    async with database.transaction() as connection:
        found = await connection.exec_driver_sql(_BOOKED, {"currency": currency, "at": at})
        return int(found.scalar_one())


async def _write(desk: Desk, at: datetime, balance: int, booked: int) -> None:
    if not balance:
        row = insert(stripe_openings).values(currency=desk.currency, at=at, balance=0)
        async with desk.database.transaction() as connection:
            await connection.execute(row.on_conflict_do_nothing())
        return
    house, key = await posting.open_house(desk), f"{desk.currency}:opening"
    command = Entry(
        wallet_id=house,
        of_kind=KIND,
        money=into_clearing(OPENING_BALANCE, balance, desk.currency),
        effective_at=min(at, await clock.now_of(desk.database)),
        description="What Stripe held before the books",
        facts={"opening": shown(at)},
    )
    params = {"currency": desk.currency, "at": at, "balance": balance, "booked": booked, "wallet": house}
    await posting.post(desk, command, key, Rider(_TAKE, params | {"key": posting.hash_of(key)}))


def _once(opening: Opening) -> str:
    amount = format_amount(opening.balance, opening.currency)
    return (
        f"the account was taken on already: the books begin at {shown(opening.at.astimezone(UTC))}, with {amount}"
        f" {opening.currency}"
    )
