"""Disputes: the bank takes a payment back, until it has decided; an inquiry only asks, and takes nothing."""

from typing import Any, Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.objects import public
from ledger.sandbox.resources import balance
from ledger.sandbox.resources.common import Params
from ledger.sandbox.rules import disputes as rules
from ledger.sandbox.rules.changes import merged, noted
from ledger.sandbox.shapes import funds
from ledger.sandbox.world import World

_COUNTERED: Final = "Card Dispute Countered Fee"


def open_due(world: World, charge: str, reason: str, *, inquiry: bool = False, amount: int | None = None) -> None:
    """The holder disputes a charge."""
    opened(world, world.get("charge", charge), reason, inquiry=inquiry, amount=amount)


def opened(world: World, charge: Object, reason: str, *, inquiry: bool, amount: int | None = None) -> Object | None:
    """A new dispute of what was not given back yet; None where nothing is left, or there is one already."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["disputed"] or left <= 0:
        return None
    dispute = funds.dispute(world.now, charge, inquiry=inquiry, reason=reason, amount=min(amount or left, left))
    world.change(charge, disputed=True)
    if not inquiry:
        _withdraw(world, dispute)
    world.add(dispute, "charge.dispute.created")
    if not inquiry:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def update(world: World, params: Params, /, *path: str) -> Object:
    """Answer a dispute with evidence; ``submit`` false only keeps it."""
    dispute = world.get("dispute", path[0])
    fields: dict[str, Any] = {}
    if "metadata" in params:
        fields["metadata"] = noted(dispute["metadata"], params["metadata"])
    if "evidence" in params:
        rules.require(dispute, rules.OPEN)
        fields["evidence"] = merged(dispute["evidence"], params["evidence"])
        fields["evidence_details"] = {**dispute["evidence_details"], "has_evidence": True}
    submitted = "evidence" in params and params.get("submit", True)
    if submitted:
        fields.update(_submitted(world, dispute, fields["evidence_details"]))
    world.change(dispute, "charge.dispute.updated", **fields)
    if submitted:
        world.later(world.config.verdict_after_s, "verdict", dispute=dispute["id"])
    return dispute


def close(world: World, params: Params, /, *path: str) -> Object:
    """Give a dispute up."""
    dispute = world.get("dispute", path[0])
    rules.require(dispute, rules.OPEN)
    return resolve(world, dispute, "lost")


def decide(world: World, dispute: str) -> None:
    """The bank's decision on the evidence, if it is one that leads to a decision."""
    found = world.get("dispute", dispute)
    outcome = rules.outcome(found)
    if outcome is not None and found["status"] in rules.UNDECIDED:
        resolve(world, found, outcome)


def resolve(world: World, dispute: Object, outcome: str) -> Object:
    """The end of a dispute: won, lost, warning_closed; or an inquiry that is escalated to a dispute."""
    rules.require(dispute, rules.UNDECIDED)
    if outcome == "escalated":
        return _escalate(world, dispute)
    if outcome == "won":
        _give_back(world, dispute)
    world.change(dispute, "charge.dispute.closed", status=outcome, is_charge_refundable=outcome == "warning_closed")
    if outcome == "won":
        world.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def require_refundable(world: World, charge: Object) -> None:
    """Raises StripeError while the bank has the money, and when it keeps it."""
    taken = [one for one in world.objects.where("dispute", charge=charge["id"]) if one["status"] in rules.TAKEN]
    if taken:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")


def after_refund(world: World, charge: Object) -> None:
    """An inquiry ends when all of it was given back."""
    for one in world.objects.where("dispute", charge=charge["id"]) if charge["refunded"] else ():
        if one["status"] in rules.INQUIRY and one["status"] in rules.UNDECIDED:
            resolve(world, one, "warning_closed")


def _submitted(world: World, dispute: Object, details: Object) -> dict[str, Any]:
    fee = balance.in_settlement(world, world.config.countered_fee_cents)
    if fee and dispute["status"] not in rules.INQUIRY:
        _fee(world, dispute, -fee)
    count = dispute["evidence_details"]["submission_count"] + 1
    more = {"submission_count": count, "submission_method": "manual"}
    return {"evidence_details": {**details, **more}, "status": rules.under_review(dispute["status"])}


def _withdraw(world: World, dispute: Object) -> None:
    fee = balance.in_settlement(world, world.config.dispute_fee_cents)
    said = {"fee": fee, "fee_name": "Dispute fee", "description": f"Chargeback withdrawal for {dispute['charge']}"}
    _move(world, dispute, -dispute["amount"], "dispute", said)


def _give_back(world: World, dispute: Object) -> None:
    said = {"description": f"Chargeback reversal for {dispute['charge']}"}
    _move(world, dispute, dispute["amount"], "dispute_reversal", said)
    fee = balance.in_settlement(world, world.config.countered_fee_cents)
    if fee and dispute["evidence_details"]["submission_count"]:
        _fee(world, dispute, fee)


def _escalate(world: World, dispute: Object) -> Object:
    _withdraw(world, dispute)
    fields = {"status": "needs_response", "is_charge_refundable": False}
    world.change(dispute, "charge.dispute.updated", **fields)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _move(world: World, dispute: Object, amount: int, category: str, said: dict[str, Any]) -> None:
    moved = balance.move(
        world, "adjustment", amount, dispute["currency"], dispute["id"], reporting_category=category, **said
    )
    dispute["balance_transactions"].append(public(moved))


def _fee(world: World, dispute: Object, amount: int) -> None:
    """A fee that is a movement of its own, in the balance's currency."""
    settled = world.config.settlement_currency
    balance.move(world, "stripe_fee", amount, settled, dispute["id"], description=_COUNTERED)
