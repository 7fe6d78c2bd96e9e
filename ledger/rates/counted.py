"""Priced events as they are stored."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from ledger.book.commands import Posted
from ledger.kit.arrays import numbers
from ledger.kit.db import Database
from ledger.rates.part import Priced


class Counted(msgspec.Struct, frozen=True):
    """A priced event: a row of ``usage``, by its columns."""

    wallet_id: int
    number: int
    service: str
    meter: str
    dimensions: str
    selector: str
    version: int
    occurred_at: datetime
    month: date
    quantity: int
    micro: int
    free: int
    billed: int
    covered: int
    flats: int
    line: str
    """The ``ChargeLine``, as JSON."""
    amends: int | None


_COLUMNS: Final = ", ".join(f"u.{name}" for name in Counted.__struct_fields__)
_COUNTED: Final = f"""
SELECT {_COLUMNS} FROM unnest(%(wallets)s::bigint[], %(numbers)s::bigint[]) AS r(wallet_id, number)
JOIN usage u USING (wallet_id, number)"""


async def load_counted(database: Database, refs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Counted]:
    """The priced events among these transactions, by (wallet, number)."""
    params = {"wallets": numbers([w for w, _ in refs]), "numbers": numbers([n for _, n in refs])}
    async with database.engine.connect() as connection:
        rows = (await connection.exec_driver_sql(_COUNTED, params)).fetchall()
    return {(row[0], row[1]): Counted(*row) for row in rows}  # type: ignore[call-arg,misc] # a row has its columns


async def line_of(database: Database, posted: Posted) -> str | None:
    """How a posted event was priced: as it was just now, or, for a replay, as it is stored. None where it was not."""
    if isinstance(posted.detail, Priced):
        return posted.detail.line
    ref = (posted.transaction.wallet_id, posted.transaction.number)
    counted = (await load_counted(database, [ref])).get(ref)
    return None if counted is None else counted.line
