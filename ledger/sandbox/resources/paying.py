"""Payments: what happens when a PaymentIntent is confirmed, whoever confirms it.

Every way to pay ends here: the API, the hosted page, and the bank's word on a debit days later.
"""

from typing import Any

from ledger.sandbox import declined
from ledger.sandbox.errors import Object, StripeError
from ledger.sandbox.objects import public
from ledger.sandbox.resources import charges, intents, payment_methods
from ledger.sandbox.rules import payments
from ledger.sandbox.rules.declines import Decline
from ledger.sandbox.rules.payments import Attempt
from ledger.sandbox.shapes import payment
from ledger.sandbox.world import World


def confirm(
    world: World,
    intent: Object,
    method: Object,
    *,
    off_session: bool = False,
    authenticated: bool = False,
    return_url: str | None = None,
) -> Object:
    """Try to pay. Raises StripeError with the effects of a decline kept."""
    attempt = Attempt(
        payment_methods.instrument_of(method),
        off_session=off_session,
        authenticated=authenticated,
        set_up=method["_"]["set_up"],
    )
    verdict = payments.pay(attempt)
    if verdict.outcome == "asks":
        return ask(world, intent, method, return_url)
    if verdict.outcome == "processing":
        return _process(world, intent, method)
    if verdict.decline is not None:
        raise refuse(world, intent, method, verdict.decline)
    return _approve(world, intent, method, authenticated=authenticated)


def ask(world: World, intent: Object, method: Object, return_url: str | None) -> Object:
    """The holder of the card must authenticate."""
    intent["_"]["return_url"] = return_url
    fields = {"payment_method": method["id"], "last_payment_error": None, "next_action": next_action(world, intent)}
    kind = intent["object"]
    if kind == "setup_intent":
        fields["last_setup_error"] = fields.pop("last_payment_error")
    return world.change(intent, f"{kind}.requires_action", status="requires_action", **fields)


def next_action(world: World, intent: Object) -> Object:
    """Where the holder authenticates: at the page of the sandbox."""
    url = f"{world.base}/3ds/{intent['id']}"
    return_url = intent["_"]["return_url"]
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": url, "type": "three_d_secure_redirect"}}
    return {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}


def refuse(world: World, intent: Object, method: Object, why: Decline) -> StripeError:
    """A failed charge, and the intent waits for another payment method. The error to raise."""
    failure = {"failure_code": why.code, "failure_message": why.message, "outcome": payment.outcome(why)}
    charge = _charge(world, intent, method, "charge.failed", status="failed", **failure)
    if method["customer"] is None:
        world.change(method)["_"]["used"] = True
    error = declined.remembered(why, charge["id"], method)
    fail(world, intent, error, charge["id"])
    more = {"charge": charge["id"], "payment_intent": public(intent), "payment_method": declined.shown(method)}
    return StripeError(402, "card_error", keeps=True, **declined.facts(why), **more)


def fail(world: World, intent: Object, error: Object, charge: str | None) -> Object:
    """The intent after a failure: it waits for another payment method."""
    return world.change(
        intent,
        "payment_intent.payment_failed",
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=error,
        latest_charge=charge or intent["latest_charge"],
    )


def authenticate(world: World, intent: Object, *, passed: bool) -> Object:
    """The holder has authenticated, or failed to. Raises StripeError where the payment is declined then."""
    method = world.get("payment_method", intent["payment_method"])
    if passed:
        intent["next_action"] = None
        return confirm(world, intent, method, authenticated=True)
    return fail(world, intent, intents.unauthenticated(intent, method), None)


def succeed(world: World, intent: Object, charge: Object, method: Object) -> Object:
    """The money is there: what follows in time is written down, too."""
    instrument = payment_methods.instrument_of(method)
    if intent["capture_method"] == "automatic":
        charges.book_fee(world, charge["id"])
    else:
        world.later(world.config.fee_known_after_s, "fee", charge=charge["id"])
    if instrument.dispute is not None:
        facts = {"reason": instrument.dispute, "inquiry": instrument.inquiry}
        world.later(world.config.dispute_after_s, "dispute", charge=charge["id"], **facts)
    return world.change(
        intent,
        "payment_intent.succeeded",
        status="succeeded",
        amount_received=charge["amount_captured"],
        amount_capturable=0,
        latest_charge=charge["id"],
        **_paid(method),
    )


def _approve(world: World, intent: Object, method: Object, *, authenticated: bool) -> Object:
    keep(world, intent, method)
    held = intent["capture_method"] == "manual"
    captured = {"captured": not held, "amount_captured": 0 if held else intent["amount"]}
    good = {"paid": True, "status": "succeeded", "outcome": payment.outcome(None), **captured}
    if authenticated:
        good["payment_method_details"] = _authenticated(method, intent["amount"])
    charge = _charge(world, intent, method, "charge.succeeded", **good)
    if not held:
        return succeed(world, intent, charge, method)
    return world.change(
        intent,
        "payment_intent.amount_capturable_updated",
        status="requires_capture",
        amount_capturable=intent["amount"],
        latest_charge=charge["id"],
        **_paid(method),
    )


def _process(world: World, intent: Object, method: Object) -> Object:
    keep(world, intent, method)
    pending = {"status": "pending", "captured": True, "amount_captured": intent["amount"]}
    charge = _charge(world, intent, method, "charge.pending", **pending)
    if not payment_methods.instrument_of(method).never:
        world.later(world.config.debit_after_s, "debit", intent=intent["id"], charge=charge["id"])
    return world.change(
        intent, "payment_intent.processing", status="processing", latest_charge=charge["id"], **_paid(method)
    )


def keep(world: World, intent: Object, method: Object) -> None:
    """A payment method that was paid with is saved to the customer, where that was asked for, or used up."""
    if intent["setup_future_usage"] is not None and intent["customer"] is not None:
        if intent["setup_future_usage"] == "off_session":
            method["_"]["set_up"] = True
        if method["customer"] is None:
            fields = {"allow_redisplay": method["_"].get("redisplay", "limited")}
            payment_methods.save(world, method, intent["customer"], **fields)
    elif method["customer"] is None:
        method["_"]["used"] = True
    world.change(method)


def _charge(world: World, intent: Object, method: Object, event: str, **given: Any) -> Object:
    charge = payment.charge(world.now, world.base, intent, method, world.config.merchant, **given)
    return world.add(charge, event)


def _paid(method: Object) -> dict[str, Any]:
    return {"payment_method": method["id"], "next_action": None, "last_payment_error": None}


def _authenticated(method: Object, amount: int) -> Object:
    details = payment.paid_with(method, amount)
    details["card"]["three_d_secure"] = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": method["id"][3:],
        "version": "2.2.0",
    }
    return details
