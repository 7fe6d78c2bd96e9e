"""``expand``: an id in an answer becomes the object itself, one or more levels down, also in lists (``data.x``)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.objects import HIDDEN
from ledger.sandbox.resources import subscriptions
from ledger.sandbox.shapes.base import page
from ledger.sandbox.world import World

_LEVELS_MAX: Final = 4

Includable = Callable[[World, Object], Any]


def _refunds(world: World, charge: Object) -> Object:
    return page(f"/v1/charges/{charge['id']}/refunds", world.objects.where("refund", charge=charge["id"]))


def _lines(url: str) -> Includable:
    return lambda world, thing: page(f"/v1/{url}/{thing['id']}/line_items", thing[HIDDEN]["lines"])


def _payments(world: World, invoice: Object) -> Object:
    return page("/v1/invoice_payments", invoice[HIDDEN]["payments"])


def _subscriptions(world: World, customer: Object) -> Object:
    found = subscriptions.of_customer(world, customer["id"])
    return page(f"/v1/customers/{customer['id']}/subscriptions", found)


INCLUDABLE: Final[Mapping[tuple[str, str], Includable]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): _lines("checkout/sessions"),
    ("payment_link", "line_items"): _lines("payment_links"),
    ("invoice", "payments"): _payments,
    ("customer", "sources"): lambda world, customer: page(f"/v1/customers/{customer['id']}/sources", []),
    ("customer", "subscriptions"): _subscriptions,
}
"""Members that an answer only has where they are asked for."""
ABSENT: Final = frozenset([("refund", "failure_balance_transaction")])
"""Members that an object only has once something has happened: until then there is nothing to expand."""


def expanded(world: World, thing: Object, paths: list[str]) -> Object:
    """The object with these paths expanded. Raises StripeError."""
    for path in paths:
        steps = path.split(".")
        if len(steps) - (steps[0] == "data") > _LEVELS_MAX:
            message = f"You cannot expand more than {_LEVELS_MAX} levels of a property. Property: {path}"
            raise invalid(message, param="expand")
        _walk(world, thing, steps, path)
    return thing


def _walk(world: World, here: Any, steps: list[str], path: str) -> None:
    if isinstance(here, list):
        for item in here:
            _walk(world, item, steps, path)
        return
    if not steps or here is None:
        return
    if not isinstance(here, dict):
        raise _not_expandable(path)
    name, *rest = steps
    if name == HIDDEN:
        raise _not_expandable(path)
    if name not in here and (here.get("object"), name) in ABSENT:
        return
    here[name] = _value(world, here, name, path)
    _walk(world, here[name], rest, path)


def _value(world: World, here: Object, name: str, path: str) -> Any:
    include = INCLUDABLE.get((here.get("object", ""), name))
    if include is not None and name not in here:
        return include(world, here)
    if name not in here:
        raise _not_expandable(path)
    value = here[name]
    if not isinstance(value, str):
        if value is None or isinstance(value, (dict, list)):
            return value
        raise _not_expandable(path)
    found = world.objects.find(value)
    if found is None:
        raise _not_expandable(path)
    return found


def _not_expandable(path: str) -> StripeError:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
