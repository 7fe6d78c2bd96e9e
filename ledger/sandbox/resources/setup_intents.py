"""SetupIntents: a card is saved for later, and authenticated for that where it asks for it."""

from typing import Any

from ledger.sandbox import declined
from ledger.sandbox.errors import Object, StripeError
from ledger.sandbox.objects import public
from ledger.sandbox.resources import intents, paying, payment_methods
from ledger.sandbox.resources.common import Params, applied, updated
from ledger.sandbox.rules import payments
from ledger.sandbox.rules.declines import Decline
from ledger.sandbox.shapes import payment
from ledger.sandbox.world import World


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new intent, confirmed at once where that is asked for."""
    intent = opened(world, params)
    if params.get("confirm"):
        return confirm(world, params, intent["id"])
    intents.choose(world, intent, params, payments.SETUP)
    return intent


def opened(world: World, params: Params, **hidden: Any) -> Object:
    """A new intent that has no payment method yet. Raises StripeError."""
    terms = intents.terms(world, params)
    intent = payment.setup_intent(world.now, **terms, _=hidden)
    intent.update(applied(intent, intents.options("setup_intent", params), "payment_method", *terms))
    return world.add(intent, "setup_intent.created")


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change an intent."""
    intent = world.get("setup_intent", path[0])
    intents.choose(world, intent, params, payments.SETUP)
    rest = {name: value for name, value in params.items() if name != "payment_method"}
    return updated(world, intent, intents.options("setup_intent", rest), None)


def confirm(world: World, params: Params, /, *path: str) -> Object:
    """Save the card. Raises StripeError, with what a decline did kept."""
    intent = intents.own(world, "setup_intent", path[0])
    intents.require(intent, "confirm", payments.SETUP)
    method = intents.confirmable(world, intent, params)
    return attempt(world, intent, method, return_url=params.get("return_url"))


def cancel(world: World, params: Params, /, *path: str) -> Object:
    """Give an intent up."""
    intent = intents.own(world, "setup_intent", path[0])
    intents.require(intent, "cancel", payments.SETUP)
    return canceled(world, intent, params.get("cancellation_reason"))


def canceled(world: World, intent: Object, reason: str | None) -> Object:
    """The intent, given up."""
    fields = {"cancellation_reason": reason, "next_action": None}
    return world.change(intent, "setup_intent.canceled", status="canceled", **fields)


def attempt(
    world: World, intent: Object, method: Object, *, authenticated: bool = False, return_url: str | None = None
) -> Object:
    """Try to save the card. Raises StripeError."""
    verdict = payments.set_up(payment_methods.instrument_of(method), authenticated=authenticated)
    if verdict.outcome == "asks":
        return paying.ask(world, intent, method, return_url)
    if verdict.decline is not None:
        raise _refuse(world, intent, method, verdict.decline)
    method["_"]["set_up"] = True
    if intent["customer"] is not None and method["customer"] is None:
        payment_methods.save(world, method, intent["customer"], allow_redisplay="limited")
    world.change(method)
    fields = {"payment_method": method["id"], "next_action": None, "last_setup_error": None}
    return world.change(intent, "setup_intent.succeeded", status="succeeded", **fields)


def authenticate(world: World, intent: Object, *, passed: bool) -> Object:
    """The holder has authenticated, or failed to."""
    method = world.get("payment_method", intent["payment_method"])
    if passed:
        intent["next_action"] = None
        return attempt(world, intent, method, authenticated=True)
    return _failed(world, intent, intents.unauthenticated(intent, method))


def _refuse(world: World, intent: Object, method: Object, why: Decline) -> StripeError:
    _failed(world, intent, declined.remembered(why, None, method))
    more = {"setup_intent": public(intent), "payment_method": declined.shown(method)}
    return StripeError(402, "card_error", keeps=True, **declined.facts(why), **more)


def _failed(world: World, intent: Object, error: Object) -> Object:
    fields = {"payment_method": None, "next_action": None, "last_setup_error": error}
    return world.change(intent, "setup_intent.setup_failed", status="requires_payment_method", **fields)
