"""What banks do: disputes, refunds that fail, payouts."""

from typing import Any

import msgspec

from ledger.sandbox.control.stage import Stage
from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.objects import public
from ledger.sandbox.resources import disputes, payouts, refunds
from ledger.sandbox.world import World


class Dispute(msgspec.Struct, forbid_unknown_fields=True):
    """A dispute of a charge, or an inquiry; of all that is left of it, by default."""

    reason: str = "fraudulent"
    inquiry: bool = False
    amount: int | None = None


class Outcome(msgspec.Struct, forbid_unknown_fields=True):
    """The end of a dispute: won, lost, warning_closed or escalated."""

    outcome: str


class Refund(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of a refund: succeeded, failed, pending or requires_action."""

    status: str


class Failure(msgspec.Struct, forbid_unknown_fields=True):
    """Why a payout fails."""

    code: str = "account_closed"


def dispute(stage: Stage, wanted: Dispute, /, *path: str) -> Object:
    """A charge is disputed now."""

    def work(world: World) -> Object:
        charge = world.get("charge", path[0])
        made = disputes.opened(world, charge, wanted.reason, inquiry=wanted.inquiry, amount=wanted.amount)
        if made is None:
            raise invalid("The charge is disputed already, or nothing of it is left.")
        return made

    return dict(public(stage.do(work)))


def resolve(stage: Stage, wanted: Outcome, /, *path: str) -> Object:
    """The bank decides now."""
    if wanted.outcome not in ("won", "lost", "warning_closed", "escalated"):
        raise invalid("The outcome must be won, lost, warning_closed or escalated.")
    return _shown(stage, lambda world: disputes.resolve(world, world.get("dispute", path[0]), wanted.outcome))


def refund(stage: Stage, wanted: Refund, /, *path: str) -> Object:
    """A refund goes this way now."""
    if wanted.status not in ("succeeded", "failed", "pending", "requires_action"):
        raise invalid("The status must be succeeded, failed, pending or requires_action.")
    return _shown(stage, lambda world: refunds.push(world, world.get("refund", path[0]), wanted.status))


def payout(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """Pay out now what is available."""
    return {"payout": public(stage.do(payouts.automatic))}


def pay(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """A payout arrives now."""

    def work(world: World) -> Object:
        payouts.arrive(world, path[0])
        return world.get("payout", path[0])

    return _shown(stage, work)


def fail(stage: Stage, wanted: Failure, /, *path: str) -> Object:
    """A payout fails now."""
    return _shown(stage, lambda world: payouts.fail(world, world.get("payout", path[0]), wanted.code))


def _shown(stage: Stage, work: Any) -> Object:
    return dict(public(stage.do(work)))
