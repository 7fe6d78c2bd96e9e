"""The machine itself: its state, clock and settings, what goes wrong in it, and the figures that a judge compares."""

from typing import Any

import msgspec

from ledger.sandbox.control.stage import Stage
from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.faults import Fault
from ledger.sandbox.resources import balance
from ledger.sandbox.webhooks.mishaps import KINDS, Mishap


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """How far the clock is moved: by so many seconds, or to a moment."""

    seconds: float = 0.0
    to: float | None = None


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """Which mishaps of webhooks there are from now on. Those that are not named end."""

    duplicate: Mishap | None = None
    delay: Mishap | None = None
    reorder: Mishap | None = None
    drop: Mishap | None = None
    twin: Mishap | None = None
    seed: int = 0


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
        "mishaps": engine.mishaps.wanted,
    }


def figures(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """What money there is by Stripe's own books, to be compared with others."""
    shown = ("id", "status", "amount", "amount_captured", "amount_refunded", "currency", "customer", "disputed")
    more = ("payment_intent", "balance_transaction", "metadata", "created")

    def work(world: Any) -> Object:
        charges = world.objects.select("charge", oldest_first=True)
        sums = {status: balance.total(world, status) for status in ("available", "pending")}
        return {
            "charges": [{name: charge[name] for name in (*shown, *more)} for charge in charges],
            "balance": {**sums, "total": sum(sums.values()), "currency": world.config.settlement_currency},
            "by_type": balance.by_type(world),
        }

    return stage.do(work)


def clock(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """The sandbox's time."""
    return {"now": stage.engine.clock.now()}


def advance(stage: Stage, wanted: Advance, /, *path: str) -> Object:
    """Move the clock, and do all that falls due on the way."""
    seconds = wanted.seconds if wanted.to is None else wanted.to - stage.engine.clock.now()
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


def mishaps(stage: Stage, wanted: Any, /, *path: str) -> Any:
    """What goes wrong with webhooks."""
    return stage.engine.mishaps.wanted


def set_mishaps(stage: Stage, wanted: Wanted, /, *path: str) -> Any:
    """Have these go wrong, and no others."""
    named = {kind: getattr(wanted, kind) for kind in KINDS}
    stage.engine.mishaps.set({kind: one for kind, one in named.items() if one is not None}, wanted.seed)
    return stage.engine.mishaps.wanted


def reset(stage: Stage, wanted: Any, /, *path: str) -> Object:
    """Forget everything."""
    stage.faults.coming.clear()
    stage.engine.reset()
    return {}
