"""The machine itself: its state, clock and settings, what goes wrong in it, and the money that a judge compares."""

from typing import Any

import msgspec

from ledger.sandbox.control.stage import Stage
from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.faults import Fault
from ledger.sandbox.resources import balance


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """How far the clock is moved: by so many seconds, or to a moment."""

    advance_s: float = 0.0
    to: float | None = None


def state(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """What there is."""
    engine = stage.engine
    return {
        "now": engine.clock.now(),
        "objects": engine.objects.counts(),
        "deliveries": engine.outbox.counts(),
        "next_at": engine.next_at(),
        "config": engine.config,
        "faults": stage.faults.coming,
        "webhooks": engine.mishaps.wanted,
        "struck": {kind: engine.mishaps.struck[kind] for kind in engine.mishaps.wanted},
    }


def money(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """What Stripe holds, in smallest units of the settlement currency; what moved it; and all charges."""
    shown = ("id", "status", "amount", "amount_captured", "amount_refunded", "currency", "customer", "disputed")
    more = ("payment_intent", "balance_transaction", "metadata", "created")

    def work(world: Any) -> Object:
        charges = world.objects.select("charge", oldest_first=True)
        sums = {status: balance.total(world, status) for status in ("available", "pending")}
        return {
            "currency": world.config.settlement_currency,
            "total": sum(sums.values()),
            **sums,
            "by_type": balance.by_type(world),
            "charges": [{name: charge[name] for name in (*shown, *more)} for charge in charges],
        }

    return stage.do(work)


def clock(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """The sandbox's time."""
    return {"now": stage.engine.clock.now()}


def advance(stage: Stage, wanted: Advance, /, *path: str) -> Object:
    """Move the clock, and do all that falls due on the way."""
    seconds = wanted.advance_s if wanted.to is None else wanted.to - stage.engine.clock.now()
    if seconds < 0:
        raise invalid("The clock goes forward only.")
    stage.engine.advance(seconds)
    return clock(stage, wanted)


def config(stage: Stage, wanted: Any, /, *path: str) -> Any:
    """The settings."""
    return stage.engine.config


def configure(stage: Stage, wanted: dict[str, Any], /, *path: str) -> Any:
    """Change some settings."""
    stage.engine.configure(wanted)
    return stage.engine.config


def faults(stage: Stage, wanted: Any, /, *path: str) -> Any:
    """What is going to go wrong with requests."""
    return stage.faults.coming


def add_fault(stage: Stage, wanted: Fault, /, *path: str) -> Any:
    """Have something go wrong."""
    stage.faults.coming.append(wanted)
    return stage.faults.coming


def clear_faults(stage: Stage, wanted: Any, /, *path: str) -> Any:
    """Nothing goes wrong any more."""
    stage.faults.coming.clear()
    return stage.faults.coming


def reset(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """Forget everything but the endpoints that were placed here."""
    stage.faults.coming.clear()
    stage.engine.reset()
    return {}
