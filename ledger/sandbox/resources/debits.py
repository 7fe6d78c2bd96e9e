"""Bank debits: days after the buyer has left, the bank pays or does not."""

from ledger.sandbox import declined
from ledger.sandbox.resources import paying, payment_methods
from ledger.sandbox.resources.following import follow
from ledger.sandbox.world import World


def settle(world: World, intent: str, charge: str) -> None:
    """The bank's word on a debit, unless the payment was given up meanwhile."""
    paid, taken = world.get("payment_intent", intent), world.get("charge", charge)
    if paid["status"] != "processing":
        return
    method = world.get("payment_method", paid["payment_method"])
    why = payment_methods.instrument_of(method).why
    if why is None:
        world.change(taken, "charge.succeeded", status="succeeded", paid=True)
        paying.succeed(world, paid, taken, method)
    else:
        failure = {"failure_code": why.code, "failure_message": why.message}
        world.change(taken, "charge.failed", status="failed", captured=False, amount_captured=0, **failure)
        paying.fail(world, paid, declined.remembered(why, charge, method), charge)
    follow(world, paid)
