"""Customers."""

from typing import Final

from ledger.sandbox.errors import Object
from ledger.sandbox.resources import billing, payment_methods, subscriptions
from ledger.sandbox.resources.common import Params, applied, living, updated
from ledger.sandbox.resources.listing import Condition, field, listing, when
from ledger.sandbox.shapes import people
from ledger.sandbox.shapes.base import ADDRESS
from ledger.sandbox.world import World


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new customer; a payment method that is named is attached."""
    if "test_clock" in params:
        world.get("test_helpers.test_clock", params["test_clock"], "test_clock")
    customer = people.customer(world.now)
    customer.update(applied(customer, params, "address", "invoice_settings"))
    world.add(customer, "customer.created")
    if "payment_method" in params:
        payment_methods.attach_to(world, params["payment_method"], customer, param="payment_method")
    return _with_default(world, customer, params, event=None)


def retrieve(world: World, params: Params, /, *path: str) -> Object:
    """The customer; of a deleted one only that it was deleted."""
    customer = world.get("customer", path[0])
    return _tombstone(customer) if customer["_"].get("deleted") else customer


def update(world: World, params: Params, /, *path: str) -> Object:
    """The customer with changes."""
    return _with_default(world, living(world, path[0]), params, event="customer.updated")


def delete(world: World, params: Params, /, *path: str) -> Object:
    """Delete a customer: its subscriptions end, and what it paid with is detached."""
    customer = living(world, path[0])
    for subscription in subscriptions.of_customer(world, customer["id"]):
        billing.end(world, subscription, billing.time_of(world, customer["test_clock"]))
    for method in world.objects.where("payment_method", customer=customer["id"]):
        payment_methods.detach_from(world, method)
    customer["_"]["deleted"] = True
    world.change(customer)
    world.emit("customer.deleted", customer)
    return _tombstone(customer)


def _with_default(world: World, customer: Object, params: Params, event: str | None) -> Object:
    """The customer with parameters applied; what it pays with by default must be its own."""
    method = (params.get("invoice_settings") or {}).get("default_payment_method")
    if method:
        payment_methods.require_of(world, customer["id"], method, _DEFAULT)
    if params.get("address"):
        params = {**params, "address": {**ADDRESS, **(customer["address"] or {}), **params["address"]}}
    return updated(world, customer, params, event)


_DEFAULT = "invoice_settings[default_payment_method]"


def _tombstone(customer: Object) -> Object:
    return {"id": customer["id"], "object": "customer", "deleted": True}


def index(world: World, params: Params, /, *path: str) -> Object:
    """Those that are not deleted; those of a test clock only where it is named."""
    return _listed(world, {"test_clock": None, **params})


def _alive(world: World) -> Condition:
    return "json_extract(body, '$._.deleted') IS NULL", []


_listed: Final = listing(
    "customer",
    "/v1/customers",
    {"created": when("created"), "email": field("email"), "test_clock": field("test_clock")},
    _alive,
)
