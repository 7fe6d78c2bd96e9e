"""Charging a card that is on file: one PaymentIntent for an attempt, confirmed once for each try.

Stripe lets an intent succeed once. So whatever became of an answer, it is the intent that says whether money moved,
and asking once more moves no more of it.
"""

import time
from typing import Any, Final, NamedTuple

import stripe
from stripe import StripeClient

from ledger.kit import failpoints
from ledger.kit.ids import row_public, wallet_public
from ledger.payments import rows
from ledger.payments.customers import customer_of
from ledger.payments.desk import Desk
from ledger.payments.fulfil import PAYMENT_ID, intent_of
from ledger.payments.gateway import StripeAway, StripeRefused, plain
from ledger.refill import attempts
from ledger.refill.attempts import Attempt
from ledger.refill.charge.look import DESCRIPTION


class Unknown(Exception):
    """Stripe does not know the attempt's intent: whether money moved is not known, and cannot be."""


class Declined(NamedTuple):
    """Why a card was not charged, as Stripe says it. ``of_card``: it is the card, and not what we asked."""

    code: str | None
    decline_code: str | None
    advice_code: str | None
    of_card: bool = True

    @property
    def reason(self) -> str:
        return self.decline_code or self.code or "declined"


async def intended(desk: Desk, attempt: Attempt) -> Attempt | None:
    """The attempt with its intent, which nobody has confirmed; None where somebody else has gone on with the attempt
    meanwhile. Raises StripeAway or StripeRefused."""
    if attempt.intent is not None:
        return attempt
    assert attempt.payment is not None
    customer = await customer_of(desk, attempt.wallet_id)
    payment_id = row_public("pay", attempt.wallet_id, attempt.payment)
    asked: Any = {
        "amount": attempt.amount,
        "currency": attempt.currency.lower(),
        "customer": customer,
        "description": DESCRIPTION,
        "allowed_payment_method_types": desk.settings.payment_methods.split(","),
        "metadata": {
            PAYMENT_ID: payment_id,
            "wallet_id": wallet_public(attempt.wallet_id),
            "attempt_id": attempt.public,
        },
    }
    options: Any = {"idempotency_key": f"refill:{payment_id}:{attempt.asks}"}
    made = plain(await desk.stripe.call(lambda client: client.v1.payment_intents.create(asked, options)))
    await failpoints.reach("refill.after_intent")
    async with desk.database.transaction() as connection:
        kept = await attempts.keep_intent(connection, attempt, made["id"])
        if kept is not None:
            await rows.remember(connection, attempt.wallet_id, attempt.payment, kept.intent)
    return None if kept is None else attempt._replace(intent=kept.intent)


async def confirm(desk: Desk, attempt: Attempt, until: float) -> dict[str, Any] | Declined:
    """The intent after the card was charged, or why it was not. Raises StripeAway: ask the intent later; StripeRefused
    where our key is refused.

    ``until``: when (time.monotonic) it is too late for that. A call may wait for others, and a process may stand still;
    then somebody else has the attempt, and knows more.
    """
    intent = attempt.intent
    assert intent is not None and attempt.method is not None
    asked: Any = {"payment_method": attempt.method, "off_session": True, "expand": ["latest_charge"]}
    # A try that is resumed after another card became the default is of that card.
    key = f"{attempt.public}:{attempt.tries}:{attempt.method}:{attempt.asks}"
    try:
        return plain(await desk.stripe.call(lambda client: _confirm(client, intent, asked, key, until)))
    except StripeRefused as refused:
        if refused.of_key:
            raise
        of_card = isinstance(refused.__cause__, stripe.CardError)
        return Declined(refused.code, refused.decline_code, refused.advice_code, of_card)


def _confirm(client: StripeClient, intent: str, asked: Any, key: str, until: float) -> stripe.PaymentIntent:
    if time.monotonic() > until:
        raise StripeAway("the last look was too long ago")
    return client.v1.payment_intents.confirm(intent, asked, {"idempotency_key": key})


async def standing(desk: Desk, attempt: Attempt) -> dict[str, Any] | None:
    """The intent as it is now; None where there is none yet. Raises StripeAway, StripeRefused or Unknown."""
    return None if attempt.intent is None else await _known(desk, attempt.intent)


async def withdraw(desk: Desk, attempt: Attempt) -> dict[str, Any] | None:
    """Make sure that no money comes by the intent any more. Gives it as it is now, unless it is canceled: then, and
    where there is none, None. Raises StripeAway, StripeRefused or Unknown."""
    name = attempt.intent
    if name is None:
        return None
    try:
        await desk.stripe.call(lambda client: client.v1.payment_intents.cancel(name))
    except StripeRefused:
        found = await _known(desk, name)
        if found["status"] in _PAYING:
            return found
        if found["status"] != "canceled":
            raise
    await failpoints.reach("refill.after_withdraw")
    return None


_PAYING: Final = ("succeeded", "processing")
"""What an intent is that cannot be canceled any more."""


async def _known(desk: Desk, intent: str) -> dict[str, Any]:
    try:
        return await intent_of(desk, intent)
    except StripeRefused as refused:
        if refused.status == 404:
            raise Unknown(intent) from refused
        raise


def error_of(intent: dict[str, Any]) -> Declined:
    """Why an intent that waits for another payment method was not paid."""
    why = intent.get("last_payment_error") or {}
    return Declined(why.get("code"), why.get("decline_code"), why.get("advice_code"))
