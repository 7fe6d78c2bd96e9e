"""What has become of an intent becomes of what it was made for: a Checkout Session, an invoice, a customer's card."""

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.resources import billing, checkout_paying, paying, payment_intents, portal, setup_intents
from ledger.sandbox.resources.common import Params
from ledger.sandbox.world import World


def follow(world: World, intent: Object) -> Object:
    """The intent, when all that hangs on it has followed."""
    checkout_paying.follow(world, intent)
    billing.follow(world, intent)
    portal.follow(world, intent)
    return intent


def confirm(world: World, params: Params, /, *path: str) -> Object:
    """Pay, and all that hangs on it. Raises StripeError."""
    return follow(world, payment_intents.confirm(world, params, *path))


def authenticate(world: World, intent: Object, *, passed: bool) -> Object:
    """The holder has authenticated, or failed to. Raises StripeError where the payment is declined then."""
    if intent["status"] != "requires_action":
        raise invalid("There is nothing to authenticate.")
    work = paying if intent["object"] == "payment_intent" else setup_intents
    return follow(world, work.authenticate(world, intent, passed=passed))
