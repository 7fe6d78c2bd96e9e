"""A wallet's Customer at Stripe: made when it is first needed, once, whoever asks for it at the same time.

The row is committed before Stripe is asked, and the key of the call is made of that row: who comes second, or again
after a crash, is answered with the same Customer. One that somebody deleted at Stripe is forgotten (``forget``), and
the next row has another key. So does a row that Stripe failed at with an error of its own, which it would repeat under
the first key for a day.

(A key is remembered for a day. Where a crash is only repaired later, a second Customer is made; the first one, which
nobody ever heard of, stays behind with nothing in it.)
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.ids import wallet_public
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway
from ledger.payments.tables import stripe_customers, stripe_objects

WALLET: Final = "wallet_id"
"""The metadata key under which objects of Stripe name their wallet."""

_c = stripe_customers.c


async def customer_of(desk: Desk, wallet_id: int) -> str:
    """The id of the wallet's Customer. Raises StripeAway, StripeRefused where it is still to be made."""
    async with desk.database.transaction() as connection:
        await connection.execute(insert(stripe_customers).values(wallet_id=wallet_id).on_conflict_do_nothing())
        intended_at, customer = await _load(connection, wallet_id)
    if customer is not None:
        return customer
    key = f"cus:{wallet_id}:{intended_at:%Y%m%dT%H%M%S.%f}"
    wanted: Any = {"metadata": {WALLET: wallet_public(wallet_id)}}
    try:
        made = await desk.stripe.call(lambda client: client.v1.customers.create(wanted, {"idempotency_key": key}))
    except StripeAway as away:
        if away.is_kept:
            await _intend_anew(desk, wallet_id, intended_at)
        raise
    async with desk.database.transaction() as connection:
        return await _keep(connection, wallet_id, intended_at, made.id)


async def kept(connection: AsyncConnection, wallet_id: int) -> str | None:
    """The wallet's Customer, if it has one."""
    found = select(_c.customer).where(_c.wallet_id == wallet_id)
    return (await connection.execute(found)).scalar_one_or_none()


async def wallet_of(connection: AsyncConnection, customer: str | None) -> int | None:
    """Whose Customer this is; None where it is not one of ours."""
    if customer is None:
        return None
    found = select(stripe_objects.c.wallet_id).where(stripe_objects.c.object == customer)
    return (await connection.execute(found)).scalar_one_or_none()


async def holder_of(connection: AsyncConnection, thing: str) -> str | None:
    """The Customer of the wallet that this object of Stripe belongs to, where both are known."""
    owned = stripe_objects.join(stripe_customers, _c.wallet_id == stripe_objects.c.wallet_id)
    found = select(_c.customer).select_from(owned).where(stripe_objects.c.object == thing)
    return (await connection.execute(found)).scalar_one_or_none()


async def forget(connection: AsyncConnection, wallet_id: int, customer: str) -> None:
    """The Customer is gone: the wallet gets another one when it needs one."""
    await connection.execute(delete(stripe_customers).where(_c.wallet_id == wallet_id, _c.customer == customer))


async def _load(connection: AsyncConnection, wallet_id: int) -> tuple[datetime, str | None]:
    found = select(_c.created_at, _c.customer).where(_c.wallet_id == wallet_id)
    row = (await connection.execute(found)).one()
    return row.created_at, row.customer


async def _intend_anew(desk: Desk, wallet_id: int, intended_at: datetime) -> None:
    """The next one who asks has another key."""
    mine = (_c.wallet_id == wallet_id, _c.created_at == intended_at, _c.customer.is_(None))
    async with desk.database.transaction() as connection:
        await connection.execute(update(stripe_customers).where(*mine).values(created_at=func.ledger_now()))


async def _keep(connection: AsyncConnection, wallet_id: int, intended_at: datetime, customer: str) -> str:
    """The wallet's Customer from now on: this one, or what somebody else has kept meanwhile."""
    mine = update(stripe_customers).where(
        _c.wallet_id == wallet_id, _c.created_at == intended_at, _c.customer.is_(None)
    )
    await connection.execute(mine.values(customer=customer))
    kept = (await _load(connection, wallet_id))[1]
    await rows.remember(connection, wallet_id, None, kept)
    return kept or customer
