"""The last look before a card is charged: under the wallet's lock it is decided once more, by how things stand now."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.budgets.periods import period_of
from ledger.events.payloads import PauseReason
from ledger.kit import clock
from ledger.kit.arrays import numbers
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.methods.store import Method, default_of
from ledger.refill import attempts, cards
from ledger.refill.attempts import Attempt
from ledger.refill.part import Counted, Kept, month_of
from ledger.refill.participant import LOAD, kept_of
from ledger.refill.rules.decide import Blocked, Fire, Quiet, Standing, decide
from ledger.refill.tables import refill_attempts

STOPPED_S: Final = 30
"""How often what waits for the kill switch is looked at."""

CURRENCY: Final[PauseReason] = "currency_changed"

DESCRIPTION: Final = "Automatic refill"

_LOCK: Final = "SELECT FROM wallets WHERE wallet_id = %(wallet)s FOR NO KEY UPDATE"

_MOVE_MONTH: Final = """
WITH gone AS (UPDATE refill_months SET count = count - 1, spent = spent - %(amount)s
    WHERE wallet_id = %(wallet)s AND month = %(old)s)
INSERT INTO refill_months AS m (wallet_id, month, count, spent, count_max, spent_max)
VALUES (%(wallet)s, %(new)s, 1, %(amount)s, %(count_max)s, %(spent_max)s)
ON CONFLICT (wallet_id, month) DO UPDATE SET count = m.count + 1, spent = m.spent + excluded.spent,
    count_max = excluded.count_max, spent_max = excluded.spent_max"""


class Look(NamedTuple):
    """What the look says. ``charge``: do, ``attempt`` says with which card; ``link``: a person has to pay; ``cancel``:
    it is not wanted any more; ``wait``: not now, it is due again later; ``over``: somebody else has ended it.
    ``pauses``: why no other one may begin before a person has looked."""

    says: Literal["charge", "link", "cancel", "wait", "over"]
    attempt: Attempt
    reason: str = ""
    pauses: PauseReason | None = None


async def last_look(desk: Desk, found: Attempt) -> Look:
    """Look, and write down that a card is charged now, before it is."""

    async def work(connection: AsyncConnection) -> Look:
        await connection.exec_driver_sql(_LOCK, {"wallet": found.wallet_id})
        attempt = await attempts.load(connection, found.wallet_id, found.attempt)
        if attempt.ended_at is not None or (attempt.state, attempt.tries) != (found.state, found.tries):
            return Look("over", attempt)
        kept, now = await _kept(connection, found.wallet_id)
        refused = _refused(kept, attempt, now)
        if refused is not None:
            says, reason, until = refused
            if says == "wait":
                await attempts.postpone(connection, attempt, until or now + timedelta(seconds=STOPPED_S))
            return Look(says, attempt, reason)
        if attempt.currency != desk.settings.settlement_currency:
            return Look("cancel", attempt, CURRENCY, pauses=CURRENCY)
        method = await default_of(connection, found.wallet_id)
        if desk.settings.automatic_tax:
            return Look("link", await _with_payment(connection, attempt), "tax")
        if method is None:
            return Look("link", await _with_payment(connection, attempt), "no_payment_method")
        if await cards.rests(connection, method.fingerprint):
            return Look("link", await _with_payment(connection, attempt), "card_failed_before")
        attempt = await _with_payment(connection, await _in_this_month(connection, kept, attempt, now))
        return Look("charge", await _charging(connection, attempt, method))

    return await desk.database.retrying(work)


async def _kept(connection: AsyncConnection, wallet_id: int) -> tuple[Kept, datetime]:
    row = (await connection.exec_driver_sql(LOAD, {"wallets": numbers([wallet_id])})).one()
    return kept_of(tuple(row)), await clock.now(connection)


_Refused = tuple[Literal["cancel", "wait"], str, datetime | None]


def _refused(kept: Kept, attempt: Attempt, now: datetime) -> _Refused | None:
    """Why it is not charged now, if it is not. The attempt's own place in the caps is not in its way."""
    state = kept.state
    if not state.enabled:
        return "cancel", "switched_off", None
    if state.paused_for is not None:
        return "cancel", "paused", None
    if attempt.consent != kept.consent:
        return "cancel", "settings_changed", None
    window = period_of(now, "month", kept.terms.hours.zone)
    month = month_of(kept.terms, now)
    made, spent = kept.months.get(month, Counted(0, 0))
    own = 1 if month == attempt.month else 0
    standing = Standing(
        on=True,
        position_micro=kept.position_micro,
        owed_micro=kept.owed_micro,
        stopped=kept.stopped,
        active=kept.active,
        made=made - own,
        spent=spent - own * attempt.amount,
        month_end=window.end,
        burn_micro=kept.burn_micro,
    )
    # What was decided is charged: as much as it was then, if that is still within the caps.
    terms = kept.terms._replace(up_to=False, credits_micro=attempt.credits_micro, amount=attempt.amount)
    match decide(terms, standing, now):
        case Fire():
            return None
        case Quiet():
            return "cancel", "not_needed", None
        case Blocked(reason, until):
            return ("wait" if reason in ("stopped", "outside_hours") else "cancel"), reason, until


async def _in_this_month(connection: AsyncConnection, kept: Kept, attempt: Attempt, now: datetime) -> Attempt:
    """It counts in the month in which it is charged."""
    month = month_of(kept.terms, now)
    if month == attempt.month:
        return attempt
    moved = {"wallet": attempt.wallet_id, "old": attempt.month, "new": month, "amount": attempt.amount}
    caps = {"count_max": kept.terms.maximum_per_month, "spent_max": kept.terms.monthly_spend_cap}
    await connection.exec_driver_sql(_MOVE_MONTH, moved | caps)
    return await _changed(connection, attempt, month=month)


async def _with_payment(connection: AsyncConnection, attempt: Attempt) -> Attempt:
    """The attempt with its payment, which nobody can pay as long as a card may be charged for it."""
    if attempt.payment is not None:
        return attempt
    payment = await rows.add(
        connection,
        wallet_id=attempt.wallet_id,
        payment=_number_of(attempt),
        origin="refill",
        state="processing",
        amount=attempt.amount,
        currency=attempt.currency,
        credits_micro=attempt.credits_micro,
        description=DESCRIPTION,
        token=uuid.UUID(bytes=secrets.token_bytes(16)),
        actor="system",
        refill=attempt.attempt,
    )
    return await _changed(connection, attempt, payment=payment.payment)


def _number_of(attempt: Attempt) -> int:
    """Which payment an attempt is of: the same one whenever it is asked. So a database that was restored to a point
    before the charge asks Stripe under the very same keys, and is given the charge that there is."""
    named = hashlib.sha256(f"refill:{attempt.wallet_id}:{attempt.attempt}".encode()).digest()
    return int.from_bytes(named[:8]) % 2**62 + 1


async def _charging(connection: AsyncConnection, attempt: Attempt, method: Method) -> Attempt:
    """A card is going to be charged: what is resumed is still the same try."""
    tries = attempt.tries + (attempt.state != "charging")
    values = {"state": "charging", "tries": tries, "method": method.method, "fingerprint": method.fingerprint}
    return await _changed(connection, attempt, asked_at=func.ledger_now(), unknown_since=None, **values)


async def _changed(connection: AsyncConnection, attempt: Attempt, **values: object) -> Attempt:
    mine = (refill_attempts.c.wallet_id == attempt.wallet_id, refill_attempts.c.attempt == attempt.attempt)
    row = (
        await connection.execute(update(refill_attempts).where(*mine).values(**values).returning(refill_attempts))
    ).one()
    return Attempt(*row)
