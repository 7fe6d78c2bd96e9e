"""The SQL of sealing. Whoever changes ``sealing``, ``anchors`` or ``anchor_leaves`` holds the lock of the row of
``sealing``. Nobody who holds that waits for a wallet, so there is no deadlock to have with the door."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.anchor.rules import HASH_BYTES, Anchor, Head, Tree, data_of
from ledger.events import catalogue
from ledger.events.payloads import LedgerSealed
from ledger.kit.arrays import binaries, numbers
from ledger.kit.ids import event_public
from ledger.kit.outbox import LEDGER

SEALED: Final = "ledger.sealed"
"""The event that tells of an anchor. It belongs to no wallet; its number is the anchor's."""

_COLUMNS = "number, previous, root, leaves, sealed_at, public_key, hash, signature"

_OPEN: Final = "SELECT anchor, leaves, peaks FROM sealing FOR UPDATE"

_FREE: Final = """
SELECT u.wallet_id, w.number, w.head_hash, w.sealed_number
FROM unsealed u JOIN wallets w ON w.wallet_id = u.wallet_id
WHERE u.wallet_id > %(after)s ORDER BY u.wallet_id LIMIT %(limit)s FOR NO KEY UPDATE OF w SKIP LOCKED"""

# ``unsealed`` is empty, full and empty again within an hour: what the planner believes of it is always wrong.
_BY_KEY: Final = """
SELECT set_config(name, 'off', true)
FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_bitmapscan']) AS name"""

_ONE: Final = """
SELECT wallet_id, number, head_hash, sealed_number FROM wallets WHERE wallet_id = %(wallet)s FOR NO KEY UPDATE"""

_TAKE: Final = """
WITH head AS (
    SELECT * FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[], %(hashes)s::bytea[])
        WITH ORDINALITY AS h(wallet_id, number, hash, place)),
leaf AS (
    INSERT INTO anchor_leaves (anchor, position, wallet_id, number, hash)
    SELECT %(anchor)s::bigint, %(first)s::bigint + place - 1, wallet_id, number, hash FROM head RETURNING 1),
book AS (
    UPDATE wallets w SET sealed_number = h.number FROM head h
    WHERE w.wallet_id = h.wallet_id AND w.number = h.number RETURNING 1),
moved AS (
    DELETE FROM unsealed WHERE wallet_id = ANY(%(seen)s::bigint[]) RETURNING 1),
tree AS (
    UPDATE sealing SET leaves = %(leaves)s::bigint, peaks = %(peaks)s::bytea RETURNING 1)
SELECT (SELECT count(*) FROM leaf), (SELECT count(*) FROM book), (SELECT count(*) FROM tree)"""

_LAST: Final = f"SELECT {_COLUMNS} FROM anchors ORDER BY number DESC LIMIT 1"

_CLOSE: Final = """
WITH closed AS (
    INSERT INTO anchors (number, previous, root, leaves, sealed_at, public_key, hash, signature)
    VALUES (%(number)s, %(previous)s, %(root)s, %(leaves)s, %(sealed_at)s, %(public_key)s, %(hash)s, %(signature)s)),
told AS (
    INSERT INTO outbox (wallet_id, event, type, payload, recorded_at)
    VALUES (%(ledger)s, %(number)s, %(type)s, %(payload)s, %(sealed_at)s))
UPDATE sealing SET anchor = anchor + 1, leaves = 0, peaks = ''"""


async def lock_open(connection: AsyncConnection) -> tuple[int, Tree]:
    """Lock the anchor that is being made: its number, and its tree so far."""
    row: Any = (await connection.exec_driver_sql(_OPEN)).one()
    number, leaves, peaks = row
    return number, Tree(leaves, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))


async def free_heads(connection: AsyncConnection, after: int, limit: int) -> list[tuple[Head, int]]:
    """Lock the next books that moved and that nobody else has locked; each with what was sealed of it before."""
    await connection.exec_driver_sql(_BY_KEY)
    rows = await connection.exec_driver_sql(_FREE, {"after": after, "limit": limit})
    return [_head(row) for row in rows]


async def head_of(connection: AsyncConnection, wallet_id: int) -> list[tuple[Head, int]]:
    """The same of one book, however long somebody else has it locked (within the lock timeout)."""
    return [_head(row) for row in await connection.exec_driver_sql(_ONE, {"wallet": wallet_id})]


async def moved_by(connection: AsyncConnection, now: datetime) -> list[int]:
    """Books that moved until then and are not sealed yet."""
    sql = "SELECT wallet_id FROM unsealed WHERE since <= %(now)s ORDER BY wallet_id"
    return [row[0] for row in await connection.exec_driver_sql(sql, {"now": now})]


async def take(
    connection: AsyncConnection, number: int, heads: Sequence[Head], seen: Sequence[int], before: Tree, after: Tree
) -> None:
    """Write the leaves of these locked books, and that they are sealed; all of ``seen`` are no longer unsealed."""
    params = {
        "anchor": number,
        "first": before.leaves,
        "wallets": numbers(head.wallet_id for head in heads),
        "numbers": numbers(head.number for head in heads),
        "hashes": binaries([head.hash for head in heads]),
        "seen": numbers(seen),
        "leaves": after.leaves,
        "peaks": b"".join(after.peaks),
    }
    counts = tuple((await connection.exec_driver_sql(_TAKE, params)).one())
    expected = (len(heads), len(heads), 1)
    if counts != expected:
        raise RuntimeError(f"sealing touched {counts} rows instead of {expected}")


async def last_anchor(connection: AsyncConnection) -> Anchor | None:
    row = (await connection.exec_driver_sql(_LAST)).one_or_none()
    return None if row is None else anchor_of(row)


async def close(connection: AsyncConnection, anchor: Anchor) -> None:
    """Write the anchor and the event that tells of it, and begin the next."""
    fields = msgspec.structs.asdict(anchor)
    params = fields | {"ledger": LEDGER, "type": SEALED, "payload": payload_of(anchor)}
    await connection.exec_driver_sql(_CLOSE, params)


async def anchors_after(connection: AsyncConnection, after: int, limit: int) -> list[Anchor]:
    """Anchors by number, upwards."""
    sql = f"SELECT {_COLUMNS} FROM anchors WHERE number > %(after)s ORDER BY number LIMIT %(limit)s"
    return [anchor_of(row) for row in await connection.exec_driver_sql(sql, {"after": after, "limit": limit})]


async def newest_anchors(connection: AsyncConnection, before: int | None, limit: int) -> list[Anchor]:
    """Anchors by number, downwards, below ``before`` where it is given."""
    sql = f"""SELECT {_COLUMNS} FROM anchors WHERE number < coalesce(%(before)s::bigint, 9223372036854775807)
        ORDER BY number DESC LIMIT %(limit)s"""
    return [anchor_of(row) for row in await connection.exec_driver_sql(sql, {"before": before, "limit": limit})]


def anchor_of(row: Any) -> Anchor:
    number, previous, root, leaves, sealed_at, public_key, hash_, signature = row
    return Anchor(
        number=number,
        previous=previous,
        root=root,
        leaves=leaves,
        sealed_at=sealed_at,
        public_key=public_key,
        hash=hash_,
        signature=signature,
    )


def _head(row: Any) -> tuple[Head, int]:
    wallet_id, number, hash_, sealed_number = row
    return Head(wallet_id, number, hash_), sealed_number


def payload_of(anchor: Anchor) -> str:
    """The event that tells of an anchor, as others get it."""
    return catalogue.payload_of(
        SEALED,
        msgspec.convert(data_of(anchor), LedgerSealed),
        id=event_public(LEDGER, anchor.number, anchor.sealed_at),
        at=anchor.sealed_at,
        wallet_id=None,
        number=anchor.number,
        transaction_id=None,
    )
