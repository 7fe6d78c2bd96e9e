"""How webhooks fare, and the endpoint that is told of events from the start."""

from typing import Any, Final

import msgspec
from stripe.params import WebhookEndpointCreateParams

from ledger.sandbox import params
from ledger.sandbox.control.stage import Stage
from ledger.sandbox.errors import Object
from ledger.sandbox.objects import public
from ledger.sandbox.resources import endpoints
from ledger.sandbox.webhooks.mishaps import KINDS, Mishap

ALWAYS: Final = Mishap(probability=1.0)


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """Which mishaps of webhooks there are from now on. Those that are not named end.

    Each is true for all events, a whole number for the next so many, a fraction for a probability that is drawn by
    ``seed``, or all of it spelled out. ``delay_s`` alone delays all.
    """

    duplicate: Any = None
    reorder: Any = None
    drop: Any = None
    twin: Any = None
    delay: Any = None
    delay_s: float | None = None
    seed: int = 0


class Endpoint(msgspec.Struct, forbid_unknown_fields=True):
    """An endpoint with a secret that is known before, which Stripe has not; by default it is told of everything."""

    url: str
    secret: str | None = None
    enabled_events: list[str] | str = "*"


class Roll(msgspec.Struct, forbid_unknown_fields=True):
    """How long the old secret of an endpoint signs along."""

    overlap_s: float = 86_400.0


def mishaps(stage: Stage, wanted: Any, /, *path: str) -> Any:
    """What goes wrong with webhooks."""
    return stage.engine.mishaps.wanted


def set_mishaps(stage: Stage, wanted: Wanted, /, *path: str) -> Any:
    """Have these go wrong, and no others."""
    named = {kind: often(getattr(wanted, kind)) for kind in KINDS}
    if wanted.delay_s is not None:
        delay = named["delay"] or ALWAYS
        named["delay"] = msgspec.structs.replace(delay, delay_s=wanted.delay_s)
    stage.engine.mishaps.set({kind: one for kind, one in named.items() if one is not None}, wanted.seed)
    return stage.engine.mishaps.wanted


def often(said: Any) -> Mishap | None:
    """How often that is; None for never. The text of a form is read as JSON. Raises msgspec.MsgspecError."""
    if isinstance(said, str):
        said = msgspec.json.decode(said)
    if isinstance(said, bool) or said is None:
        return msgspec.structs.replace(ALWAYS) if said else None
    if isinstance(said, int):
        return Mishap(times=said)
    return Mishap(probability=said) if isinstance(said, float) else msgspec.convert(said, Mishap)


def endpoint(stage: Stage, wanted: Endpoint, /, *path: str) -> Object:
    """Tell this endpoint from now on: a new one, or that of the same address or secret, changed. It outlives resets."""
    told = wanted.enabled_events.split(",") if isinstance(wanted.enabled_events, str) else wanted.enabled_events
    form = {"url": wanted.url, "enabled_events": {str(place): kind for place, kind in enumerate(told)}}
    asked = params.read(WebhookEndpointCreateParams, form)
    return dict(public(stage.do(lambda world: endpoints.place(world, asked, wanted.secret))))


def roll(stage: Stage, wanted: Roll, /, *path: str) -> Object:
    """A new secret for an endpoint."""
    return {"secret": stage.do(lambda world: endpoints.roll(world, path[0], overlap_s=wanted.overlap_s))}
