"""The customer portal, as far as it changes what a customer pays with."""

from typing import Any, Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.ids import letters
from ledger.sandbox.resources import setup_intents
from ledger.sandbox.resources.common import Params, living, named_customer
from ledger.sandbox.rules.checkout import is_url
from ledger.sandbox.shapes.base import new
from ledger.sandbox.world import World

OPEN_S: Final = 3600
_SESSION: Final[Object] = {
    "configuration": "bpc_sandbox",
    "customer": None,
    "customer_account": None,
    "flow": None,
    "locale": None,
    "on_behalf_of": None,
    "return_url": None,
    "url": "",
}
_FLOW: Final = "payment_method_update"


def create(world: World, params: Params, /, *path: str) -> Object:
    """A short-lived address where a customer changes the card."""
    customer = named_customer(world, params)
    if not is_url(params.get("return_url", "https://return")):
        raise invalid("Not a valid URL", param="return_url", code="url_invalid")
    session = new("billing_portal.session", "bps", _SESSION, world.now, {"customer": customer["id"]})
    session["return_url"] = params.get("return_url")
    session["url"] = f"{world.base}/p/session/test_{letters(24)}"
    session["flow"] = _flow(params)
    return world.add(session)


def change(world: World, session: Object, method: Object) -> Object:
    """The customer pays with this from now on. Raises StripeError where the card is declined; the intent otherwise."""
    intent = setup_intents.opened(world, {"customer": session["customer"]}, portal=session["id"])
    tried = setup_intents.attempt(world, intent, method, return_url=session["return_url"] or session["url"])
    follow(world, tried)
    return tried


def follow(world: World, intent: Object) -> None:
    """A card that was saved on the portal is what its customer pays with from now on."""
    if "portal" in intent["_"] and intent["status"] == "succeeded":
        make_default(world, intent["customer"], intent["payment_method"])


def make_default(world: World, customer: str, method: str) -> None:
    """What the customer pays with unless told otherwise."""
    found = living(world, customer)
    settings = {**found["invoice_settings"], "default_payment_method": method}
    world.change(found, "customer.updated", invoice_settings=settings)


def _flow(params: Params) -> Any:
    """What the page is for. The sandbox has one purpose only."""
    data = params.get("flow_data")
    if data is None:
        return None
    if data["type"] != _FLOW:
        raise invalid(f"The sandbox's portal has the flow {_FLOW} only.", param="flow_data[type]")
    plain = {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"}
    after = {**plain, **(data.get("after_completion") or {})}
    return {
        "after_completion": after,
        "customer_update": None,
        "subscription_cancel": None,
        "subscription_pause": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": _FLOW,
    }
