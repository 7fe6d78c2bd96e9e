"""The ledger's clock: PostgreSQL's, by a function of ours that tests and the sandbox can move ahead.

No process asks its own: of several machines each has another time. Whoever decides by the time under a lock asks for it
after he has the lock.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database


async def now(connection: AsyncConnection) -> datetime:
    """What time it is, in the middle of a transaction: it moves on within one."""
    found: datetime = (await connection.exec_driver_sql("SELECT ledger_now()")).scalar_one()
    return found


async def now_of(database: Database) -> datetime:
    """The same, in a transaction of its own."""
    async with database.transaction() as connection:
        return await now(connection)
