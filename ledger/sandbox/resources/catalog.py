"""Products and prices, and the lines that a session or a link sells."""

from decimal import Decimal
from typing import Any

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.resources.common import Params, applied, check_currency, updated
from ledger.sandbox.rules import money, periods
from ledger.sandbox.shapes import selling
from ledger.sandbox.world import World

_UNCOPIED = ("product", "recurring", "custom_unit_amount", "currency")


def create_product(world: World, params: Params, /, *path: str) -> Object:
    """A new product."""
    named = {"id": params["id"]} if "id" in params else {}
    if named and world.objects.find(named["id"]) is not None:
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    product = selling.product(world.now, **named)
    product.update(applied(product, params, "default_price", "id"))
    world.add(product, "product.created")
    if "default_price_data" in params:
        price = create_price(world, {**params["default_price_data"], "product": product["id"]})
        world.change(product, default_price=price["id"])
    return product


def update_product(world: World, params: Params, /, *path: str) -> Object:
    """The product with changes."""
    product = world.get("product", path[0])
    return updated(world, product, {**params, "updated": world.now}, "product.updated")


def delete_product(world: World, params: Params, /, *path: str) -> Object:
    """Delete a product that has no prices."""
    product = world.get("product", path[0])
    if world.objects.where("price", product=product["id"]):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    world.objects.forget(product["id"])
    world.emit("product.deleted", product)
    return {"id": product["id"], "object": "product", "deleted": True}


def create_price(world: World, params: Params, /, *path: str) -> Object:
    """A new price, of a product that is there or of one that is described."""
    if "product_data" in params:
        product = create_product(world, params["product_data"])
    elif "product" in params:
        product = world.get("product", params["product"], "product")
    else:
        raise invalid("Missing required param: product.", param="product", code="parameter_missing")
    return world.add(_price(world, params, product["id"]), "price.created")


def update_price(world: World, params: Params, /, *path: str) -> Object:
    """The price with changes; how much it is never changes."""
    return updated(world, world.get("price", path[0]), params, "price.updated")


def lines_of(world: World, items: list[Params], *, taxed: bool) -> list[Object]:
    """The lines of these items. Raises StripeError."""
    if not items:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    lines = [_line(world, item, f"line_items[{place}]", taxed=taxed) for place, item in enumerate(items)]
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All prices must have the same currency.", param="line_items")
    return lines


def priced(world: World, item: Params, param: str) -> Object:
    """The price that an item names or describes. Raises StripeError."""
    if "price_data" in item:
        return _adhoc(world, item["price_data"], f"{param}[price_data]")
    if "price" in item:
        return world.get("price", item["price"], f"{param}[price]")
    raise invalid(f"Missing required param: {param}[price].", param=f"{param}[price]", code="parameter_missing")


def _line(world: World, item: Params, param: str, *, taxed: bool) -> Object:
    price = priced(world, item, param)
    if price["recurring"] is not None:
        message = (
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices."
        )
        raise invalid(message, param=param)
    if "quantity" not in item:
        message = f"Quantity is required. Add `quantity` to `{param}`"
        raise invalid(message, param=f"{param}[quantity]", code="parameter_missing")
    percent = world.config.tax_percent if taxed else Decimal(0)
    tax = money.fee((price["unit_amount"] or 0) * item["quantity"], percent, 0)
    tax -= tax % money.step(price["currency"])
    product = world.get("product", price["product"])
    return selling.line(price, item["quantity"], product["name"], tax)


def _adhoc(world: World, data: Params, param: str) -> Object:
    """A price that is made for one line; it and its product are not for sale otherwise."""
    if "product_data" in data:
        product = selling.product(world.now, active=False)
        product.update(applied(product, data["product_data"]))
        world.add(product)
    elif "product" in data:
        product = world.get("product", data["product"], f"{param}[product]")
    else:
        raise invalid(f"Missing required param: {param}[product].", param=param, code="parameter_missing")
    price = _price(world, data, product["id"], active=False)
    if price["unit_amount"] is None:
        named = f"{param}[unit_amount]"
        raise invalid(f"Missing required param: {named}.", param=named, code="parameter_missing")
    return world.add(price)


def _price(world: World, params: Params, product: str, **given: Any) -> Object:
    currency = check_currency(params["currency"])
    unit = params.get("unit_amount")
    if unit is None and "unit_amount_decimal" in params:
        unit = money.rounded(Decimal(params["unit_amount_decimal"]))
    if unit is not None and not 0 <= unit <= money.AMOUNT_MAX:
        raise invalid(f"The unit_amount must be from 0 to {money.AMOUNT_MAX}.", param="unit_amount")
    price = selling.price(world.now, currency=currency, product=product, unit_amount=unit, **given)
    price.update(applied(price, params, *_UNCOPIED))
    if "recurring" in params:
        plain = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}
        recurring = {**plain, **params["recurring"]}
        periods.require_count(recurring["interval"], recurring["interval_count"])
        price.update(recurring=recurring, type="recurring")
    if "custom_unit_amount" in params:
        plain = {"maximum": None, "minimum": None, "preset": None}
        own = {name: value for name, value in params["custom_unit_amount"].items() if name in plain}
        price["custom_unit_amount"] = {**plain, **own}
    return price
