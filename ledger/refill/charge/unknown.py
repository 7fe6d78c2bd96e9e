"""An attempt whose PaymentIntent Stripe does not know: the key is of another account or mode than it was made with, or
somebody deleted test data.

Whether money moved is not known then, and cannot be found out here. It is asked for again for a day, so that a wrong
key can be put right. Then the attempt ends as ``unknown``: it keeps its place in the caps, and auto-refill is paused,
so that nothing is charged for the same crossing before a person has looked. Money that is heard of later is credited.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog

from ledger.book.commands import Rider
from ledger.events.payloads import Data, PauseReason, RefillPaused
from ledger.kit import clock
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.refill import attempts, telling
from ledger.refill.attempts import Attempt

log = structlog.get_logger(__name__)

REASON: Final[PauseReason] = "unknown_at_stripe"
LOOK: Final = timedelta(minutes=15)
LIMIT: Final = timedelta(hours=24)


async def see_to(desk: Desk, found: Attempt) -> None:
    """Stripe does not know its intent: look again later, or end it."""
    async with desk.database.transaction() as connection:
        attempt = await attempts.load(connection, found.wallet_id, found.attempt)
        now = await clock.now(connection)
    if attempt.ended_at is not None:
        return
    since = attempt.unknown_since or now
    if now - since >= LIMIT:
        await _end(desk, attempt, now)
        return
    log.error("refill.unknown", attempt=attempt.public, intent=attempt.intent, since=since.isoformat())
    riders = [attempts.moving(attempt, unknown_since=since, due_at=now + LOOK)]
    await telling.move(desk.door, attempt.wallet_id, riders)


async def known_again(desk: Desk, attempt: Attempt) -> Attempt:
    """Stripe knows it after all."""
    await telling.move(desk.door, attempt.wallet_id, [attempts.moving(attempt, unknown_since=None)])
    return attempt._replace(unknown_since=None)


async def _end(desk: Desk, attempt: Attempt, now: datetime) -> None:
    async with desk.database.transaction() as connection:
        on = await attempts.is_on(connection, attempt.wallet_id)
        failures, _ = await attempts.failures_of(connection, attempt.wallet_id)
        payment = await rows.load(connection, attempt.wallet_id, attempt.payment or 0)
    riders: list[Rider] = [
        attempts.moving(attempt, state="unknown", reason=REASON, ended_at=now, due_at=None),
        attempts.suspending(attempt, REASON, on=on),
    ]
    if payment is not None and payment.state == "processing":
        problem = f"Stripe does not know {attempt.intent}"
        riders.append(rows.changing(payment, state="canceled", due_at=None, problem=problem))
    told: list[Data] = [RefillPaused(reason=REASON, failures=failures)] if on else []
    await telling.move(desk.door, attempt.wallet_id, riders, told)
