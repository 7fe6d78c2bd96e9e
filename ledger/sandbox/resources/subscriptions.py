"""Subscriptions as the API makes, changes and ends them; ``billing`` is what they do by themselves."""

from typing import Final

from ledger.sandbox.errors import Object, invalid, no_such
from ledger.sandbox.resources import billing, catalog, payment_methods
from ledger.sandbox.resources.common import Params, applied, check_amount, named_customer
from ledger.sandbox.resources.listing import Condition, field, listing, when
from ledger.sandbox.rules.changes import noted
from ledger.sandbox.shapes import billing as shapes
from ledger.sandbox.world import World

_ITEM: Final = frozenset(["id", "metadata", "price", "price_data", "quantity"])
_BOTH: Final = frozenset(
    [
        "cancel_at_period_end",
        "collection_method",
        "default_payment_method",
        "description",
        "items",
        "metadata",
        "off_session",
        "payment_behavior",
        "proration_behavior",
    ]
)
_CREATE: Final = _BOTH | {"customer"}
_UPDATE: Final = _BOTH | {"billing_cycle_anchor", "cancellation_details"}
_STRICT: Final = "error_if_incomplete"
_BEHAVIORS: Final = ("allow_incomplete", _STRICT)
_COPIED: Final = ("default_payment_method", "description", "metadata")
_OVER: Final = "A canceled subscription can only update its cancellation_details and metadata."
_PRORATED: Final = (
    "The sandbox has no prorations: change what is paid for with `proration_behavior` set to `none`, at once and for a "
    "whole new period with `billing_cycle_anchor[type]` set to `now`, or otherwise from the next period on."
)


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new subscription, whose first period begins, and is to be paid, now."""
    _require(params, _CREATE)
    customer = named_customer(world, params)
    clock = customer["test_clock"]
    at = billing.time_of(world, clock)
    subscription = shapes.subscription(at, customer=customer["id"], test_clock=clock)
    subscription.update(applied(subscription, {name: params[name] for name in _COPIED if name in params}))
    wanted = params.get("items") or []
    if not wanted:
        raise invalid("Missing required param: items.", param="items", code="parameter_missing")
    items = [_item(world, subscription, one, f"items[{place}]", at) for place, one in enumerate(wanted)]
    _require_payable(world, subscription, items)
    items = billing.dated(items, at, at)
    subscription["currency"] = items[0]["price"]["currency"]
    changes = {"items": shapes.items(subscription["id"], items), **_ending(params, items, at)}
    strict, alone = params.get("payment_behavior") == _STRICT, params.get("off_session", False)
    return billing.bill(world, subscription, changes, billing.FIRST, at, off_session=alone, strict=strict)


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change it: at once and for a new period, or from the next one on."""
    _require(params, _UPDATE)
    subscription = world.get("subscription", path[0])
    if subscription["status"] in billing.ENDED and params.keys() - {"cancellation_details", "metadata"}:
        raise invalid(_OVER)
    at = billing.time_of(world, subscription["test_clock"])
    changes = applied(subscription, {name: params[name] for name in _COPIED if name in params})
    items = _changed(world, subscription, params.get("items") or [])
    restarts = (params.get("billing_cycle_anchor") or {}).get("type") == "now"
    if restarts or "items" in params:
        _require_changeable(subscription, items, params, restarts=restarts)
    if restarts:
        items = billing.dated(items, at, at)
        changes["billing_cycle_anchor"] = at
    _require_payable(world, {**subscription, **changes}, items)
    changes |= {"items": shapes.items(subscription["id"], items), **_ending(params, items, at)}
    if "cancellation_details" in params or "cancel_at_period_end" in params:
        ends = changes.get("cancel_at_period_end", subscription["cancel_at_period_end"])
        changes["cancellation_details"] = _said(subscription, params, asked=bool(ends))
    if restarts:
        strict, alone = params.get("payment_behavior") == _STRICT, params.get("off_session", False)
        return billing.bill(world, subscription, changes, "subscription_update", at, off_session=alone, strict=strict)
    different = any(subscription[name] != value for name, value in changes.items())
    return world.change(subscription, "customer.subscription.updated" if different else None, **changes)


def cancel(world: World, params: Params, /, *path: str) -> Object:
    """End it now. What was paid stays paid."""
    for name in ("invoice_now", "prorate"):
        if params.get(name):
            raise invalid(_PRORATED, param=name)
    subscription = world.get("subscription", path[0])
    if subscription["status"] in billing.ENDED:
        raise no_such("subscription", path[0])
    at = billing.time_of(world, subscription["test_clock"])
    return billing.end(world, subscription, at, cancellation_details=_said(subscription, params, asked=True))


def index(world: World, params: Params, /, *path: str) -> Object:
    """Those that are not over, unless some are asked for; of test clocks only where a customer or a clock is named."""
    plain = {"status": _LIVE} if "customer" in params else {"status": _LIVE, "test_clock": None}
    return _listed(world, {**plain, **params})


def of_customer(world: World, customer: str) -> list[Object]:
    """Those of a customer that are not over."""
    found = world.objects.where("subscription", customer=customer)
    return [one for one in found if one["status"] not in billing.ENDED]


_LIVE: Final = "live"


def _status(value: str) -> Condition:
    if value == "all":
        return "TRUE", []
    if value in (_LIVE, "ended"):
        ended = f"json_extract(body, '$.status') IN ({', '.join('?' * len(billing.ENDED))})"
        return (ended if value == "ended" else f"NOT {ended}"), list(billing.ENDED)
    return field("status")(value)


def _of_price(value: str) -> Condition:
    item = "SELECT 1 FROM json_each(body, '$.items.data') WHERE json_extract(value, '$.price.id') = ?"
    return f"EXISTS ({item})", [value]


_listed: Final = listing(
    "subscription",
    "/v1/subscriptions",
    {
        "created": when("created"),
        "collection_method": field("collection_method"),
        "customer": field("customer"),
        "price": _of_price,
        "status": _status,
        "test_clock": field("test_clock"),
    },
)


def _require(params: Params, known: frozenset[str]) -> None:
    """Raises StripeError for what Stripe has and the sandbox has not."""
    for name in params:
        if name not in known:
            raise invalid(f"The sandbox has no {name} of subscriptions.", param=name)
    if params.get("payment_behavior", _STRICT) not in _BEHAVIORS:
        raise invalid(f"The sandbox has {' and '.join(_BEHAVIORS)}.", param="payment_behavior")
    if params.get("collection_method", "charge_automatically") != "charge_automatically":
        raise invalid("The sandbox charges subscriptions automatically.", param="collection_method")


def _item(world: World, subscription: Object, said: Params, param: str, at: int) -> Object:
    """A new item. Raises StripeError."""
    for name in said:
        if name not in _ITEM - {"id"}:
            raise invalid(f"The sandbox has no {name} of items.", param=f"{param}[{name}]")
    price = _recurring(world, said, param)
    metadata = noted({}, said.get("metadata"))
    return shapes.item(at, subscription["id"], price, _quantity(said, param), metadata=metadata)


def _changed(world: World, subscription: Object, wanted: list[Params]) -> list[Object]:
    """The items with other prices and quantities. Raises StripeError."""
    items = {item["id"]: item for item in subscription["items"]["data"]}
    for place, said in enumerate(wanted):
        param = f"items[{place}]"
        if said.keys() - _ITEM or said.get("id") not in items:
            raise invalid("The sandbox changes price, quantity and metadata of items that there are.", param=param)
        item = dict(items[said["id"]])
        if "price" in said or "price_data" in said:
            price = _recurring(world, said, param)
            item |= {"price": price, "plan": shapes.plan(price)}
        item |= {"quantity": _quantity({"quantity": item["quantity"], **said}, param)}
        item["metadata"] = noted(item["metadata"], said.get("metadata"))
        items[said["id"]] = item
    return list(items.values())


def _recurring(world: World, said: Params, param: str) -> Object:
    price = catalog.priced(world, said, param)
    recurring = price["recurring"]
    if recurring is None:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        )
        raise invalid(message, param=f"{param}[price]")
    if price["unit_amount"] is None or recurring["usage_type"] != "licensed":
        raise invalid("The sandbox bills licensed prices that have a unit_amount.", param=f"{param}[price]")
    return price


def _quantity(said: Params, param: str) -> int:
    quantity: int = said.get("quantity", 1)
    if quantity < 0:
        raise invalid("This value must be greater than or equal to 0.", param=f"{param}[quantity]")
    return quantity


def _require_payable(world: World, subscription: Object, items: list[Object]) -> None:
    """Raises StripeError where the items go together in no invoice, or nobody could pay it."""
    prices = [item["price"] for item in items]
    if len({(price["currency"], *_period(price)) for price in prices}) > 1:
        raise invalid("The prices of a subscription must have the same currency and interval.", param="items")
    if subscription["default_payment_method"]:
        named = subscription["default_payment_method"]
        payment_methods.require_of(world, subscription["customer"], named, "default_payment_method")
    total = sum(item["price"]["unit_amount"] * item["quantity"] for item in items)
    if not total:
        return
    check_amount(total, prices[0]["currency"], "items")
    if billing.method_of(world, subscription) is None:
        raise billing.no_method()


def _period(price: Object) -> tuple[str, int]:
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def _require_changeable(subscription: Object, items: list[Object], params: Params, *, restarts: bool) -> None:
    """Raises StripeError where what is paid for cannot be changed like this."""
    if subscription["status"] == "incomplete":
        raise invalid("An incomplete subscription must be paid before it is changed.", param="items")
    old, new = subscription["items"]["data"][0]["price"], items[0]["price"]
    if params.get("proration_behavior") != "none":
        raise invalid(_PRORATED, param="proration_behavior")
    if not restarts and _period(old) != _period(new):
        raise invalid(_PRORATED, param="billing_cycle_anchor[type]")
    if old["currency"] != new["currency"]:
        raise invalid("The currency of a subscription cannot be changed.", param="items")


def _ending(params: Params, items: list[Object], at: int) -> Object:
    """Whether it ends with its period."""
    if "cancel_at_period_end" not in params:
        return {}
    ends = params["cancel_at_period_end"]
    times = {"cancel_at": items[0]["current_period_end"], "canceled_at": at}
    return {"cancel_at_period_end": ends, **(times if ends else dict.fromkeys(times))}


def _said(subscription: Object, params: Params, *, asked: bool) -> Object:
    """Why it ends, as far as that was said; ``asked``: that somebody wants it to."""
    details = {**subscription["cancellation_details"], "reason": "cancellation_requested" if asked else None}
    for name, value in (params.get("cancellation_details") or {}).items():
        details[name] = value or None
    return details
