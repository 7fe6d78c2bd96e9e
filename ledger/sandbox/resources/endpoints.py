"""Webhook endpoints. A secret is shown once, in the answer to the creation."""

from typing import Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.ids import new_id
from ledger.sandbox.resources.common import Params, applied, updated
from ledger.sandbox.rules.checkout import is_url
from ledger.sandbox.shapes.event import endpoint
from ledger.sandbox.world import World

_ROLL_S_MAX: Final = 86_400


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new endpoint, with its secret."""
    _check(params)
    secret = new_id("whsec")
    made = endpoint(world.now, secret, url=params["url"], enabled_events=params["enabled_events"])
    made.update(applied(made, params, "url", "enabled_events"))
    return {**world.add(made), "secret": secret}


def place(world: World, params: Params, secret: str | None) -> Object:
    """An endpoint that outlives resets, with its secret: a new one, or the one of this address or of this secret.

    Stripe chooses secrets itself. Here one can be known before, to who is started together with the sandbox.
    """
    _check(params)
    known = world.objects.where("webhook_endpoint")
    found = next((one for one in known if _is_meant(one, params["url"], secret)), None)
    if found is None:
        found = world.get("webhook_endpoint", create(world, params)["id"])
    if secret is not None:
        found["_"]["secrets"] = [{"secret": secret, "until": None}]
    found["_"]["placed"] = True
    world.change(found, status="enabled", **params)
    return {**found, "secret": secrets(found, world.moment)[0]}


def _is_meant(found: Object, url: str, secret: str | None) -> bool:
    return found["url"] == url or secret in [one["secret"] for one in found["_"]["secrets"]]


def _check(params: Params) -> None:
    """Raises StripeError."""
    if not is_url(params["url"]):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url", code="url_invalid"
        )
    if not params["enabled_events"]:
        raise invalid("You must select at least one event.", param="enabled_events")


def update(world: World, params: Params, /, *path: str) -> Object:
    """The endpoint with changes; it can be switched off and on."""
    found = world.get("webhook_endpoint", path[0])
    if "disabled" in params:
        world.change(found, status="disabled" if params["disabled"] else "enabled")
    return updated(world, found, params, None)


def delete(world: World, params: Params, /, *path: str) -> Object:
    """No more events for it."""
    found = world.get("webhook_endpoint", path[0])
    world.objects.forget(found["id"])
    return {"id": found["id"], "object": "webhook_endpoint", "deleted": True}


def roll(world: World, named: str, *, overlap_s: float) -> str:
    """A new secret; the old one signs along for so long. Stripe has this in its dashboard only."""
    found = world.get("webhook_endpoint", named)
    until = world.moment + min(overlap_s, _ROLL_S_MAX)
    kept = [{**old, "until": until} for old in found["_"]["secrets"] if old["until"] is None]
    secret = new_id("whsec")
    found["_"]["secrets"] = [{"secret": secret, "until": None}, *kept]
    world.change(found)
    return secret


def secrets(found: Object, moment: float) -> list[str]:
    """The secrets that sign at this moment, the newest first."""
    return [one["secret"] for one in found["_"]["secrets"] if one["until"] is None or one["until"] > moment]
