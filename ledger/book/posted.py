"""What a transaction was answered with, from what is stored: the same record that ``post()`` gave."""

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book import commands as c
from ledger.book.load import POSTINGS, TRANSACTIONS, transactions_of
from ledger.kit.arrays import numbers
from ledger.kit.db import Database

Refs = Sequence[tuple[int, int]]

_LINKS: Final = """
SELECT wallet_id, number, link_wallet_id
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, number)
JOIN transactions USING (wallet_id, number) WHERE link_wallet_id IS NOT NULL"""

_LOTS: Final = """
SELECT wallet_id, lot, source, priority, effective_at, expires_at, cost, currency
FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, lot) JOIN lots USING (wallet_id, lot)"""

_HOLDS: Final = """
SELECT h.wallet_id, r.number, h.hold, h.amount, m.captured::bigint, m.released::bigint, h.service,
    h.placed_at, h.expires_at
FROM unnest(%(wallets)s::bigint[], %(holds)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, hold, number)
JOIN holds h USING (wallet_id, hold) CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE credit <> 'wallet'), 0) AS captured,
           coalesce(sum(amount) FILTER (WHERE credit = 'wallet'), 0) AS released
    FROM postings p WHERE p.wallet_id = r.wallet_id AND p.number BETWEEN r.hold AND r.number
        AND p.hold = r.hold AND p.debit = 'held') AS m"""


async def load_links(database: Database, refs: Refs) -> dict[tuple[int, int], int]:
    """The other wallet of those transactions that have one."""
    async with database.engine.connect() as connection:
        rows = await _rows(connection, _LINKS, _pairs(refs))
    return {(row[0], row[1]): row[2] for row in rows}


async def load_posted(database: Database, refs: Refs) -> dict[tuple[int, int], c.Posted]:
    """The posted records of transactions, by (wallet, number); those that are not there are left out."""
    params = _pairs(refs)
    async with database.engine.connect() as connection:
        found = transactions_of(
            await _rows(connection, TRANSACTIONS, params), await _rows(connection, POSTINGS, params)
        )
        wanted = [found[ref] for ref in refs if ref in found]
        lots = await _lots(connection, wanted)
        holds = await _holds(connection, wanted)
    return {
        (t.wallet_id, t.number): c.Posted(
            t,
            payee=found.get((t.link_wallet_id or 0, t.link_number or 0)),
            lot=lots.get((t.wallet_id, lot_into(t) or 0)),
            hold=holds.get((t.wallet_id, t.number)),
        )
        for t in wanted
    }


def lot_into(transaction: c.Transaction) -> int | None:
    """The lot that an inflow went into."""
    return next((p.lot for p in transaction.postings if p.debit.startswith("issued:")), None)


async def _lots(connection: AsyncConnection, wanted: Sequence[c.Transaction]) -> dict[tuple[int, int], c.LotFacts]:
    refs = [(t.wallet_id, lot) for t in wanted if (lot := lot_into(t)) is not None]
    rows = await _rows(connection, _LOTS, _pairs(refs)) if refs else []
    return {(row[0], row[1]): c.LotFacts(*row[1:]) for row in rows}


async def _holds(connection: AsyncConnection, wanted: Sequence[c.Transaction]) -> dict[tuple[int, int], c.HoldFacts]:
    held = [(t, hold) for t in wanted if (hold := _hold_of(t)) is not None]
    if not held:
        return {}
    params = {
        "wallets": numbers(t.wallet_id for t, _ in held),
        "holds": numbers(hold for _, hold in held),
        "numbers": numbers(t.number for t, _ in held),
    }
    transactions = {(t.wallet_id, t.number): t for t, _ in held}
    facts = {}
    for wallet_id, number, hold, amount, captured, released, *rest in await _rows(connection, _HOLDS, params):
        state = "open"
        if captured + released == amount:
            state = _ending(transactions[wallet_id, number], hold)
        facts[wallet_id, number] = c.HoldFacts(hold, amount, captured, released, state, *rest)
    return facts


def _hold_of(transaction: c.Transaction) -> int | None:
    return next((p.hold for p in transaction.postings if p.hold is not None), None)


def _ending(transaction: c.Transaction, hold: int) -> str:
    """How a hold ended, by the transaction that ended it."""
    if transaction.kind != "release":
        return "captured"
    by_itself = transaction.key_hash == c.key_hash("due", f"hold:{hold}")
    return "expired" if by_itself else "released"


def _pairs(refs: Refs) -> dict[str, str]:
    return {"wallets": numbers(w for w, _ in refs), "numbers": numbers(n for _, n in refs)}


async def _rows(connection: AsyncConnection, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    result = await connection.exec_driver_sql(sql, params)
    return cast("list[tuple[Any, ...]]", result.fetchall())
