"""The house's own book: what belongs to no customer, such as payouts, and events that are of no wallet."""

from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.chart import HOUSE
from ledger.book.hashing import genesis
from ledger.book.tables import wallets


async def open_house(connection: AsyncConnection) -> None:
    """Make the house's own book where there is none yet."""
    house = postgresql.insert(wallets).values(wallet_id=HOUSE, head_hash=genesis(HOUSE))
    await connection.execute(house.on_conflict_do_nothing())
