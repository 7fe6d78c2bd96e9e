"""What buyers and their banks do, without a browser."""

from typing import Any

import msgspec

from ledger.sandbox.control.stage import Stage
from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.objects import public
from ledger.sandbox.resources import checkout_paying, endpoints, payment_methods
from ledger.sandbox.resources.checkout_paying import Buyer
from ledger.sandbox.rules.cards import BY_NUMBER
from ledger.sandbox.world import World


class Pay(msgspec.Struct, forbid_unknown_fields=True):
    """How a session is paid: by the number of a test card or account, or by a payment method or its name.

    ``authenticate``: what the holder does if the bank asks for it, complete or fail; by default it is left open.
    """

    card: str | None = None
    payment_method: str | None = None
    email: str | None = "buyer@example.com"
    name: str | None = "Test Buyer"
    save: bool = False
    authenticate: str | None = None


class Authentication(msgspec.Struct, forbid_unknown_fields=True):
    """What the holder of a card does: complete or fail."""

    result: str = "complete"


class Roll(msgspec.Struct, forbid_unknown_fields=True):
    """How long the old secret of an endpoint signs along."""

    overlap_s: float = 86_400.0


def pay(stage: Stage, wanted: Pay, /, *path: str) -> Object:
    """Pay a session as its page would: what has become of it, and what the buyer was told."""

    def work(world: World) -> Object:
        session = world.get("checkout.session", path[0])
        method = _method(world, wanted)
        buyer = Buyer(wanted.email, wanted.name, save=wanted.save)
        return checkout_paying.pay(world, session, method, buyer)

    outcome = stage.engine.attempt(work)
    if wanted.authenticate and not isinstance(outcome, StripeError) and outcome["status"] == "requires_action":
        outcome = _authenticated(stage, outcome["id"], wanted.authenticate)
    return _told(stage, path[0], outcome)


def authenticate(stage: Stage, wanted: Authentication, /, *path: str) -> Object:
    """The holder authenticates, or fails to: the intent then."""
    outcome = _authenticated(stage, path[0], wanted.result)
    intent = stage.engine.objects.find(path[0])
    return {"intent": public(intent), "error": str(outcome) if isinstance(outcome, StripeError) else None}


def roll(stage: Stage, wanted: Roll, /, *path: str) -> Object:
    """A new secret for an endpoint."""
    return {"secret": stage.do(lambda world: endpoints.roll(world, path[0], overlap_s=wanted.overlap_s))}


def _authenticated(stage: Stage, named: str, result: str) -> Object | StripeError:
    if result not in ("complete", "fail"):
        return invalid("The result must be complete or fail.")

    def work(world: World) -> Object:
        kind = "setup_intent" if named.startswith("seti_") else "payment_intent"
        return checkout_paying.authenticate(world, world.get(kind, named), passed=result == "complete")

    return stage.engine.attempt(work)


def _method(world: World, wanted: Pay) -> Object:
    if wanted.payment_method is not None:
        return payment_methods.resolve(world, wanted.payment_method)
    if wanted.card not in BY_NUMBER:
        raise invalid("Name a test card or account in `card`, or a `payment_method`.")
    details: dict[str, Any] = {"billing_details": {"email": wanted.email, "name": wanted.name}}
    return payment_methods.made(world, BY_NUMBER[wanted.card], **details)


def _told(stage: Stage, named: str, outcome: Object | StripeError) -> Object:
    if isinstance(outcome, StripeError) and not outcome.keeps:
        raise outcome
    session = stage.engine.objects.get("checkout.session", named)
    intent = stage.engine.objects.find(session["payment_intent"] or session["setup_intent"] or "")
    return {
        "session": public(session),
        "intent": public(intent),
        "error": outcome.error if isinstance(outcome, StripeError) else None,
    }
