"""Rows of ``refill_attempts``: claimed when they are due, and moved on by riders, under the wallet's lock.

A rider names the state that it found, and the intent. Where somebody else was first it touches no row, nothing of its
request is written, and the attempt is looked at anew when it is due again. So an attempt that has an intent is ended,
or handed over to a person, by those alone who know of the intent, and have made sure of it at Stripe.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.events.payloads import PauseReason
from ledger.kit.ids import row_public
from ledger.refill.rules.outcomes import FAILURES_MAX
from ledger.refill.tables import refill_attempts, refills


class Attempt(NamedTuple):
    """A row of ``refill_attempts``."""

    wallet_id: int
    attempt: int
    state: str
    cause: str
    number: int | None
    position_micro: int
    threshold_micro: int
    credits_micro: int
    amount: int
    currency: str
    consent: int
    month: Any
    payment: int | None
    intent: str | None
    method: str | None
    fingerprint: str | None
    tries: int
    asks: int
    reason: str | None
    decline_code: str | None
    began_at: datetime
    asked_at: datetime | None
    due_at: datetime | None
    ended_at: datetime | None
    late: bool
    unknown_since: datetime | None

    @property
    def public(self) -> str:
        return row_public("arf", self.wallet_id, self.attempt)

    @property
    def payment_public(self) -> str | None:
        return None if self.payment is None else row_public("pay", self.wallet_id, self.payment)


assert Attempt._fields == tuple(refill_attempts.c.keys())

LEASE_S: Final = 60
"""An attempt whose worker is killed is due again after so long."""

_COLUMNS: Final = ", ".join(f"a.{name}" for name in Attempt._fields)

_CLAIM: Final = f"""
UPDATE refill_attempts a SET due_at = ledger_now() + make_interval(secs => {LEASE_S})
WHERE (wallet_id, attempt) IN (
    SELECT wallet_id, attempt FROM refill_attempts WHERE due_at IS NOT NULL AND due_at <= ledger_now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING {_COLUMNS}"""

_KEEP_INTENT: Final = """
UPDATE refill_attempts SET intent = %(intent)s
WHERE wallet_id = %(wallet)s AND attempt = %(attempt)s AND state = 'charging' AND tries = %(tries)s
    AND intent IS NULL"""

_WAKE: Final = """
UPDATE refill_attempts SET due_at = ledger_now()
WHERE intent = %(intent)s AND state IN ('charging', 'processing') AND ended_at IS NULL"""
"""(Of a decline Stripe tells, too: one that waits for its next try is not due because of that.)"""

_POSTPONE: Final = """
UPDATE refill_attempts SET due_at = %(until)s, asks = %(asks)s
WHERE wallet_id = %(wallet)s AND attempt = %(attempt)s AND state = %(state)s"""

_a = refill_attempts.c


async def claim(connection: AsyncConnection, limit: int) -> list[Attempt]:
    """What is due, and is nobody else's for LEASE_S seconds."""
    found: Any = await connection.exec_driver_sql(_CLAIM, {"limit": limit})
    return [Attempt(*row) for row in found.fetchall()]


async def load(connection: AsyncConnection, wallet_id: int, attempt: int) -> Attempt:
    found = select(refill_attempts).where(_a.wallet_id == wallet_id, _a.attempt == attempt)
    return Attempt(*(await connection.execute(found)).one())


async def find(connection: AsyncConnection, wallet_id: int, attempt: int) -> Attempt | None:
    """The attempt, if the wallet has it."""
    found = select(refill_attempts).where(_a.wallet_id == wallet_id, _a.attempt == attempt)
    row = (await connection.execute(found)).one_or_none()
    return None if row is None else Attempt(*row)


async def listed(
    connection: AsyncConnection, wallet_id: int, *, before: int | None, limit: int, state: str | None = None
) -> list[Attempt]:
    """A wallet's attempts, the newest first."""
    found = select(refill_attempts).where(_a.wallet_id == wallet_id)
    if before is not None:
        found = found.where(_a.attempt < before)
    if state is not None:
        found = found.where(_a.state == state)
    return [Attempt(*row) for row in await connection.execute(found.order_by(_a.attempt.desc()).limit(limit))]


async def keep_intent(connection: AsyncConnection, found: Attempt, intent: str) -> Attempt | None:
    """The attempt with its intent: this one, or that of somebody who was quicker. None where a card is not charged for
    it any more: whoever ended that knew of no intent, and this one must never be confirmed."""
    which = {"wallet": found.wallet_id, "attempt": found.attempt, "tries": found.tries}
    await connection.exec_driver_sql(_KEEP_INTENT, which | {"intent": intent})
    kept = await load(connection, found.wallet_id, found.attempt)
    return kept if (kept.state, kept.tries) == ("charging", found.tries) else None


async def wake(connection: AsyncConnection, intent: str) -> bool:
    """Something happened to this PaymentIntent: whether an attempt waits for what becomes of it."""
    return (await connection.exec_driver_sql(_WAKE, {"intent": intent})).rowcount > 0


async def postpone(connection: AsyncConnection, found: Attempt, until: datetime, *, asks: int | None = None) -> None:
    """Look at it again then."""
    params = {"wallet": found.wallet_id, "attempt": found.attempt, "state": found.state}
    more = {"until": until, "asks": found.asks if asks is None else asks}
    await connection.exec_driver_sql(_POSTPONE, params | more)


_AS_FOUND: Final = """
WHERE wallet_id = %(wallet)s AND attempt = %(attempt)s AND state = %(state)s AND tries = %(tries)s
    AND intent IS NOT DISTINCT FROM %(intent)s AND ended_at IS NULL"""


def _as_found(found: Attempt) -> dict[str, Any]:
    return {
        "wallet": found.wallet_id,
        "attempt": found.attempt,
        "state": found.state,
        "tries": found.tries,
        "intent": found.intent,
    }


def moving(found: Attempt, **values: Any) -> Rider:
    """An attempt that is still as it was ``found`` moves on; values are text, numbers and instants."""
    named = ", ".join(f"{name} = %(new_{name})s" for name in values)
    sql = f"UPDATE refill_attempts SET {named} {_AS_FOUND}"
    return Rider(sql, _as_found(found) | {f"new_{name}": value for name, value in values.items()})


_END: Final = f"""
WITH ended AS (UPDATE refill_attempts
    SET state = %(end)s, reason = %(reason)s, ended_at = ledger_now(), due_at = NULL {_AS_FOUND}
    RETURNING wallet_id, month, amount)
UPDATE refill_months m SET count = m.count - 1, spent = m.spent - e.amount FROM ended e
WHERE m.wallet_id = e.wallet_id AND m.month = e.month"""
"""(In one statement: where somebody else has ended it, nothing is given back again.)"""

_FREE: Final = """
UPDATE refills SET under_way = NULL, next_at = ledger_now(), rests_until = CASE WHEN %(rests)s
    THEN ledger_now() + make_interval(secs => cooldown_s) ELSE rests_until END
WHERE wallet_id = %(wallet)s AND under_way = %(attempt)s"""

_FAIL: Final = f"""
UPDATE refills SET failures = failures + 1, rests_until = ledger_now() + make_interval(secs => cooldown_s),
    paused_for = CASE WHEN failures + 1 >= {FAILURES_MAX} THEN coalesce(paused_for, 'failures') ELSE paused_for END,
    paused_at = CASE WHEN failures + 1 >= {FAILURES_MAX} THEN coalesce(paused_at, ledger_now()) ELSE paused_at END
WHERE wallet_id = %(wallet)s AND failures = %(failures)s"""


def ending(
    found: Attempt, end: str, reason: str, *, rests: bool = False, pauses: PauseReason | None = None
) -> tuple[Rider, ...]:
    """An attempt ends without money, and what it was of does not count any more. Another one may begin once the wallet
    has rested or (not ``rests``) at once; with ``pauses``, of a wallet that is on, when a person has resumed it."""
    ended = Rider(_END, _as_found(found) | {"end": end, "reason": reason})
    if pauses is not None:
        return ended, suspending(found, pauses, on=True)
    which = {"wallet": found.wallet_id, "attempt": found.attempt}
    return ended, Rider(_FREE, which | {"rests": rests})


_SUSPEND: Final = """
UPDATE refills SET under_way = NULL, next_at = NULL,
    paused_for = CASE WHEN %(on)s THEN %(reason)s ELSE paused_for END,
    paused_at = CASE WHEN %(on)s THEN ledger_now() ELSE paused_at END
WHERE wallet_id = %(wallet)s AND under_way = %(attempt)s AND (enabled AND paused_for IS NULL) = %(on)s"""


def suspending(found: Attempt, reason: PauseReason, *, on: bool) -> Rider:
    """An attempt is no longer under way, and none begins until a person resumes; ``on``: it is neither off nor paused
    already."""
    which = {"wallet": found.wallet_id, "attempt": found.attempt}
    return Rider(_SUSPEND, which | {"reason": reason, "on": on})


def failing(wallet_id: int, failures: int) -> Rider:
    """One more failure in a row, after so many; the last one that is allowed pauses."""
    return Rider(_FAIL, {"wallet": wallet_id, "failures": failures})


async def failures_of(connection: AsyncConnection, wallet_id: int) -> tuple[int, bool]:
    """How many failures in a row there were, and whether the wallet is paused."""
    found = select(refills.c.failures, refills.c.paused_for.is_not(None)).where(refills.c.wallet_id == wallet_id)
    row = (await connection.execute(found)).one()
    return row[0], row[1]


async def is_on(connection: AsyncConnection, wallet_id: int) -> bool:
    """Whether the wallet's auto-refill is neither off nor paused."""
    found = select(refills.c.enabled & refills.c.paused_for.is_(None)).where(refills.c.wallet_id == wallet_id)
    return bool((await connection.execute(found)).scalar_one())


def paused_by(failures: int, *, paused: bool) -> bool:
    """Whether one more failure, after so many, is what pauses the wallet."""
    return not paused and failures + 1 >= FAILURES_MAX
