"""Objects of Stripe that cannot be booked yet, or never: kept with the reason, looked at again, and told of.

What is only early (a dispute that is heard of before the payment) is booked when it is looked at next. What stays is
for people: ``reconcile`` lists it.
"""

from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import delete, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.db import Database
from ledger.payments.tables import stripe_problems

log = structlog.get_logger(__name__)

TRIES_MAX: Final = 30
"""About a day. After that only the reconciliation looks at it again."""

_SOON: Final = text("ledger_now() + interval '5 seconds'")

_CLAIM: Final = """
UPDATE stripe_problems SET tries = tries + 1,
    due_at = CASE WHEN tries < %(tries_max)s
        THEN ledger_now() + least(interval '1 hour', interval '10 seconds' * 2 ^ least(tries, 9)) END
WHERE object IN (SELECT object FROM stripe_problems WHERE due_at <= ledger_now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING object, kind"""


class Due(NamedTuple):
    """An object that is to be looked at again."""

    object: str
    kind: str


async def keep(database: Database, object_id: str, kind: str, problem: str) -> None:
    """Keep an object with what is wrong with it."""
    values: dict[str, Any] = {"object": object_id, "kind": kind, "problem": problem}
    statement = insert(stripe_problems).values(**values, due_at=_SOON)
    log.warning("stripe.problem", **values)
    async with database.transaction() as connection:
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["object"], set_={"problem": statement.excluded.problem})
        )


async def all_due(connection: AsyncConnection) -> None:
    """All are to be looked at again, as if they had been heard of just now."""
    await connection.execute(update(stripe_problems).values(tries=0, due_at=text("ledger_now()")))


async def clear(connection: AsyncConnection, *objects: str) -> None:
    """Nothing is wrong with these any more."""
    await connection.execute(delete(stripe_problems).where(stripe_problems.c.object.in_(objects)))


async def claim(database: Database, limit: int = 20) -> list[Due]:
    """Those that are due: each is somebody's for a while, and comes again later unless it is cleared."""
    async with database.transaction() as connection:
        rows = await connection.exec_driver_sql(_CLAIM, {"limit": limit, "tries_max": TRIES_MAX})
        return [Due._make(row) for row in rows]
