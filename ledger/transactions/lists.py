"""Lists of a wallet's transactions, as different concepts show them."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from ledger.book.commands import Transaction
from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.paging import Page, number_of, page

T = TypeVar("T")


async def listed(
    request: LedgerRequest,
    name: str,
    wallet_id: int,
    limit: int,
    cursor: str | None,
    shape: Callable[[Transaction, int], T],
    *,
    kind: str | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
) -> Answer[Page[T]]:
    """A page of them, the newest first. ``shape`` shows one, given how much of it was reversed."""
    reader = request.services.reader
    rows = await reader.transactions(
        wallet_id, before=number_of(name, cursor), limit=limit + 1, kind=kind, from_=from_, to=to
    )
    undone = await reader.reversed_amounts(wallet_id, [row.number for row in rows])
    return answer(page(name, rows, limit, lambda row: shape(row, undone.get(row.number, 0)), lambda row: row.number))
