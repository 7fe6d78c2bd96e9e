"""Rows of ``payment_methods``, written as a whole for a wallet's Customer, by whoever asked Stripe last.

Two may ask at the same time, and the one that asked first may write last, with what is not so any more. So who is
going to ask notes the version of the Customer's row before it, and writes only where that is still the same; writing
makes another one. PostgreSQL counts versions by itself: a row's ``xmin`` is the transaction that wrote it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import case, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.payments import rows
from ledger.payments.tables import payment_methods

_VERSION: Final = "SELECT xmin::text FROM stripe_customers WHERE wallet_id = :wallet AND customer = :customer"

_TAKE: Final = """
UPDATE stripe_customers SET customer = customer
WHERE wallet_id = :wallet AND customer = :customer AND xmin::text = :version"""

_m = payment_methods.c


class Method(NamedTuple):
    """A row of ``payment_methods``. ``told_expiring_at``: when it was told that the card expires in its last month."""

    wallet_id: int
    method: str
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    fingerprint: str | None
    is_default: bool
    verified: bool
    attached_at: datetime
    told_expiring_at: datetime | None


assert Method._fields == tuple(payment_methods.c.keys())


async def version(connection: AsyncConnection, wallet_id: int, customer: str) -> str | None:
    """The version of the wallet's Customer; None where the wallet has another one, or none."""
    found = await connection.execute(text(_VERSION), {"wallet": wallet_id, "customer": customer})
    version: str | None = found.scalar_one_or_none()
    return version


async def take(connection: AsyncConnection, wallet_id: int, customer: str, version: str) -> bool:
    """Whether nobody has written since this version; who is told so may write, and others wait."""
    params = {"wallet": wallet_id, "customer": customer, "version": version}
    return (await connection.execute(text(_TAKE), params)).rowcount == 1


async def keep(connection: AsyncConnection, wallet_id: int, methods: Sequence[dict[str, Any]]) -> None:
    """These are all that the wallet has. A card that has another expiry is one that nothing was told of."""
    names = [method["method"] for method in methods]
    gone = delete(payment_methods).where(_m.wallet_id == wallet_id, _m.method.not_in(names))
    await connection.execute(gone)
    for values in methods:
        row = insert(payment_methods).values(wallet_id=wallet_id, **values)
        same = (_m.exp_month == row.excluded.exp_month) & (_m.exp_year == row.excluded.exp_year)
        changed = values | {"told_expiring_at": case((same, _m.told_expiring_at))}
        await connection.execute(row.on_conflict_do_update(index_elements=[_m.wallet_id, _m.method], set_=changed))
    await rows.remember(connection, wallet_id, None, *names)


async def methods_of(connection: AsyncConnection, wallet_id: int) -> list[Method]:
    """The first that was saved first."""
    found = select(payment_methods).where(_m.wallet_id == wallet_id)
    return [Method(*row) for row in await connection.execute(found.order_by(_m.attached_at, _m.method))]


async def default_of(connection: AsyncConnection, wallet_id: int) -> Method | None:
    """The one that is charged."""
    return next((method for method in await methods_of(connection, wallet_id) if method.is_default), None)


async def expiring(connection: AsyncConnection, limit: int) -> list[Method]:
    """Cards that are in the last month in which they can be used, or past it, and were not told of."""
    ends = func.make_timestamptz(_m.exp_year, _m.exp_month, 1, 0, 0, 0, "UTC")
    due = select(payment_methods).where(
        _m.exp_year.between(2000, 9999), _m.exp_month.between(1, 12), _m.told_expiring_at.is_(None)
    )
    return [Method(*row) for row in await connection.execute(due.where(ends <= func.ledger_now()).limit(limit))]
