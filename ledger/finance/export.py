"""Pages of postings below one snapshot.

The horizon is taken once: a transaction is in the file when its writer had committed before. Then the journal is paged
by primary key in short transactions, each of bounded work whatever the dates asked for, so that a file which takes an
hour holds back no vacuum, no lock and no connection while its reader is slow. Rows of the journal never change, so all
pages together are one consistent state.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from ledger.finance.journal import Journal, Line
from ledger.kit.db import Database

PAGE: Final = 2_000
"""Postings that one transaction reads at most."""

SLICE: Final = 200
"""Postings that are encoded before other requests have their turn."""

_HORIZON: Final = "SELECT pg_current_snapshot()::text, ledger_now()"

# The limit is a constant and the look-ups are lateral: a plan prepared once must never become a join of whole tables.
_PAGE: Final = f"""
WITH page AS MATERIALIZED (
    SELECT wallet_id, number, line, debit, credit, asset, amount, lot, hold,
        row_number() OVER (ORDER BY wallet_id, number, line) AS place
    FROM postings
    WHERE (wallet_id, number, line) > (%(wallet)s::bigint, %(number)s::bigint, %(line)s::smallint)
    ORDER BY wallet_id, number, line LIMIT {PAGE})
SELECT p.wallet_id, p.number, p.line, p.debit, p.credit, p.asset, p.amount, p.lot, p.hold,
    t.kind, t.effective_at, t.recorded_at, t.actor, t.reverses, t.link_wallet_id, t.link_number, t.body, t.owner_id,
    p.place
FROM page p LEFT JOIN LATERAL (
    SELECT t.*, n.body, s.owner_id FROM transactions t
    LEFT JOIN notes n ON n.wallet_id = t.wallet_id AND n.number = t.number
    LEFT JOIN wallet_settings s ON s.wallet_id = t.wallet_id
    WHERE t.wallet_id = p.wallet_id AND t.number = p.number
        AND pg_visible_in_snapshot(t.xid, %(snapshot)s::pg_snapshot)
        AND (%(from)s::timestamptz IS NULL OR t.effective_at >= %(from)s::timestamptz)
        AND (%(to)s::timestamptz IS NULL OR t.effective_at < %(to)s::timestamptz)) AS t ON true
WHERE t.kind IS NOT NULL OR p.place = {PAGE}
ORDER BY p.place"""

Row = tuple[Any, ...]


class Horizon(NamedTuple):
    """What had been committed: the snapshot as PostgreSQL writes it, and the clock then."""

    snapshot: str
    at: datetime


async def horizon(database: Database) -> Horizon:
    """The state of now. Raises what says that the database cannot be used."""
    async with database.engine.connect() as connection:
        snapshot, at = tuple((await connection.exec_driver_sql(_HORIZON)).one())
    return Horizon(snapshot, at)


async def journal_csv(
    database: Database, below: Horizon, *, from_: datetime | None = None, to: datetime | None = None
) -> AsyncIterator[bytes]:
    """The parts of journal.csv: postings of ``from_`` ≤ effective_at < ``to``.

    Any error ends it before the trailer.
    """
    journal = Journal()
    yield journal.header()
    async for rows in _pages(database, {"snapshot": below.snapshot, "from": from_, "to": to}):
        for start in range(0, len(rows), SLICE):
            yield journal.part(Line(*row[:-1]) for row in rows[start : start + SLICE])
            await asyncio.sleep(0)
    yield journal.end(below.at)


async def _pages(database: Database, asked: dict[str, Any]) -> AsyncIterator[Sequence[Row]]:
    """The wanted postings, page by page. The last one of a full page says where to go on, wanted or not."""
    wallet, number, line = 0, 0, 0
    while True:
        async with database.engine.connect() as connection:
            result = await connection.exec_driver_sql(_PAGE, asked | {"wallet": wallet, "number": number, "line": line})
            rows = cast("list[Row]", result.fetchall())
        yield [row for row in rows if row[_KIND] is not None]
        if not rows or rows[-1][-1] < PAGE:
            return
        wallet, number, line = rows[-1][:3]


_KIND: Final = Line._fields.index("kind")
