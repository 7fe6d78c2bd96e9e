"""Finding out why a transaction is what it is: a few statements, each by key, whatever the history of its wallet."""

from typing import Any, Final, cast

from ledger.book.commands import Transaction
from ledger.context import Services
from ledger.kit.db import Database
from ledger.rates.counted import line_of
from ledger.rates.line import read
from ledger.transactions.funding import LOTS_MAX, trace
from ledger.transactions.parts import parts_of
from ledger.transactions.reasons import Known, Undone
from ledger.transactions.shapes import amount_of

REVERSALS_MAX: Final = 100
"""Reversals of one transaction that are shown."""

_KIND: Final = "SELECT kind, recorded_at FROM transactions WHERE wallet_id = %(wallet)s AND number = %(number)s"

_UNDONE_BY: Final = f"""
SELECT number, kind, recorded_at, amount, sum(amount) OVER ()::bigint, count(*) OVER () > {REVERSALS_MAX} FROM (
    SELECT r.number, r.kind, r.recorded_at, coalesce(sum(p.amount), 0)::bigint AS amount
    FROM transactions r LEFT JOIN postings p ON p.wallet_id = r.wallet_id AND p.number = r.number
        AND p.asset = 'CREDIT' AND (split_part(p.debit, ':', 1) IN ('used', 'withdrawn', 'transit')
        OR split_part(p.credit, ':', 1) IN ('issued', 'transit'))
    WHERE r.wallet_id = %(wallet)s AND r.reverses = %(number)s GROUP BY r.wallet_id, r.number) AS undone
ORDER BY number LIMIT {REVERSALS_MAX}"""
"""Counted as the book counts what is left to reverse."""


async def find_out(services: Services, wallet_id: int, number: int) -> Known:
    """All that is shown of a transaction. Raises NotFound."""
    database = services.database
    posted = await services.reader.posted(wallet_id, number)
    t = posted.transaction
    line = await line_of(database, posted) if t.kind == "usage" else None
    lots = await trace(database, [(wallet_id, part.lot) for part in parts_of(t)[:LOTS_MAX]])
    undone_by, undone, more = await _undone_by(database, t)
    return Known(
        posted,
        None if line is None else read(line),
        lots,
        await _undone(database, t),
        undone_by,
        undone,
        more,
    )


async def _undone_by(database: Database, t: Transaction) -> tuple[list[Undone], int, bool]:
    """What undid it, how much was undone in all, and whether there are others."""
    rows = await _rows(database, _UNDONE_BY, t.wallet_id, t.number)
    return [Undone(*row[:4]) for row in rows], rows[0][4] if rows else 0, bool(rows) and rows[0][5]


async def _undone(database: Database, t: Transaction) -> Undone | None:
    """What it undid."""
    if t.reverses is None:
        return None
    ((kind, recorded_at),) = await _rows(database, _KIND, t.wallet_id, t.reverses)
    return Undone(t.reverses, kind, recorded_at, amount_of(t))


async def _rows(database: Database, sql: str, wallet_id: int, number: int) -> list[tuple[Any, ...]]:
    async with database.engine.connect() as connection:
        result = await connection.exec_driver_sql(sql, {"wallet": wallet_id, "number": number})
        return cast("list[tuple[Any, ...]]", result.fetchall())
