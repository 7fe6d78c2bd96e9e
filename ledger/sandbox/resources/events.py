"""Events, readable for thirty days."""

from typing import Any

from ledger.sandbox.errors import Object, no_such
from ledger.sandbox.resources.common import Params
from ledger.sandbox.resources.listing import Condition
from ledger.sandbox.world import World


def retrieve(world: World, params: Params, /, *path: str) -> Object:
    """The event as it was."""
    event = world.get("event", path[0])
    if event["created"] < kept_since(world):
        raise no_such("event", path[0])
    return event


def kept(world: World) -> Condition:
    """Of events that can be read."""
    return "created >= ?", [kept_since(world)]


def kept_since(world: World) -> float:
    return world.moment - world.config.events_kept_s


def delivered(value: Any) -> Condition:
    """Of events that all endpoints had, or that one or more had not."""
    missed = "SELECT 1 FROM deliveries WHERE deliveries.event = objects.id AND deliveries.state != 'delivered'"
    return f"{'NOT ' if value else ''}EXISTS ({missed})", []
