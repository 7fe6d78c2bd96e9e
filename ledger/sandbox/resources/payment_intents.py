"""PaymentIntents as the API creates, confirms, captures and cancels them."""

from typing import Any, Final

from ledger.sandbox import declined
from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.objects import public
from ledger.sandbox.resources import intents, paying
from ledger.sandbox.resources.common import Params, applied, check_amount, check_currency, updated
from ledger.sandbox.rules import payments
from ledger.sandbox.rules.declines import DECLINES
from ledger.sandbox.shapes import payment
from ledger.sandbox.world import World

_CAPTURE: Final = (
    "This PaymentIntent could not be captured because it has a status of {status}. Only a PaymentIntent with one of "
    "the following statuses may be captured: {statuses}."
)
_CONFIRM: Final = (
    "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
)
_UPDATE: Final = (
    "This PaymentIntent's amount could not be updated because it has a status of {status}. You may only update the "
    "amount of a PaymentIntent with one of the following statuses: {statuses}."
)
_FIXED: Final = ("amount", "currency", "payment_method", "status", "automatic_payment_methods")
"""What is set by code of its own, not copied from the parameters."""
_UNSHOWN: Final = ("enforce_arithmetic_validation", "line_items")
"""Amount details that a request says and an intent does not show."""


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new intent, paid at once where that is asked for."""
    intent = opened(world, params)
    if "off_session" in params and not params.get("confirm"):
        raise invalid("`off_session` can only be set when `confirm` is `true`.", param="off_session")
    if params.get("confirm"):
        return confirm(world, params, intent["id"])
    intents.choose(world, intent, params, payments.INTENT)
    return intent


def opened(world: World, params: Params, **hidden: Any) -> Object:
    """A new intent that has no payment method yet. Raises StripeError."""
    currency = check_currency(params["currency"])
    check_amount(params["amount"], currency)
    terms = intents.terms(world, params, currency)
    intent = payment.payment_intent(world.now, amount=params["amount"], currency=currency, **terms, _=hidden)
    intent.update(applied(intent, _shown(params), *_FIXED, *terms))
    return world.add(intent, "payment_intent.created")


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change an intent; how much it is for, only as long as nothing is paid."""
    intent = world.get("payment_intent", path[0])
    if "amount" in params or "currency" in params or "payment_method" in params:
        intents.require(intent, "update", payments.INTENT, _UPDATE)
        wanted = {"amount": intent["amount"], "currency": intent["currency"], **params}
        check_amount(wanted["amount"], check_currency(wanted["currency"]))
    intents.choose(world, intent, params, payments.INTENT)
    given = {
        name: value for name, value in params.items() if name not in ("payment_method", "automatic_payment_methods")
    }
    if params.get("transfer_data") and intent["transfer_data"] is None:
        message = "You cannot update `transfer_data` of a PaymentIntent that was created without a destination."
        raise invalid(message, param="transfer_data")
    return updated(world, intent, _shown(given), None)


def _shown(params: Params) -> Params:
    """The parameters as far as an intent shows them."""
    asked = intents.options("payment_intent", params)
    if not asked.get("amount_details"):
        return asked
    return {**asked, "amount_details": {n: v for n, v in asked["amount_details"].items() if n not in _UNSHOWN}}


def confirm(world: World, params: Params, /, *path: str) -> Object:
    """Pay. Raises StripeError, with what a decline did kept."""
    intent = intents.own(world, "payment_intent", path[0])
    succeeded = intent["status"] == "succeeded"
    intents.require(intent, "confirm", payments.INTENT, _CONFIRM if succeeded else "")
    for name in ("setup_future_usage", "receipt_email"):
        if name in params:
            intent[name] = params[name] or None
    method = intents.confirmable(world, intent, params)
    off_session = params.get("off_session", False) not in (False, "")
    paid = paying.confirm(world, intent, method, off_session=off_session, return_url=params.get("return_url"))
    if paid["status"] == "requires_action" and params.get("error_on_requires_action"):
        raise _unwanted_action(world, intent, method)
    return paid


def capture(world: World, params: Params, /, *path: str) -> Object:
    """Take the money that is held, or a part of it; the rest is let go."""
    intent = world.get("payment_intent", path[0])
    intents.require(intent, "capture", payments.INTENT, _CAPTURE)
    amount: int = {"amount_to_capture": intent["amount_capturable"], **params}["amount_to_capture"]
    if not 0 < amount <= intent["amount_capturable"]:
        message = f"The amount to capture must be more than zero and at most {intent['amount_capturable']}."
        raise invalid(message, param="amount_to_capture", code="amount_too_large")
    charge = world.get("charge", intent["latest_charge"])
    rest = charge["amount"] - amount
    world.change(charge, "charge.captured", captured=True, amount_captured=amount, amount_refunded=rest)
    return paying.succeed(world, intent, charge, world.get("payment_method", intent["payment_method"]))


def cancel(world: World, params: Params, /, *path: str) -> Object:
    """Give an intent up; money that is held is let go."""
    intent = intents.own(world, "payment_intent", path[0])
    intents.require(intent, "cancel", payments.INTENT)
    return canceled(world, intent, params.get("cancellation_reason"))


def canceled(world: World, intent: Object, reason: str | None) -> Object:
    """The intent, given up."""
    if intent["latest_charge"] is not None:
        _release(world, world.get("charge", intent["latest_charge"]))
    fields = {"canceled_at": world.now, "cancellation_reason": reason, "amount_capturable": 0, "next_action": None}
    return world.change(intent, "payment_intent.canceled", status="canceled", **fields)


def _release(world: World, charge: Object) -> None:
    if charge["status"] == "pending":
        world.change(charge, "charge.failed", status="failed", failure_code="payment_intent_canceled")
    elif charge["paid"] and not charge["captured"]:
        world.change(charge, "charge.refunded", refunded=True, amount_refunded=charge["amount"])


def _unwanted_action(world: World, intent: Object, method: Object) -> StripeError:
    """The caller cannot show anybody a page: that counts as a failure."""
    why = DECLINES["authentication_required"]
    paying.fail(world, intent, declined.remembered(why, None, method), None)
    more = {"payment_intent": public(intent), "payment_method": declined.shown(method)}
    return StripeError(402, "card_error", keeps=True, **declined.facts(why), **more)
