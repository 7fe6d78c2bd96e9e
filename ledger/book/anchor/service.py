"""Sealing: take every book that moved into the open anchor, chunk by chunk, and close it.

Each chunk is a database transaction of its own: what it took is sealed for good, into the anchor that is open, whoever
closes that. So a sealer may be killed anywhere, and the next goes on. Any number of sealers may run at once: the row of
``sealing`` lets them in one after the other, and its number tells a sealer that another has closed the anchor.

A chunk skips books that somebody is just writing to, so that sealing never holds up a posting. Those are waited for at
the end, one at a time; a book that stays locked even then comes with the next anchor.
"""

from contextlib import suppress
from typing import Final

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.anchor import store
from ledger.book.anchor.keys import SigningKey
from ledger.book.anchor.rules import Anchor, Head, Tree, following, is_due, leaf_hash
from ledger.kit import clock
from ledger.kit.db import Database, sqlstate

log = structlog.get_logger(__name__)

CHUNK: Final = 200
"""Books that are locked at once."""

LOCK_TIMEOUT: Final = "55P03"


class Overtaken(Exception):
    """Another sealer has closed the anchor that this one was filling."""


async def seal_if_due(database: Database, key: SigningKey) -> Anchor | None:
    """Seal unless this hour has its anchor already. None where it has, or another sealer has just made it."""
    try:
        return await _seal(database, key, only_if_due=True)
    except Overtaken:
        return None


async def seal_now(database: Database, key: SigningKey) -> Anchor:
    """Seal whatever the hour. All that was posted before the call is under the anchor that it gives, or an earlier one,
    but for books that stay locked."""
    while True:
        with suppress(Overtaken):
            anchor = await _seal(database, key)
            assert anchor is not None
            return anchor
        # The other one may have passed a book before it moved: what was posted before the call is promised.


async def _seal(database: Database, key: SigningKey, *, only_if_due: bool = False) -> Anchor | None:
    async with database.transaction() as connection:
        # Under the lock: who asks whether an anchor is due must not begin another one after it was made.
        number, _ = await store.lock_open(connection)
        began = await clock.now(connection)
        if only_if_due and not is_due(await store.last_anchor(connection), began):
            return None
    after = 0
    while taken := await take_chunk(database, number, after):
        after = taken[-1]
    async with database.transaction() as connection:
        stragglers = await store.moved_by(connection, began)
    for wallet_id in stragglers:
        await _take_straggler(database, number, wallet_id)
    return await database.retrying(lambda connection: _close(connection, number, key))


async def take_chunk(database: Database, number: int, after: int, limit: int = CHUNK) -> list[int]:
    """Take the next books that moved, above ``after``, into the open anchor ``number``; gives them, in order.

    Raises Overtaken where ``number`` is closed.
    """

    async def work(connection: AsyncConnection) -> list[int]:
        tree = await _open_tree(connection, number)
        found = await store.free_heads(connection, after, limit)
        await _take(connection, number, tree, found)
        return [head.wallet_id for head, _ in found]

    return await database.retrying(work)


async def _take_straggler(database: Database, number: int, wallet_id: int) -> None:
    """Wait for one book, while nothing else is held: nobody waits for this sealer in turn."""
    try:
        async with database.transaction() as connection:
            found = await store.head_of(connection, wallet_id)
            tree = await _open_tree(connection, number)
            await _take(connection, number, tree, found)
    except DBAPIError as error:
        if sqlstate(error) != LOCK_TIMEOUT:
            raise
        log.warning("anchor.book_locked", wallet_id=wallet_id, anchor=number)


async def _open_tree(connection: AsyncConnection, number: int) -> Tree:
    open_number, tree = await store.lock_open(connection)
    if open_number != number:
        raise Overtaken
    return tree


async def _take(connection: AsyncConnection, number: int, tree: Tree, found: list[tuple[Head, int]]) -> None:
    """Seal these locked books. One that stands where it was sealed before has nothing new to seal."""
    if not found:
        return
    heads = [head for head, sealed_number in found if head.number > sealed_number]
    grown = tree.grown(leaf_hash(head) for head in heads)
    await store.take(connection, number, heads, [head.wallet_id for head, _ in found], tree, grown)


async def _close(connection: AsyncConnection, number: int, key: SigningKey) -> Anchor:
    tree = await _open_tree(connection, number)
    last = await store.last_anchor(connection)
    anchor = following(last, tree, await clock.now(connection), key.public)
    if anchor.number != number:
        raise RuntimeError(f"anchor {number} is open, but {anchor.number - 1} anchors are closed: run verify")
    anchor = msgspec.structs.replace(anchor, signature=key.sign(anchor.hash))
    await store.close(connection, anchor)
    return anchor
