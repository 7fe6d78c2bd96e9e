"""One step of an attempt: look, ask Stripe, write what came of it. Each is safe to be made again, by anybody.

due, waiting   the last look; then the card is charged, or a person is asked to pay, or it ends
charging       a worker died, or no answer came: the intent says how it stands
processing     a bank debit: the intent says when it has ended
link_sent      the payment says whether somebody paid
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from ledger.book.commands import Rider
from ledger.events.payloads import Data, PauseReason, RefillPaused
from ledger.kit import clock, failpoints
from ledger.payments import customers, rows
from ledger.payments.desk import Desk
from ledger.payments.fulfil import settle_refill
from ledger.payments.gateway import StripeAway, StripeRefused
from ledger.payments.links.service import LIFE
from ledger.payments.methods.converge import converge_customer
from ledger.payments.rows import Payment
from ledger.refill import attempts, cards, telling
from ledger.refill.attempts import LEASE_S, Attempt
from ledger.refill.charge import card, unknown
from ledger.refill.charge.card import Declined
from ledger.refill.charge.look import last_look
from ledger.refill.rules.outcomes import meaning, pause_after

log = structlog.get_logger(__name__)

AGAIN: Final = timedelta(seconds=15)
"""After Stripe did not answer."""

REFUSED: Final = timedelta(minutes=1)
"""After it refused what is no matter of the card, such as our key."""

HOLDS_S: Final = LEASE_S / 2
"""For how long the last look is good: Stripe is not asked later than this."""

DEBIT: Final = timedelta(hours=1)
LINK: Final = timedelta(minutes=15)
"""How often a debit, or a link, is looked at; a webhook brings it up at once."""


async def step(desk: Desk, found: Attempt) -> None:
    """Bring an attempt as far as it can be brought now."""
    try:
        match found.state:
            case "due" | "waiting":
                await _charge(desk, found)
            case "charging" | "processing":
                await _resume(desk, found)
            case "link_sent":
                await _follow(desk, found)
    except StripeAway as away:
        log.warning("refill.left", attempt=found.public, error=str(away))
        await _again(desk, found, kept=away.is_kept)
    except StripeRefused as refused:
        log.error("refill.refused", attempt=found.public, error=str(refused))
        await _again(desk, found, after=REFUSED)
    except card.Unknown:
        await unknown.see_to(desk, found)


async def _charge(desk: Desk, found: Attempt) -> None:
    until = time.monotonic() + HOLDS_S
    look = await last_look(desk, found)
    attempt = look.attempt
    if look.says == "cancel":
        left = await card.withdraw(desk, attempt)
        if left is None:
            await _end(desk, attempt, "canceled", look.reason, pauses=look.pauses)
        else:
            await _came_to(desk, attempt, left)
    elif look.says == "link":
        await _hand_over(desk, attempt, look.reason)
    elif look.says == "charge":
        await failpoints.reach("refill.before_charge")
        try:
            intended = await card.intended(desk, attempt)
        except StripeRefused as refused:
            if refused.of_key:
                raise
            await _declined(desk, attempt, Declined(refused.code, None, None, of_card=False))
            return
        if intended is None:
            return
        attempt = intended
        came = await card.confirm(desk, attempt, until)
        await failpoints.reach("refill.after_charge")
        if isinstance(came, Declined):
            await _declined(desk, attempt, came)
        else:
            await _came_to(desk, attempt, came)


async def _resume(desk: Desk, attempt: Attempt) -> None:
    """What was asked of Stripe, or may have been: as the intent says."""
    intent = await card.standing(desk, attempt)
    if attempt.unknown_since is not None:
        attempt = await unknown.known_again(desk, attempt)
    if intent is None or (attempt.state == "charging" and intent["status"] in _UNPAID):
        await _charge(desk, attempt)  # the same try, under the same key
    else:
        await _came_to(desk, attempt, intent)


_UNPAID: Final = ("requires_payment_method", "requires_confirmation", "canceled")
"""(Canceled by somebody who died before it was written why: that is found anew.)"""


async def _came_to(desk: Desk, attempt: Attempt, intent: dict[str, Any]) -> None:
    """An intent that somebody has confirmed."""
    match intent["status"]:
        case "succeeded":
            await settle_refill(desk, intent)
            async with desk.database.transaction() as connection:
                await cards.paid(connection, attempt.fingerprint)
        case "processing":
            if attempt.state == "processing":
                await _again(desk, attempt, after=DEBIT)
            else:
                due_at = await clock.now_of(desk.database) + DEBIT
                await telling.move(
                    desk.door, attempt.wallet_id, [attempts.moving(attempt, state="processing", due_at=due_at)]
                )
        case "canceled":
            await _end(desk, attempt, "canceled", "canceled_at_stripe", rests=True)
        case "requires_action":
            await _declined(desk, attempt, Declined("authentication_required", None, None))
        case _:
            await _declined(desk, attempt, card.error_of(intent))


async def _declined(desk: Desk, attempt: Attempt, declined: Declined) -> None:
    """No money came: it waits for another try, or a person is asked to pay."""
    means = meaning(declined.code, declined.decline_code, declined.advice_code)
    if attempt.state == "processing" or not declined.of_card:
        means = "hard"
    reason = declined.reason
    log.info("refill.declined", attempt=attempt.public, reason=reason, means=means, tries=attempt.tries)
    pause = pause_after(attempt.tries) if means == "soft" else None
    known = []
    if declined.of_card and means != "action":
        known = cards.declining(attempt.fingerprint, reason, dead=means == "hard")
    async with desk.database.transaction() as connection:
        failures, paused = await attempts.failures_of(connection, attempt.wallet_id)
    if not declined.of_card:
        await card.standing(desk, attempt)  # where that is unknown, nothing that is said of it is believed
        await _see_methods(desk, attempt)
    if pause is None or attempts.paused_by(failures, paused=paused):
        await _hand_over(desk, attempt, reason, declined, known, counts=means != "action")
        return
    due_at = await clock.now_of(desk.database) + pause
    values = {"state": "waiting", "reason": reason[:200], "decline_code": declined.decline_code, "due_at": due_at}
    riders = [attempts.moving(attempt, **values), attempts.failing(attempt.wallet_id, failures), *known]
    await telling.move(desk.door, attempt.wallet_id, riders, [telling.failed(attempt, reason, due_at)])


async def _hand_over(
    desk: Desk,
    attempt: Attempt,
    reason: str,
    declined: Declined | None = None,
    known: Sequence[Rider] = (),
    *,
    counts: bool = False,
) -> None:
    """A person has to pay: by a link, of the same payment, once the card cannot be charged any more. ``known``: what is
    written of the card with it; ``counts``: as one more failure."""
    left = await card.withdraw(desk, attempt)
    if left is not None:
        await _came_to(desk, attempt, left)
        return
    async with desk.database.transaction() as connection:
        payment = await _payment_of(connection, attempt)
        failures, paused = await attempts.failures_of(connection, attempt.wallet_id)
    now = await clock.now_of(desk.database)
    expires_at = now + LIFE
    code = None if declined is None else declined.decline_code
    riders = [
        attempts.moving(attempt, state="link_sent", reason=reason[:200], decline_code=code, due_at=now + LINK),
        rows.changing(payment, state="pending", payment_intent=None, due_at=now, expires_at=expires_at),
        *known,
    ]
    events: list[Data] = [] if declined is None else [telling.failed(attempt, reason, None)]
    url = f"{desk.public_url}/pay/{payment.token.hex}"
    events.append(telling.needs_action(attempt, payment, url, expires_at, reason))
    if counts:
        riders.append(attempts.failing(attempt.wallet_id, failures))
        events += _pausing(failures, paused=paused)
    await telling.move(desk.door, attempt.wallet_id, riders, events)


async def _follow(desk: Desk, attempt: Attempt) -> None:
    """A link that was sent."""
    async with desk.database.transaction() as connection:
        payment = await _payment_of(connection, attempt)
        failures, paused = await attempts.failures_of(connection, attempt.wallet_id)
    if payment.state == "canceled":
        await _end(desk, attempt, "canceled", "link_canceled", rests=True)
    elif payment.state == "expired":
        riders = [*attempts.ending(attempt, "expired", "link_expired"), attempts.failing(attempt.wallet_id, failures)]
        events = [telling.failed(attempt, "link_expired", None), *_pausing(failures, paused=paused)]
        if await telling.move(desk.door, attempt.wallet_id, riders, events):
            await telling.look(desk.door, [attempt.wallet_id])
    else:
        await _again(desk, attempt, after=LINK)


async def _end(
    desk: Desk, attempt: Attempt, end: str, reason: str, *, rests: bool = False, pauses: PauseReason | None = None
) -> None:
    """It ends without money, and nothing can be paid of it any more."""
    riders = list(attempts.ending(attempt, end, reason, rests=rests, pauses=pauses))
    async with desk.database.transaction() as connection:
        failures, _ = await attempts.failures_of(connection, attempt.wallet_id)
        payment = None if attempt.payment is None else await _payment_of(connection, attempt)
    if payment is not None and payment.state == "processing":
        riders.append(rows.changing(payment, state="canceled", due_at=None))
    told: list[Data] = [] if pauses is None else [RefillPaused(reason=pauses, failures=failures)]
    if await telling.move(desk.door, attempt.wallet_id, riders, told) and pauses is None:
        await telling.look(desk.door, [attempt.wallet_id])


def _pausing(failures: int, *, paused: bool) -> list[Data]:
    if not attempts.paused_by(failures, paused=paused):
        return []
    return [RefillPaused(reason="failures", failures=failures + 1)]


async def _see_methods(desk: Desk, attempt: Attempt) -> None:
    """What we asked was refused: what is known of the customer's cards may be old."""
    async with desk.database.transaction() as connection:
        customer = await customers.kept(connection, attempt.wallet_id)
    if customer is not None:
        await converge_customer(desk, customer)


async def _payment_of(connection: Any, attempt: Attempt) -> Payment:
    assert attempt.payment is not None, "an attempt that is paid for has a payment"
    payment = await rows.load(connection, attempt.wallet_id, attempt.payment)
    assert payment is not None
    return payment


async def _again(desk: Desk, attempt: Attempt, *, after: timedelta = AGAIN, kept: bool = False) -> None:
    """Look at it again later; ``kept``: under other keys, as Stripe keeps an error of its own under these."""
    async with desk.database.transaction() as connection:
        attempt = await attempts.load(connection, attempt.wallet_id, attempt.attempt)
        due_at = await clock.now(connection) + after
        await attempts.postpone(connection, attempt, due_at, asks=attempt.asks + kept)
