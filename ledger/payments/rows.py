"""Rows of payments, read and changed by whoever works on them.

A change names the state that it found: ``change`` says whether the row was still in it. What changes together with a
posting is a rider of it instead (``book.commands.Rider``).
"""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Select, insert, literal_column, select, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.errors import NotFound
from ledger.kit.ids import parse_row, row_public
from ledger.payments.tables import STATUS, pay_tokens, payments, stripe_objects

NAMESPACE: Final = "stripe"
"""Keys of what Stripe's word posts: made of Stripe's ids, so that each of its effects is booked once whoever hears of
it first. ``<id>:<effect>``."""

ACTOR: Final = "stripe"

_p = payments.c


class Payment(NamedTuple):
    """A row of ``payments``."""

    wallet_id: int
    payment: int
    origin: str
    parent: int | None
    state: str
    amount: int
    currency: str
    credits_micro: int
    description: str | None
    metadata: str
    success_url: str | None
    cancel_url: str | None
    save_method: bool
    token: UUID
    actor: str
    created_at: datetime
    expires_at: datetime | None
    answer: str | None
    attempt: int
    object: str | None
    url: str | None
    object_expires_at: datetime | None
    payment_intent: str | None
    charge: str | None
    paid: int | None
    tax: int | None
    fee: int | None
    method: str | None
    receipt_url: str | None
    invoice_url: str | None
    number: int | None
    paid_at: datetime | None
    refunded: int
    disputed: int
    version: int
    due_at: datetime | None
    tries: int
    told: bool
    problem: str | None
    refill: int | None


assert Payment._fields == tuple(payments.c.keys())


async def add(connection: AsyncConnection, **values: Any) -> Payment:
    """A new payment, with the token of its page."""
    row = (await connection.execute(insert(payments).values(**values).returning(payments))).one()
    payment = Payment(*row)
    await connection.execute(
        insert(pay_tokens).values(token=payment.token, wallet_id=payment.wallet_id, payment=payment.payment)
    )
    return payment


async def add_one_more(connection: AsyncConnection, payment: Payment, session: str) -> Payment:
    """The payment of one session among several of the same payment; made once, whoever comes at the same time."""
    name = secrets.randbelow(2**62) + 1
    its_own = {"object": f"{session}:payment", "wallet_id": payment.wallet_id, "payment": name}
    taken = postgresql.insert(stripe_objects).values(its_own).on_conflict_do_nothing().returning(stripe_objects)
    if (await connection.execute(taken)).first() is None:
        known = await by_object(connection, f"{session}:payment")
        assert known is not None
        return known
    copied = ("wallet_id", "amount", "currency", "credits_micro", "description", "metadata", "actor")
    return await add(
        connection,
        **{field: getattr(payment, field) for field in copied},
        payment=name,
        origin="link",
        parent=payment.payment,
        state="open",
        token=uuid4(),
        object=session,
    )


async def load(connection: AsyncConnection, wallet_id: int, payment: int) -> Payment | None:
    row = (await connection.execute(select(payments).where(_p.wallet_id == wallet_id, _p.payment == payment))).first()
    return None if row is None else Payment(*row)


class Wanted(NamedTuple):
    """Which payments of a wallet a list is of: all of them, unless something is named."""

    origins: Sequence[str] = ()
    parents_only: bool = False
    """Without those that were paid by a link which is a payment itself."""
    status: str | None = None
    since: datetime | None = None
    """Those made at this instant or later."""
    until: datetime | None = None
    """Those made before it."""


ALL: Final = Wanted()


async def listed(
    connection: AsyncConnection, wallet_id: int, *, before: str | None, limit: int, wanted: Wanted = ALL
) -> list[Payment]:
    """A wallet's payments, the newest first, from behind ``before`` on (``place``)."""
    found = await connection.execute(listing(wallet_id, before, wanted).limit(limit))
    return [Payment(*row) for row in found]


def listing(wallet_id: int, before: str | None, wanted: Wanted) -> Select[Any]:
    """The statement of it, without a limit: in the order of an index."""
    found = select(payments).where(_p.wallet_id == wallet_id)
    if wanted.origins:
        found = found.where(_p.origin.in_(wanted.origins))
    if wanted.parents_only:
        found = found.where(_p.parent.is_(None))
    if wanted.status is not None:
        found = found.where(literal_column(f"({STATUS})") == wanted.status)
    if wanted.since is not None:
        found = found.where(_p.created_at >= wanted.since)
    if wanted.until is not None:
        found = found.where(_p.created_at < wanted.until)
    if before is not None:
        at, _, payment = before.partition(" ")
        found = found.where(tuple_(_p.created_at, _p.payment) < tuple_(datetime.fromisoformat(at), int(payment)))
    return found.order_by(_p.created_at.desc(), _p.payment.desc())


def place(payment: Payment) -> str:
    """Where a payment stands in its wallet's list."""
    return f"{payment.created_at.isoformat()} {payment.payment}"


def payment_public(payment: Payment) -> str:
    return row_public("pay", payment.wallet_id, payment.payment)


async def find(connection: AsyncConnection, payment_id: str) -> Payment:
    """The payment of a path. Raises NotFound."""
    wallet_id, number = parse_row("pay", payment_id, "payment")
    payment = await load(connection, wallet_id, number)
    if payment is None:
        raise NotFound(f"there is no payment {payment_id}")
    return payment


async def by_token(connection: AsyncConnection, token: UUID) -> Payment | None:
    """The payment whose page this token opens."""
    place = (await connection.execute(select(pay_tokens).where(pay_tokens.c.token == token))).first()
    return None if place is None else await load(connection, place.wallet_id, place.payment)


async def by_object(connection: AsyncConnection, *objects: str | None) -> Payment | None:
    """The payment that one of these objects of Stripe belongs to, the first that is known."""
    for name in objects:
        if name is None:
            continue
        place = (await connection.execute(select(stripe_objects).where(stripe_objects.c.object == name))).first()
        if place is not None and place.payment is not None:
            return await load(connection, place.wallet_id, place.payment)
    return None


async def remember(connection: AsyncConnection, wallet_id: int, payment: int | None, *objects: str | None) -> None:
    """Whose these objects of Stripe are."""
    rows = [{"object": name, "wallet_id": wallet_id, "payment": payment} for name in objects if name is not None]
    if rows:
        await connection.execute(postgresql.insert(stripe_objects).values(rows).on_conflict_do_nothing())


async def change(connection: AsyncConnection, found: Payment, **values: Any) -> Payment | None:
    """Change a payment that is still as it was ``found``; None where it is not. Its version says so."""
    statement = (
        update(payments)
        .where(_p.wallet_id == found.wallet_id, _p.payment == found.payment, _p.version == found.version)
        .values(version=found.version + 1, **values)
        .returning(payments)
    )
    row = (await connection.execute(statement)).first()
    return None if row is None else Payment(*row)


def changing(found: Payment, **values: Any) -> Rider:
    """The same as a rider, for what changes together with an event. Values are text, numbers and instants."""
    named = ", ".join(f"{name} = %(new_{name})s" for name in values)
    sql = f"""UPDATE payments SET {named}, version = version + 1
        WHERE wallet_id = %(wallet)s AND payment = %(payment)s AND version = %(version)s"""
    which = {"wallet": found.wallet_id, "payment": found.payment, "version": found.version}
    return Rider(sql, which | {f"new_{name}": value for name, value in values.items()})
