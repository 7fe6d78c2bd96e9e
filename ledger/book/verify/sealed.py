"""Each book against what anchors sealed of it: a tail that was cut, a book that was written anew, a book left out.

The database joins, so only what is wrong is read. All of a chunk is read in the chunk's snapshot.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from ledger.book.verify.rows import Connection, WalletRow, rows

LAG_H: Final = 3
"""A book may have moved so many hours before the newest anchor and be in none: it was locked each time. Not longer."""

_LAG_US = LAG_H * 3_600_000_000

_BROKEN = """
SELECT wallet_id, number, l.anchor, l.position, l.hash, t.hash,
    coalesce((SELECT max(p.number) FROM anchor_leaves p WHERE p.wallet_id = l.wallet_id AND p.number < l.number), 0)
FROM anchor_leaves l
LEFT JOIN (SELECT wallet_id, number, hash FROM transactions WHERE {where}) t USING (wallet_id, number)
WHERE {where} AND t.hash IS DISTINCT FROM l.hash ORDER BY wallet_id, number"""

_NEWEST = "SELECT max(sealed_at) FROM anchors"

Say = Callable[[int | None, str, int | None, str, object, object], None]


def check_sealed(
    connection: Connection, where: str, params: dict[str, Any], heads: Iterable[WalletRow], say: Say
) -> int:
    """Compare the books of a chunk with their leaves; gives how many leaves there are of them."""
    for wallet_id, number, anchor, position, sealed, found, before in rows(
        connection, _BROKEN.format(where=where), params
    ):
        place = f"anchor {anchor}, leaf {position}, which sealed transactions {before + 1} to {number}"
        if found is None:
            say(wallet_id, "tail", number, place, "the transaction", "none")
        else:
            say(wallet_id, "sealed_hash", number, place, sealed.hex(), found.hex())
    sealed_to: dict[int, int] = {}
    leaves = 0
    counted = f"SELECT wallet_id, max(number), count(*) FROM anchor_leaves WHERE {where} GROUP BY wallet_id"
    for wallet_id, number, count in rows(connection, counted, params):
        sealed_to[wallet_id] = number
        leaves += count
    unsealed = dict(rows(connection, f"SELECT wallet_id, since FROM unsealed WHERE {where}", params))
    ((newest,),) = rows(connection, _NEWEST, {})
    for head in heads:
        last = sealed_to.get(head.wallet_id, 0)
        if head.sealed_number != last:
            say(head.wallet_id, "sealed_number", None, "wallets.sealed_number", last, head.sealed_number)
        moved, listed = head.number > last, head.wallet_id in unsealed
        if moved != listed:
            say(head.wallet_id, "unsealed", None, "unsealed", _row(moved), _row(listed))
        elif moved and newest is not None and newest - unsealed[head.wallet_id] > _LAG_US:
            say(head.wallet_id, "seal_lag", last + 1, "anchors", f"sealed within {LAG_H} hours", "in no anchor")
    for wallet_id in sorted(unsealed.keys() - {head.wallet_id for head in heads}):
        say(wallet_id, "wallet", None, "unsealed", "a wallet", "none")
    return leaves


def _row(there: bool) -> str:
    return "a row" if there else "none"
