"""What banks do: they authenticate, dispute and decide, lose refunds, and take payouts or not."""

from typing import Any, Final

import msgspec

from ledger.sandbox.control.stage import Stage
from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.objects import public
from ledger.sandbox.resources import disputes, following, payouts, refunds
from ledger.sandbox.rules.disputes import INQUIRY, UNDECIDED
from ledger.sandbox.world import World

_ENDS: Final = ("won", "lost", "warning_closed", "escalated")
_OF_INQUIRIES: Final = ("inquiry", "warning_closed", "escalated")


class Authentication(msgspec.Struct, forbid_unknown_fields=True):
    """What the holder of a card does: complete or fail."""

    result: str = "complete"


class Dispute(msgspec.Struct, forbid_unknown_fields=True):
    """A dispute of a charge, or an inquiry; of all that is left of it, by default.

    ``outcome``: open and inquiry only open one; won, lost, warning_closed and escalated settle it, too.
    """

    outcome: str = "open"
    reason: str = "fraudulent"
    amount: int | None = None


class Refund(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of a refund: succeeded, failed, pending or requires_action."""

    status: str


class Payout(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of a payout: paid, failed (for the reason ``code``), or nothing yet, so that it arrives in time."""

    outcome: str = ""
    code: str = "account_closed"


def authenticate(stage: Stage, wanted: Authentication, /, *path: str) -> Object:
    """The holder authenticates, or fails to: the intent then."""
    _require("result", wanted.result, "complete", "fail")

    def work(world: World) -> Object:
        kind = "setup_intent" if path[0].startswith("seti_") else "payment_intent"
        return following.authenticate(world, world.get(kind, path[0]), passed=wanted.result == "complete")

    outcome = stage.engine.attempt(work)
    intent = stage.engine.objects.find(path[0])
    return {"intent": public(intent), "error": str(outcome) if isinstance(outcome, StripeError) else None}


def dispute(stage: Stage, wanted: Dispute, /, *path: str) -> Object:
    """A charge is disputed now, or its open dispute is decided; it may be named by its payment or by the dispute."""
    _require("outcome", wanted.outcome, "open", "inquiry", *_ENDS)

    def work(world: World) -> Object:
        case = _open_case(world, path[0])
        if case is None:
            case = _opened(world, path[0], wanted)
        elif wanted.outcome not in _ENDS:
            raise invalid(f"{path[0]} is disputed already: {case['id']}.")
        return _decided(world, case, wanted.outcome) if wanted.outcome in _ENDS else case

    return _shown(stage, work)


def refund(stage: Stage, wanted: Refund, /, *path: str) -> Object:
    """A refund goes this way now."""
    _require("status", wanted.status, "succeeded", "failed", "pending", "requires_action")
    return _shown(stage, lambda world: refunds.push(world, world.get("refund", path[0]), wanted.status))


def pay_out(stage: Stage, wanted: Payout, /, *path: str) -> Object:
    """Pay out now all that Stripe holds, as if the time of what is pending had come; None where that is nothing."""
    _require("outcome", wanted.outcome, "", "paid", "failed")

    def work(world: World) -> Object | None:
        payouts.hasten(world)
        made = payouts.automatic(world)
        return made if made is None else _settled(world, made, wanted)

    return {"payout": public(stage.do(work))}


def payout(stage: Stage, wanted: Payout, /, *path: str) -> Object:
    """A payout arrives now, or fails."""
    _require("outcome", wanted.outcome, "paid", "failed")
    return _shown(stage, lambda world: _settled(world, world.get("payout", path[0]), wanted))


def _open_case(world: World, named: str) -> Object | None:
    """The dispute that is named, or the undecided one of a charge."""
    if named.startswith("du_"):
        return world.get("dispute", named)
    found = world.objects.where("dispute", charge=_charge(world, named)["id"])
    return next((case for case in found if case["status"] in UNDECIDED), None)


def _charge(world: World, named: str) -> Object:
    if named.startswith("pi_"):
        named = world.get("payment_intent", named)["latest_charge"] or named
    return world.get("charge", named)


def _opened(world: World, named: str, wanted: Dispute) -> Object:
    inquiry = wanted.outcome in _OF_INQUIRIES
    made = disputes.opened(world, _charge(world, named), wanted.reason, inquiry=inquiry, amount=wanted.amount)
    if made is None:
        raise invalid(f"{named} was disputed before, or nothing of it is left.")
    return made


def _decided(world: World, case: Object, outcome: str) -> Object:
    """The end. What began as an inquiry must become a dispute before it can be won or lost."""
    inquiry = case["status"] in INQUIRY
    if inquiry and outcome in ("won", "lost"):
        disputes.resolve(world, case, "escalated")
    if not inquiry and outcome in _OF_INQUIRIES:
        raise invalid(f"{case['id']} is no inquiry: it can be won or lost.")
    return disputes.resolve(world, case, outcome)


def _settled(world: World, made: Object, wanted: Payout) -> Object:
    if wanted.outcome == "failed":
        return payouts.fail(world, made, wanted.code)
    if wanted.outcome == "paid":
        payouts.arrive(world, made["id"])
    return world.get("payout", made["id"])


def _require(name: str, value: str, *allowed: str) -> None:
    if value not in allowed:
        raise invalid(f"The {name} is {value!r}, but must be one of {', '.join(filter(None, allowed))}.")


def _shown(stage: Stage, work: Any) -> Object:
    return dict(public(stage.do(work)))
