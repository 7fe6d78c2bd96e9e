"""Who delivers: so many processes at a time, whoever asks first.

A courier's place is a row under a lease, which its holder renews. Who is killed is replaced when the lease ends.
"""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database

LEASE_S: Final = 6.0

_TAKE: Final = """
INSERT INTO webhook_couriers AS c (courier, holder, until)
VALUES (%(courier)s, %(holder)s, ledger_now() + make_interval(secs => %(lease)s))
ON CONFLICT (courier) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE c.holder = excluded.holder OR c.until < ledger_now()
RETURNING 1"""

_LEAVE: Final = "DELETE FROM webhook_couriers WHERE courier = %(courier)s AND holder = %(holder)s"


async def take(database: Database, holder: str, couriers: int) -> int | None:
    """A place that is free among so many; None where there is none."""
    for courier in range(1, couriers + 1):
        if await renew(database, holder, courier):
            return courier
    return None


async def renew(database: Database, holder: str, courier: int) -> bool:
    """Whether the place is the holder's, for another LEASE_S seconds."""

    async def work(connection: AsyncConnection) -> bool:
        place = {"courier": courier, "holder": holder, "lease": LEASE_S}
        return (await connection.exec_driver_sql(_TAKE, place)).first() is not None

    return await database.retrying(work)


async def leave(database: Database, holder: str, courier: int) -> None:
    """Let somebody else have it."""

    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(_LEAVE, {"courier": courier, "holder": holder})

    await database.retrying(work)
