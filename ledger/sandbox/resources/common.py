"""What most kinds of object share: reading one, listing them, applying parameters."""

from typing import Any, Protocol

from ledger.sandbox.errors import Object, invalid, no_such
from ledger.sandbox.rules import money
from ledger.sandbox.rules.changes import merged, noted
from ledger.sandbox.world import World

Params = dict[str, Any]


class Handler(Protocol):
    """The code of an endpoint."""

    def __call__(self, world: World, params: Params, /, *path: str) -> Object: ...


def retrieve(kind: str) -> Handler:
    """The endpoint that shows one object of a kind."""

    def show(world: World, params: Params, /, *path: str) -> Object:
        return world.get(kind, path[0])

    return show


def applied(thing: Object, params: Params, *skipped: str) -> dict[str, Any]:
    """What the members of an object become by these parameters; what it has no member for is left out."""
    fields = {name: value for name, value in params.items() if name in thing and name not in skipped}
    found = {name: merged(thing[name], value) for name, value in fields.items() if name != "metadata"}
    if "metadata" in fields:
        found["metadata"] = noted(thing["metadata"], fields["metadata"])
    return found


def updated(world: World, thing: Object, params: Params, event: str | None) -> Object:
    """The object with parameters applied, and its event if anything is different now."""
    fields = applied(thing, params)
    different = any(thing[name] != value for name, value in fields.items())
    return world.change(thing, event if different else None, **fields)


def living(world: World, named: str, param: str = "id") -> Object:
    """A customer that is not deleted. Raises StripeError."""
    customer = world.get("customer", named, param)
    if customer["_"].get("deleted"):
        raise no_such("customer", named, param)
    return customer


def named_customer(world: World, params: Params) -> Object:
    """The customer that a request must name. Raises StripeError."""
    if not params.get("customer"):
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    return living(world, params["customer"], "customer")


def check_currency(currency: str, param: str = "currency") -> str:
    """The currency in lower case. Raises StripeError."""
    if currency.lower() not in money.CURRENCIES:
        shown = ", ".join(sorted(money.CURRENCIES))
        raise invalid(f"Invalid currency: {currency}. Stripe currently supports these currencies: {shown}", param=param)
    return currency.lower()


def check_step(amount: int, currency: str, param: str = "amount") -> None:
    """Raises StripeError where the currency has three decimals and the last one is not 0."""
    if amount % money.step(currency):
        raise invalid(f"Invalid amount: in {currency} the last digit must be 0.", param=param)


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Raises StripeError where it cannot be paid."""
    if amount > money.AMOUNT_MAX:
        most = money.shown(money.AMOUNT_MAX, currency)
        raise invalid(f"Amount must be no more than {most}", param=param, code="amount_too_large")
    check_step(amount, currency, param)
    least = money.least(currency)
    if amount < least:
        shown = f"{money.shown(least, currency)} {currency}"
        raise invalid(f"Amount must be at least {shown}", param=param, code="amount_too_small")
