"""Test clocks: time that stands still for some customers, and is moved on by hand to see their subscriptions renew."""

from typing import Final

from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.resources import billing, customers
from ledger.sandbox.resources.common import Params
from ledger.sandbox.rules import periods
from ledger.sandbox.shapes import billing as shapes
from ledger.sandbox.world import World

_KIND: Final = "test_helpers.test_clock"
_KEPT_S: Final = 30 * periods.DAY_S
_TIME_MAX: Final = 4_102_444_800
"""The year 2100."""
_INTERVALS_MAX: Final = 2


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new clock, for customers that are made with it."""
    if "customer" in params:
        raise invalid("The sandbox puts customers on a test clock when they are created.", param="customer")
    _require_time(params["frozen_time"], 0)
    kept = {"deletes_after": world.now + _KEPT_S, "name": params.get("name")}
    clock = shapes.test_clock(world.now, frozen_time=params["frozen_time"], **kept)
    return world.add(clock, f"{_KIND}.created")


def advance(world: World, params: Params, /, *path: str) -> Object:
    """Move it on. It is ``advancing`` at first, and ``ready`` when everything has happened, which an event tells."""
    clock, target = world.get(_KIND, path[0]), params["frozen_time"]
    if clock["status"] != "ready":
        raise StripeError(429, "invalid_request_error", "Test clock advancement underway.", code="lock_timeout")
    _require_time(target, clock["frozen_time"] + 1)
    items = [one["items"]["data"][0] for one in _running(world, clock["id"])]
    for item in items:
        last = clock["frozen_time"]
        for _ in range(_INTERVALS_MAX):
            last = periods.end(last, last, item["price"]["recurring"])
        if target > last:
            message = (
                "You can only advance a test clock by two intervals at a time, based on the shortest interval of its "
                f"subscriptions: up to {last}."
            )
            raise invalid(message, param="frozen_time")
    world.later(0, "advance", clock=clock["id"], to=target)
    details = {"advancing": {"target_frozen_time": target}}
    return world.change(clock, f"{_KIND}.advancing", status="advancing", status_details=details)


def advanced(world: World, clock: str, to: int) -> None:
    """Have everything happen on the way there, each at its time."""
    found = world.objects.find(clock)
    if found is None:
        return
    while due := [one for one in _running(world, clock) if one["_"]["due_at"] <= to]:
        first = min(due, key=lambda one: one["_"]["due_at"])
        at = found["frozen_time"] = first["_"]["due_at"]
        billing.renew(world, first, at)
    world.change(found, f"{_KIND}.ready", status="ready", status_details={}, frozen_time=to)


def delete(world: World, params: Params, /, *path: str) -> Object:
    """Delete it, and its customers with it."""
    clock = world.get(_KIND, path[0])
    for customer in world.objects.where("customer", test_clock=clock["id"], **{"_.deleted": None}):
        customers.delete(world, {}, customer["id"])
    world.objects.forget(clock["id"])
    world.emit(f"{_KIND}.deleted", clock)
    return {"id": clock["id"], "object": _KIND, "deleted": True}


def _running(world: World, clock: str) -> list[Object]:
    """Subscriptions to which something will happen."""
    found = world.objects.where("subscription", test_clock=clock)
    return [one for one in found if one["_"]["due_at"] is not None]


def _require_time(moment: int, least: int) -> None:
    if not least <= moment <= _TIME_MAX:
        raise invalid(f"The frozen_time must be from {least} to {_TIME_MAX}.", param="frozen_time")
