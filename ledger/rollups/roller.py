"""Rolling up: in chunks, each a database transaction of its own; any number of rollers, any of them killed.

Which wallets have something new is told by ``unsealed``: the unit of work that moves a book writes its row there for
the anchor, so nothing more has to be written for us. An anchor takes the row away. A book that was sealed before it
was rolled up waits until it moves again or until somebody reads its sums, who rolls it up first; and every night all
wallets are looked at. So ``roll_moved`` makes reads cheap, and none depends on it.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import NotFound
from ledger.kit.db import RETRYABLE, Database, sqlstate
from ledger.kit.ids import wallet_public
from ledger.rollups import days, store

log = structlog.get_logger(__name__)

CHUNK: Final = 2_000
"""Transactions of a wallet that are added at once."""

READ_MAX: Final = 20_000
"""Transactions that a read waits for, at most: what is left is named in its answer."""

TOGETHER: Final = 50
"""Wallets of one database transaction, with this many transactions of each at most:"""

OF_EACH: Final = 100

LOOK: Final = 5_000
"""Wallets that are looked at in one statement."""

MOVED: Final = "unsealed"
ALL: Final = "wallets"


async def roll_up(database: Database, wallet_id: int, *, most: int = READ_MAX) -> bool:
    """Add what is not rolled up of a wallet, ``most`` transactions at most; whether that was all.

    False also where another roller holds the wallet for longer than a lock is waited for.
    """
    for _ in range(0, most, CHUNK):
        try:
            async with database.transaction() as connection:
                added = await _add(connection, [wallet_id], CHUNK, wait=True)
        except DBAPIError as error:
            if sqlstate(error) not in RETRYABLE:
                raise
            return False
        if added.get(wallet_id, 0) < CHUNK:
            return True
    return False


async def caught_up(database: Database, wallet_id: int) -> None:
    """``roll_up`` for a read that can do without: what goes wrong is logged, and the answer says how far it goes. Where
    nothing is missing, nothing is locked or written."""
    try:
        async with database.transaction() as connection:
            missing = await store.is_behind(connection, wallet_id)
        if missing:
            await roll_up(database, wallet_id)
    except DBAPIError as error:
        log.error("rollups.failed", wallet_id=wallet_id, error=str(error.orig))


async def roll_moved(database: Database, *, among: str = MOVED, after: int = 0, looks: int = 10) -> tuple[int, int]:
    """Roll up the next wallets above ``after`` that have something new; gives how many, and where to go on (0: at the
    beginning). ``looks`` × LOOK wallets are looked at; one that somebody else is just rolling up is passed by."""
    rolled = 0
    for _ in range(looks):
        async with database.transaction() as connection:
            found, last = await store.behind(connection, among, after, LOOK)
        for start in range(0, len(found), TOGETHER):
            rolled += await _roll_together(database, found[start : start + TOGETHER])
        if last is None:
            return rolled, 0
        after = last
    return rolled, after


async def rebuild(database: Database, wallet_id: int) -> bool:
    """Make a wallet's sums anew from its journal, in one database transaction, so that nobody reads a part of them;
    whether they are now others than before. Raises NotFound."""

    async def work(connection: AsyncConnection) -> bool:
        marks = await _lock(connection, [wallet_id], wait=True)
        if not marks:
            raise NotFound(f"there is no wallet {wallet_public(wallet_id)}")
        before = await store.content(connection, wallet_id)
        await store.forget(connection, marks[0])
        mark = marks[0]._replace(number=0)
        while mark.number < marks[0].number:
            added = await store.add(connection, [mark], CHUNK, up_to=marks[0].number, days=False)
            mark = mark._replace(number=mark.number + added[wallet_id])
        # Once: each chunk would add to the same few rows, and as long as this transaction lasts none of their old
        # versions can go.
        await days.make(connection, wallet_id, mark.time_zone)
        return before != await store.content(connection, wallet_id)

    while not await roll_up(database, wallet_id):
        continue
    return await database.retrying(work)


async def wallets_after(database: Database, wallet_id: int, limit: int = 500) -> list[int]:
    """The next wallets, in order."""
    sql = "SELECT wallet_id FROM wallets WHERE wallet_id > %(after)s ORDER BY wallet_id LIMIT %(limit)s"
    async with database.transaction() as connection:
        rows = await connection.exec_driver_sql(sql, {"after": wallet_id, "limit": limit})
        return [row[0] for row in rows]


async def _roll_together(database: Database, wallet_ids: Sequence[int]) -> int:
    """A wallet that cannot be rolled up keeps no other from it."""
    try:
        added = await database.retrying(lambda connection: _add(connection, wallet_ids, OF_EACH, wait=False))
    except DBAPIError as error:
        if len(wallet_ids) == 1:
            log.error("rollups.failed", wallet_id=wallet_ids[0], error=str(error.orig))
            return 0
        return sum([await _roll_together(database, [wallet_id]) for wallet_id in wallet_ids])
    for wallet_id, count in added.items():
        if count == OF_EACH:
            await roll_up(database, wallet_id)
    return len(added)


async def _add(connection: AsyncConnection, wallet_ids: Sequence[int], limit: int, *, wait: bool) -> dict[int, int]:
    """Add the next transactions of these wallets; gives how many there were of each."""
    return await store.add(connection, await _lock(connection, wallet_ids, wait=wait), limit)


async def _lock(connection: AsyncConnection, wallet_ids: Sequence[int], *, wait: bool) -> list[store.Mark]:
    """Lock the marks of these wallets, with the days as their time zones have them now."""
    marks = await store.lock(connection, wallet_ids, wait=wait)
    for mark in marks:
        if mark.zone != mark.time_zone:
            await days.make(connection, mark.wallet_id, mark.time_zone)
    return marks
