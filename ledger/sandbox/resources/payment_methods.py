"""Payment methods: test cards and test bank accounts, attached to customers and detached from them.

``pm_card_visa`` and its like name no object: whoever uses one gets a payment method of its own.
"""

from datetime import UTC, datetime
from typing import Final

from ledger.sandbox import declined
from ledger.sandbox.errors import Object, StripeError, invalid, no_such
from ledger.sandbox.resources.common import Params, living, named_customer, updated
from ledger.sandbox.resources.listing import paged
from ledger.sandbox.rules.cards import BY_NAME, BY_NUMBER, Instrument
from ledger.sandbox.shapes import people
from ledger.sandbox.world import World

_USED_UP: Final = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and "
    "may not be used again."
)
_RAW: Final = (
    "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test tokens that "
    "map to the test card you are using, see https://docs.stripe.com/testing."
)


def create(world: World, params: Params, /, *path: str) -> Object:
    """A payment method from a token, or from the number of a test bank account."""
    kind = params.get("type")
    if kind not in ("card", "us_bank_account"):
        raise invalid("The sandbox knows payment methods of the types card and us_bank_account.", param="type")
    instrument = _account(params) if kind == "us_bank_account" else _token(params)
    method = made(world, instrument, billing_details=params.get("billing_details") or {})
    return updated(
        world, method, {name: params[name] for name in ("metadata", "allow_redisplay") if name in params}, None
    )


def retrieve(world: World, params: Params, /, *path: str) -> Object:
    """The payment method."""
    return resolve(world, path[0], "id")


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change the holder's details, the expiry, or the notes of one that is attached."""
    method = world.get("payment_method", path[0])
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    return updated(world, method, params, "payment_method.updated")


def attach(world: World, params: Params, /, *path: str) -> Object:
    """Save it to a customer. A card that is declined on that leaves nothing."""
    return attach_to(world, path[0], named_customer(world, params), param="id")


def detach(world: World, params: Params, /, *path: str) -> Object:
    """Take it from its customer, for good."""
    method = world.get("payment_method", path[0])
    if method["customer"] is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message, param="payment_method")
    return detach_from(world, method)


def of_customer(world: World, params: Params, /, *path: str) -> Object:
    """What a customer can pay with."""
    living(world, path[0], "customer")
    return _list(world, {**params, "customer": path[0]}, f"/v1/customers/{path[0]}/payment_methods")


def one_of_customer(world: World, params: Params, /, *path: str) -> Object:
    """One of the things that a customer can pay with."""
    return owned(world, path[0], path[1])


def owned(world: World, customer: str, named: str) -> Object:
    """A payment method of this customer. Raises StripeError."""
    method = world.get("payment_method", named)
    if method["customer"] != customer:
        raise no_such("payment_method", named)
    return method


def require_of(world: World, customer: str, named: str, param: str) -> None:
    """Raises StripeError where this is not what the customer has to pay with."""
    if world.get("payment_method", named, param)["customer"] != customer:
        message = (
            f"The customer does not have a payment method with the ID {named}. The payment method must be attached to "
            "the customer."
        )
        raise invalid(message, param=param, code="resource_missing")


def index(world: World, params: Params, /, *path: str) -> Object:
    """What a customer can pay with, or nothing where no customer is named, as Stripe does."""
    if "customer" in params:
        living(world, params["customer"], "customer")
    return _list(world, params, "/v1/payment_methods")


def _list(world: World, params: Params, url: str) -> Object:
    if "customer" not in params:
        return paged([], url, params, "payment_method")
    fields = {name: params[name] for name in ("customer", "type", "allow_redisplay") if name in params}
    return paged(world.objects.where("payment_method", **fields), url, params, "payment_method")


def made(world: World, instrument: Instrument, expiry: tuple[int, int] | None = None, **given: object) -> Object:
    """A new payment method of an instrument; unless told otherwise it is good for two years."""
    year = datetime.fromtimestamp(world.now, UTC).year + 2
    return world.add(people.payment_method(world.now, instrument, expiry or (12, year), **given))


def resolve(world: World, named: str, param: str = "payment_method") -> Object:
    """The payment method with this id, or a new one of the test card with this name. Raises StripeError."""
    if named in BY_NAME and named.startswith("pm_"):
        return made(world, BY_NAME[named])
    return world.get("payment_method", named, param)


def instrument_of(method: Object) -> Instrument:
    """The test card or account."""
    return BY_NUMBER[method["_"]["number"]]


def attach_to(world: World, named: str, customer: Object, param: str) -> Object:
    """Save a payment method to a customer. Raises StripeError."""
    method = resolve(world, named, param)
    if method["customer"] is not None:
        raise invalid(
            "The payment method you provided has already been attached to a customer.", param="payment_method"
        )
    require_unused(method)
    instrument = instrument_of(method)
    if not instrument.attaches and instrument.why is not None:
        raise StripeError(402, "card_error", **declined.facts(instrument.why), payment_method=declined.shown(method))
    return save(world, method, customer["id"])


def save(world: World, method: Object, customer: str, **fields: object) -> Object:
    """A payment method becomes a customer's."""
    return world.change(method, "payment_method.attached", customer=customer, **fields)


def detach_from(world: World, method: Object) -> Object:
    """Take a payment method from its customer; it is not what the customer pays with by default any more."""
    customer = world.get("customer", method["customer"])
    settings = customer["invoice_settings"]
    if settings["default_payment_method"] == method["id"]:
        changed = {**settings, "default_payment_method": None}
        world.change(customer, "customer.updated", invoice_settings=changed)
    method["_"]["used"] = True
    return world.change(method, "payment_method.detached", customer=None)


def require_unused(method: Object) -> None:
    """Raises StripeError where it belonged to a customer, or was paid with without belonging to one."""
    if method["_"]["used"] and method["customer"] is None:
        raise invalid(_USED_UP, param="payment_method")


def _token(params: Params) -> Instrument:
    card = params.get("card") or {}
    if "number" in card:
        raise StripeError(402, "invalid_request_error", _RAW)
    if "token" not in card:
        raise invalid("Missing required param: card.", param="card", code="parameter_missing")
    if card["token"] not in BY_NAME:
        raise no_such("token", card["token"], "card[token]")
    return BY_NAME[card["token"]]


def _account(params: Params) -> Instrument:
    number = (params.get("us_bank_account") or {}).get("account_number", "")
    if number not in BY_NUMBER or not BY_NUMBER[number].bank:
        raise invalid("You must use a test bank account number in test mode.", param="us_bank_account[account_number]")
    return BY_NUMBER[number]
