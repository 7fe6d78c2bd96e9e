"""Refunds. Their money leaves the balance at once; some fail later, and it comes back then."""

from typing import Any, Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.resources import balance, disputes, payment_methods
from ledger.sandbox.resources.common import Params, check_step, updated
from ledger.sandbox.rules import refunds as rules
from ledger.sandbox.shapes import funds
from ledger.sandbox.world import World

_EVENTS: Final = ("refund.updated", "charge.refund.updated")
_REFERENCE: Final = {"reference_type": "acquirer_reference_number", "type": "refund"}


def create(world: World, params: Params, /, *path: str) -> Object:
    """Give back all of a charge, or a part of it."""
    charge = _charge(world, params)
    disputes.require_refundable(world, charge)
    amount = rules.amount(charge, params.get("amount"))
    check_step(amount, charge["currency"])
    instrument = _instrument(world, charge)
    status = rules.first_status(instrument.refund, bank=instrument.bank)
    refund = funds.refund(world.now, charge, amount=amount, reason=params.get("reason"), status=status)
    refund["metadata"] = params.get("metadata") or {}
    if status == "pending":
        refund["pending_reason"] = "processing"
    if not instrument.bank:
        card = {"reference_status": "pending", **_REFERENCE}
        refund["destination_details"] = {"card": card, "type": "card"}
    refund["balance_transaction"] = _move(world, refund, charge, -amount, "refund")
    world.add(refund)
    _count(world, charge, amount, "charge.refunded")
    world.emit("refund.created", refund)
    world.later(world.config.refund_after_s, "refund", refund=refund["id"])
    disputes.after_refund(world, charge)
    return refund


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change notes."""
    return updated(world, world.get("refund", path[0]), params, "refund.updated")


def cancel(world: World, params: Params, /, *path: str) -> Object:
    """Take back a refund that waits for the customer."""
    refund = world.get("refund", path[0])
    rules.require_cancelable(refund)
    _undo(world, refund)
    return _say(world, refund, status="canceled")


def settle(world: World, refund: str) -> None:
    """Some time later: the refund has a reference, or succeeds, or fails."""
    found = world.get("refund", refund)
    if found["status"] in rules.ENDED or found["status"] == "requires_action":
        return
    if _instrument(world, world.get("charge", found["charge"])).refund == "fails":
        fail(world, found, "expired_or_canceled_card")
    else:
        _arrive(world, found)


def fail(world: World, refund: Object, reason: str) -> Object:
    """It did not arrive: the money is back on the balance."""
    back = _undo(world, refund)
    _say(world, refund, status="failed", failure_reason=reason, failure_balance_transaction=back)
    world.emit("refund.failed", refund)
    return refund


def push(world: World, refund: Object, status: str) -> Object:
    """Have a refund go this way, whatever its instrument does."""
    if refund["status"] in rules.ENDED:
        raise invalid(f"The refund has ended: {refund['status']}.")
    if status == "failed":
        return fail(world, refund, "unknown")
    return _arrive(world, refund) if status == "succeeded" else _say(world, refund, status=status)


def _arrive(world: World, refund: Object) -> Object:
    fields: dict[str, Any] = {"status": "succeeded"}
    refund.pop("pending_reason", None)
    if (refund["destination_details"] or {}).get("type") == "card":
        card = {"reference": refund["id"][-20:], "reference_status": "available", **_REFERENCE}
        fields["destination_details"] = {"card": card, "type": "card"}
    return _say(world, refund, **fields)


def _say(world: World, refund: Object, **fields: Any) -> Object:
    """The refund with changes, which two events tell."""
    first, second = _EVENTS
    world.change(refund, first, **fields)
    world.emit(second, refund)
    return refund


def _undo(world: World, refund: Object) -> str:
    """The charge is as if there had been no refund. The id of the movement back."""
    charge = world.get("charge", refund["charge"])
    back = _move(world, refund, charge, refund["amount"], "refund_failure")
    _count(world, charge, -refund["amount"], "charge.updated")
    return back


def _count(world: World, charge: Object, amount: int, event: str) -> None:
    refunded = charge["amount_refunded"] + amount
    world.change(charge, event, amount_refunded=refunded, refunded=refunded >= charge["amount_captured"])


def _move(world: World, refund: Object, charge: Object, amount: int, kind: str) -> str:
    """The movement of money. What is not available yet is taken from what is not available."""
    paid = world.objects.find(charge["balance_transaction"] or "")
    until = charge["created"] + int(world.config.available_after_s) if paid is None else paid["available_on"]
    names = _TYPES[kind]
    name = names[1] if charge["id"].startswith("py") else names[0]
    moved = balance.move(world, name, amount, charge["currency"], refund["id"], available_on=until)
    return str(moved["id"])


_TYPES: Final = {
    "refund": ("refund", "payment_refund"),
    "refund_failure": ("refund_failure", "payment_failure_refund"),
}


def _charge(world: World, params: Params) -> Object:
    if "charge" in params:
        return world.get("charge", params["charge"], "charge")
    if "payment_intent" not in params:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, code="parameter_missing")
    intent = world.get("payment_intent", params["payment_intent"], "payment_intent")
    if intent["latest_charge"] is None:
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise invalid(message, param="payment_intent")
    return world.get("charge", intent["latest_charge"])


def _instrument(world: World, charge: Object) -> Any:
    return payment_methods.instrument_of(world.get("payment_method", charge["payment_method"]))
