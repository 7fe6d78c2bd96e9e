"""Lists that requests ask for: of a wallet's payments, and of what belongs to one payment."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database
from ledger.kit.http.paging import Page, Place, page, place_of
from ledger.payments import rows
from ledger.payments.rows import ALL, Payment, Wanted

Row = TypeVar("Row")
T = TypeVar("T")

Load = Callable[[AsyncConnection, int, int, Any, int], Awaitable[list[Row]]]
"""Rows of a payment (wallet, payment) behind a place, so many at most."""


async def of_payment(
    database: Database,
    payment_id: str,
    name: str,
    limit: int,
    cursor: str | None,
    first: Place,
    load: Load[Row],
    shape: Callable[[Row], T],
    place: Callable[[Row], Place],
) -> Page[T]:
    """A page of what belongs to a payment, from behind ``first`` on. Raises NotFound, InvalidCursor."""
    named = f"{name} of {payment_id}"
    after = place_of(named, cursor, type(first))
    async with database.transaction() as connection:
        payment = await rows.find(connection, payment_id)
        found = await load(connection, payment.wallet_id, payment.payment, after or first, limit + 1)
    return page(named, found, limit, shape, place)


async def of_wallet(
    connection: AsyncConnection,
    wallet_id: int,
    name: str,
    limit: int,
    cursor: str | None,
    shape: Callable[[Payment], T],
    wanted: Wanted = ALL,
) -> Page[T]:
    """A page of a wallet's payments, or of those that are ``wanted``, the newest first. Raises InvalidCursor."""
    named = f"{name} of {wallet_id}"
    before = place_of(named, cursor, str)
    place = None if before is None else str(before)
    found = await rows.listed(connection, wallet_id, before=place, limit=limit + 1, wanted=wanted)
    return page(named, found, limit, shape, rows.place)
