"""Payouts: what is available goes to the account's bank, every midnight by itself, or when it is told to.

An automatic payout is made of the movements that became available since the last one, and is reconciled with them;
one that the API asks for is of an amount, and of nothing in particular, and part of the next automatic one like any
movement. So an automatic payout leaves nothing available behind.
"""

from typing import Any, Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.ids import letters
from ledger.sandbox.resources import balance, charges
from ledger.sandbox.resources.common import Params, applied, updated
from ledger.sandbox.rules.payouts import next_midnight
from ledger.sandbox.shapes import funds
from ledger.sandbox.world import World

_SHORT: Final = (
    "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You can use "
    "the /v1/balance endpoint to view your Stripe balance (for more details, see stripe.com/docs/api#balance)."
)
_CLOSED: Final = "The bank account has been closed."


def create(world: World, params: Params, /, *path: str) -> Object:
    """Pay out an amount now."""
    if params["amount"] < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if params["currency"].lower() != world.config.settlement_currency:
        raise invalid(f"You have no balance in {params['currency']}.", param="currency", code="balance_insufficient")
    if params["amount"] > balance.total(world, "available"):
        raise invalid(_SHORT, param="amount", code="balance_insufficient")
    given = applied(funds.payout(world.now), params, "amount", "currency")
    return _made(world, params["amount"], given, automatic=False)


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change notes."""
    return updated(world, world.get("payout", path[0]), params, "payout.updated")


def cancel(world: World, params: Params, /, *path: str) -> Object:
    """Take back a payout that is not on its way yet."""
    payout = world.get("payout", path[0])
    if payout["status"] != "pending" or payout["automatic"]:
        raise invalid(f"Payouts can only be canceled while they are pending. This one is {payout['status']}.")
    _back(world, payout, "payout_cancel")
    return world.change(payout, "payout.canceled", status="canceled")


def make_daily(world: World) -> None:
    """Midnight: pay out what is available, and come again tomorrow."""
    world.later(next_midnight(world.moment) - world.moment, "payouts")
    if world.config.payout_daily:
        automatic(world)


def automatic(world: World) -> Object | None:
    """Pay out what became available; None where that is nothing."""
    entries = world.objects.where("balance_transaction", status="available", **{"_.payout": None})
    amount = sum(entry["net"] for entry in entries)
    if amount <= 0:
        return None
    payout = _made(world, amount, {"reconciliation_status": "in_progress"}, automatic=True)
    for entry in entries:
        entry["_"]["payout"] = payout["id"]
        world.change(entry)
    return payout


def hasten(world: World) -> None:
    """What was paid is booked, and what is pending is available, ahead of its time."""
    for charge in world.objects.where("charge", status="succeeded", captured=True, balance_transaction=None):
        charges.book_fee(world, charge["id"])
    for entry in world.objects.where("balance_transaction", status="pending"):
        world.change(entry, status="available", available_on=world.now)


def arrive(world: World, payout: str) -> None:
    """The bank has the money, and every movement in it is known."""
    found = world.get("payout", payout)
    if found["status"] != "pending":
        return
    trace = {"status": "supported", "value": letters(12).upper()}
    world.change(found, "payout.paid", status="paid", trace_id=trace)
    if found["automatic"]:
        world.change(found, reconciliation_status="completed")
        world.emit("payout.reconciliation_completed", found)


def fail(world: World, payout: Object, code: str = "account_closed") -> Object:
    """The bank did not take it; also some days after it seemed paid."""
    if payout["status"] not in ("pending", "in_transit", "paid"):
        raise invalid(f"The payout is {payout['status']} already.")
    back = _back(world, payout, "payout_failure")
    fields = {"failure_code": code, "failure_message": _CLOSED, "failure_balance_transaction": back}
    return world.change(payout, "payout.failed", status="failed", **fields)


def _made(world: World, amount: int, given: dict[str, Any], *, automatic: bool) -> Object:
    arrives = world.now + int(world.config.payout_arrives_after_s)
    payout = funds.payout(
        world.now,
        **{**given, "amount": amount, "automatic": automatic, "arrival_date": arrives},
        currency=world.config.settlement_currency,
    )
    moved = balance.move(world, "payout", -amount, payout["currency"], payout["id"], description="STRIPE PAYOUT")
    payout["balance_transaction"] = moved["id"]
    if automatic:
        moved["_"]["payout"] = payout["id"]
        world.change(moved)
    world.later(world.config.payout_arrives_after_s, "payout", payout=payout["id"])
    return world.add(payout, "payout.created")


def _back(world: World, payout: Object, kind: str) -> str:
    moved = balance.move(world, kind, payout["amount"], payout["currency"], payout["id"])
    return str(moved["id"])
