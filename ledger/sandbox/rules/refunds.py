"""Refunds: what may be given back of a charge, and what becomes of a refund in time."""

from typing import Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.rules import money

ENDED: Final = ("failed", "canceled")
_CANCEL: Final = "This refund cannot be canceled: its status is {}. Only one with the status requires_action can be."


def amount(charge: Object, asked: int | None) -> int:
    """How much is given back. Raises StripeError where that is more than is left, or nothing may be."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        message = f"Charge {charge['id']} has not been captured or did not succeed; it cannot be refunded."
        raise invalid(message, code="charge_not_refundable", param="charge")
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    wanted = left if asked is None else asked
    if wanted < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if wanted > left:
        shown, most = money.shown(wanted, charge["currency"]), money.shown(left, charge["currency"])
        message = f"Refund amount ({shown}) is greater than unrefunded amount on charge ({most})"
        raise invalid(message, param="amount")
    return wanted


def require_cancelable(refund: Object) -> None:
    """Raises StripeError where it is too late, or too early."""
    if refund["status"] != "requires_action":
        raise invalid(_CANCEL.format(refund["status"]))


def first_status(goes: str, *, bank: bool) -> str:
    """The status of a new refund, by how refunds of the instrument go."""
    return "pending" if bank or goes == "pending" else "succeeded"
