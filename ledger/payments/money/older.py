"""What becomes of payments from before the books: refunds, disputes and late money of charges that no payment here has.

They are booked in the house's own book, against the balance that was taken on (``opening_balance``).
"""

from collections.abc import Iterable

from ledger.book.chart import OPENING_BALANCE
from ledger.book.commands import Entry
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeRefused, plain
from ledger.payments.money import posting, problems
from ledger.payments.money.movements import Movement, lines_of
from ledger.payments.money.opening import Opening, opening_of

KIND = "opening"


async def take_older(desk: Desk, object_id: str, charge: str | None, movements: Iterable[Movement]) -> bool:
    """Book what an object moved whose charge is older than the books; False where it is not. Raises StripeAway."""
    if not await is_older(desk, charge, await opening_of(desk)):
        return False
    for movement in movements:
        if await posting.is_ours(desk, movement):
            house, key = await posting.open_house(desk), f"{movement.movement}:older"
            lines = lines_of(movement, of_older=OPENING_BALANCE)
            command = Entry(wallet_id=house, of_kind=KIND, money=lines, facts=posting.facts_of(movement, charge=charge))
            await posting.post(desk, command, key, posting.claim(movement, house, key))
            async with desk.database.transaction() as connection:
                await problems.clear(connection, movement.movement)
    async with desk.database.transaction() as connection:
        await problems.clear(connection, object_id)
    return True


async def is_older(desk: Desk, charge: str | None, opening: Opening | None) -> bool:
    """Whether a charge was made before the books began. Raises StripeAway."""
    if opening is None or charge is None:
        return False
    name = charge
    try:
        found = plain(await desk.stripe.call(lambda client: client.v1.charges.retrieve(name)))
    except StripeRefused:
        return False
    return bool(found["created"] < opening.at.timestamp())
