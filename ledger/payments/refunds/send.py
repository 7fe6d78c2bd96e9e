"""Having Stripe pay a refund that is posted: once, whatever is lost on the way.

Stripe answers a key with the first answer again, so a call whose answer was lost is made again under the same key. Two
things that does not cover: keys are forgotten after a day, and an error of Stripe's own (500) is remembered under the
key although nothing was done. So before a refund is asked for again it is looked for among those of the payment; and
after a 500, where it is not there, the next try is another ``attempt``, with a key of its own.
"""

from typing import Any, Final

import stripe
import structlog

from ledger.kit import failpoints
from ledger.kit.ids import row_public
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway, StripeRefused, plain
from ledger.payments.refunds import converge, store
from ledger.payments.refunds.store import Refund

log = structlog.get_logger(__name__)

REFUND_ID: Final = "refund_id"
"""The metadata key under which a refund at Stripe names ours."""

REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")
"""Reasons that Stripe has a word for. Others stay here."""

Object = dict[str, Any]


async def send(desk: Desk, refund: Refund) -> None:
    """Ask Stripe for a pending refund, and book what comes of it. It must be claimed (``store.claim``)."""
    try:
        told = await _found(desk, refund) if refund.tries > 1 else None
        if told is None:
            told = await _asked(desk, refund)
    except StripeAway as away:
        await _away(desk, refund, away)
    except StripeRefused as refused:
        await _refused(desk, refund, refused)
    else:
        await converge.apply(desk, told)


async def work(desk: Desk) -> int:
    """Go on with refunds that are due; gives how many there were."""
    claimed = await store.claim(desk.database)
    for refund in claimed:
        try:
            if refund.refund is None:
                await send(desk, refund)
            else:
                await converge.converge_refund(desk, refund.refund)
        except StripeAway as away:
            await store.later(desk.database, refund, str(away))
    return len(claimed)


def wanted(refund: Refund, intent: str) -> Object:
    """What Stripe is asked for: a function of the row alone, so that each try asks for the same."""
    public = {"payment_id": row_public("pay", refund.wallet_id, refund.payment), REFUND_ID: converge.public_id(refund)}
    reason = {"reason": refund.reason} if refund.reason in REASONS else {}
    return {"payment_intent": intent, "amount": refund.amount, "metadata": public, "expand": converge.EXPAND, **reason}


def key_of(refund: Refund) -> str:
    """The idempotency key of a try."""
    again = f":{refund.attempt}" if refund.attempt else ""
    return f"refund:{refund.wallet_id}:{refund.number}{again}"


async def _asked(desk: Desk, refund: Refund) -> Object:
    params: Any = wanted(refund, await _intent_of(desk, refund))
    key = key_of(refund)
    await failpoints.reach("refunds.before_call")
    made = await desk.stripe.call(lambda client: client.v1.refunds.create(params, {"idempotency_key": key}))
    await failpoints.reach("refunds.after_call")
    return plain(made)


async def _found(desk: Desk, refund: Refund) -> Object | None:
    """The refund at Stripe, if one of the tries before has made it."""
    intent = await _intent_of(desk, refund)
    listed: Any = {"payment_intent": intent, "limit": 100, "expand": [f"data.{name}" for name in converge.EXPAND]}

    def ask(client: stripe.StripeClient) -> Object | None:
        ours = converge.public_id(refund)
        for one in map(plain, client.v1.refunds.list(listed).auto_paging_iter()):
            if (one["metadata"] or {}).get(REFUND_ID) == ours:
                return one
        return None

    return await desk.stripe.call(ask)


async def _away(desk: Desk, refund: Refund, away: StripeAway) -> None:
    """Nobody knows what became of it, but after an error of Stripe's own: then it is there, or it never will be."""
    attempt = refund.attempt
    if away.is_kept:
        try:
            told = await _found(desk, refund)
        except (StripeAway, StripeRefused):
            pass
        else:
            if told is not None:
                await converge.apply(desk, told)
                return
            attempt += 1
    log.warning("refund.later", refund=converge.public_id(refund), problem=str(away), tries=refund.tries)
    await store.later(desk.database, refund, str(away), attempt)


async def _refused(desk: Desk, refund: Refund, refused: StripeRefused) -> None:
    """Stripe will not: credits and money are where they were. What is wrong with our key or our key's use is ours to
    mend, and no word about the refund."""
    if refused.of_key or isinstance(refused.__cause__, stripe.IdempotencyError):
        log.error("refund.later", refund=converge.public_id(refund), problem=str(refused))
        await store.later(desk.database, refund, str(refused))
        return
    log.warning("refund.refused", refund=converge.public_id(refund), code=refused.code)
    await converge.undo(desk, refund, str(refused))


async def _intent_of(desk: Desk, refund: Refund) -> str:
    async with desk.database.transaction() as connection:
        payment = await rows.load(connection, refund.wallet_id, refund.payment)
    assert payment is not None and payment.payment_intent is not None, "a refund of what was not paid"
    return payment.payment_intent
