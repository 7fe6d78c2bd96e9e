"""Who does a duty: so many processes at a time, whoever asks first.

A place is a row under a lease, which its holder renews. Who is killed is replaced when the lease ends. It keeps work
from being begun by more than can do it side by side; what must not be done twice is held by something else.
"""

from typing import Final

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, Table, Text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database
from ledger.kit.tables import metadata

LEASE_S: Final = 6.0

duties = Table(
    "duties",
    metadata,
    Column("duty", Text, primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("holder", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    CheckConstraint("place > 0", name="place"),
)

_TAKE: Final = """
INSERT INTO duties AS d (duty, place, holder, until)
VALUES (%(duty)s, %(place)s, %(holder)s, ledger_now() + make_interval(secs => %(lease)s))
ON CONFLICT (duty, place) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE d.holder = excluded.holder OR d.until < ledger_now()
RETURNING 1"""

_LEAVE: Final = "DELETE FROM duties WHERE duty = %(duty)s AND place = %(place)s AND holder = %(holder)s"


async def take(database: Database, duty: str, holder: str, places: int) -> int | None:
    """A place that is free among so many; None where there is none."""
    for place in range(1, places + 1):
        if await renew(database, duty, holder, place):
            return place
    return None


async def renew(database: Database, duty: str, holder: str, place: int) -> bool:
    """Whether the place is the holder's, for another LEASE_S seconds."""

    async def work(connection: AsyncConnection) -> bool:
        params = {"duty": duty, "place": place, "holder": holder, "lease": LEASE_S}
        return (await connection.exec_driver_sql(_TAKE, params)).first() is not None

    return await database.retrying(work)


async def leave(database: Database, duty: str, holder: str, place: int) -> None:
    """Let somebody else have it."""

    async def work(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(_LEAVE, {"duty": duty, "place": place, "holder": holder})

    await database.retrying(work)
