"""Checkout Sessions as the API makes, changes, expires and shows them; ``checkout_paying`` is what buyers do."""

from typing import Any, Final

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.resources import catalog, intents, setup_intents
from ledger.sandbox.resources.checkout_paying import expired
from ledger.sandbox.resources.common import Params, applied, check_amount, check_currency, living, updated
from ledger.sandbox.resources.listing import paged
from ledger.sandbox.rules import checkout as rules
from ledger.sandbox.shapes import selling
from ledger.sandbox.shapes.base import ADDRESS
from ledger.sandbox.world import World

_FIXED: Final = (
    "automatic_tax",
    "currency",
    "custom_fields",
    "customer",
    "expires_at",
    "invoice_creation",
    "line_items",
    "mode",
    "permissions",
)
_OFFERED: Final = {
    "allow_redisplay_filters": ["always"],
    "payment_method_remove": "disabled",
    "payment_method_save": None,
}
"""Which saved payment methods a page offers, and whether it offers to save one."""
_RECOVERY: Final = {"allow_promotion_codes": False, "enabled": False, "expires_at": None, "url": None}
_REMEMBERED: Final = ("payment_intent_data", "setup_intent_data", "invoice_creation")
"""What is needed of the parameters when the buyer pays, or does not."""


def create(world: World, params: Params, /, *path: str) -> Object:
    """A new session, open for a buyer."""
    return opened(world, params)


def opened(world: World, params: Params, **given: Any) -> Object:
    """A new session; ``given`` is what no parameter says. Raises StripeError."""
    _check(world, params)
    mode = params.get("mode", "payment")
    session = selling.session(
        world.now,
        mode=mode,
        automatic_tax=_tax(world, params),
        expires_at=rules.expires_at(params.get("expires_at"), world.now),
        **_money(world, params, mode),
        **_buyer(world, params),
        **given,
    )
    session.update(applied(session, intents.options("checkout.session", params), *_FIXED))
    session["custom_fields"] = selling.custom_fields(params)
    if (recovery := (params.get("after_expiration") or {}).get("recovery")) is not None:
        session["after_expiration"] = {"recovery": {**_RECOVERY, **recovery}}
    if "saved_payment_method_options" in params:
        session["saved_payment_method_options"] = {**_OFFERED, **params["saved_payment_method_options"]}
    if mode == "payment":
        session["invoice_creation"] = _invoice(params.get("invoice_creation") or {})
    session["_"]["asked"] = {name: params[name] for name in _REMEMBERED if name in params}
    if mode == "setup":
        _set_up(world, session, params)
    return _shown(world, session)


def reopened(world: World, given: dict[str, Any]) -> Object:
    """A session like one that has expired."""
    return _shown(world, selling.session(world.now, **given))


def _shown(world: World, session: Object) -> Object:
    """A session that can be visited, until it expires."""
    session["url"] = f"{world.base}/c/pay/{session['id']}"
    world.later(session["expires_at"] - world.moment, "expire", session=session["id"])
    return world.add(session)


def update(world: World, params: Params, /, *path: str) -> Object:
    """Change notes."""
    named: Params = {name: params[name] for name in ("metadata", "collected_information") if name in params}
    return updated(world, world.get("checkout.session", path[0]), named, None)


def expire(world: World, params: Params, /, *path: str) -> Object:
    """Nobody can pay it any more."""
    session = world.get("checkout.session", path[0])
    if session["status"] != "open":
        raise invalid(rules.NOT_OPEN.format(session["status"]))
    return expired(world, session)


def line_items(world: World, params: Params, /, *path: str) -> Object:
    """What is sold."""
    session = world.get("checkout.session", path[0])
    return paged(session["_"]["lines"], f"/v1/checkout/sessions/{path[0]}/line_items", params, "item")


def _check(world: World, params: Params) -> None:
    """Raises StripeError for what Stripe, or the sandbox, does not take."""
    mode = params.get("mode", "payment")
    if mode not in rules.MODES or params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox has the modes payment and setup, on hosted pages.", param="mode")
    rules.require_sold(params)
    if "success_url" not in params:
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in params and not rules.is_url(params[name]):
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    if "customer" in params and "customer_email" in params:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer_email")
    if "customer" in params:
        living(world, params["customer"], "customer")
    if mode == "setup" and "currency" not in params and not params.get("allowed_payment_method_types"):
        raise invalid("Missing required param: currency.", param="currency", code="parameter_missing")


def _money(world: World, params: Params, mode: str) -> dict[str, Any]:
    """How much of which currency, and what for."""
    if mode == "setup":
        currency = check_currency(params["currency"]) if "currency" in params else None
        return {
            "currency": currency,
            "payment_status": "no_payment_required",
            "_": {"lines": []},
            **intents.taken(params),
        }
    taxed = _tax(world, params)["enabled"]
    lines = catalog.lines_of(world, params.get("line_items") or [], taxed=taxed)
    sums = {name: sum(line[name] for line in lines) for name in ("amount_subtotal", "amount_total", "amount_tax")}
    currency = lines[0]["currency"]
    if sums["amount_total"]:
        check_amount(sums["amount_total"], currency, "line_items")
    details = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": sums.pop("amount_tax")}
    return {
        "currency": currency,
        **sums,
        "total_details": details,
        "_": {"lines": lines},
        **intents.taken(params, currency),
    }


def _tax(world: World, params: Params) -> Object:
    """Automatic tax, which needs to know where the buyer is."""
    if not (params.get("automatic_tax") or {}).get("enabled"):
        return {"enabled": False, "liability": None, "provider": None, "status": None}
    customer = params.get("customer")
    learns = (params.get("customer_update") or {}).get("address") == "auto"
    if customer and not learns and not living(world, customer, "customer")["address"]:
        raise invalid(rules.NO_LOCATION, param="automatic_tax", code="customer_tax_location_invalid")
    return {"enabled": True, "liability": {"type": "self"}, "provider": "stripe", "status": "complete"}


def _buyer(world: World, params: Params) -> dict[str, Any]:
    """Who is expected to pay, as far as that is known."""
    plain = {"address": None, "business_name": None, "individual_name": None, "name": None, "phone": None}
    details: Object = {**plain, "email": None, "tax_exempt": "none", "tax_ids": []}
    if "customer" not in params:
        email = params.get("customer_email")
        known = {**details, "email": email} if email else None
        return {"customer_creation": params.get("customer_creation", "if_required"), "customer_details": known}
    customer = living(world, params["customer"], "customer")
    known = {name: customer[name] for name in ("address", "email", "name", "phone")}
    if known["address"] is not None:
        known["address"] = {**ADDRESS, **known["address"]}
    return {"customer": customer["id"], "customer_details": {**details, **known}}


def _invoice(asked: Params) -> Object:
    """Whether an invoice is made, and with what on it."""
    plain = dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer", "issuer", "rendering_options"))
    data = {**plain, "metadata": {}, **(asked.get("invoice_data") or {})}
    return {"enabled": asked.get("enabled", False), "invoice_data": data}


def _set_up(world: World, session: Object, params: Params) -> None:
    data = params.get("setup_intent_data") or {}
    asked = {name: data[name] for name in ("description", "metadata") if name in data}
    types = {name: params[name] for name in ("allowed_payment_method_types",) if name in params}
    customer = {"customer": session["customer"]} if session["customer"] else {}
    intent = setup_intents.opened(world, {**asked, **types, **customer}, session=session["id"])
    session["setup_intent"] = intent["id"]
