"""What buyers do with a Checkout Session: they pay, are declined and try again, authenticate, or let it expire."""

from typing import Any, Final, NamedTuple

from ledger.sandbox.errors import Object, invalid
from ledger.sandbox.ids import letters
from ledger.sandbox.resources import invoices, paying, payment_intents, payment_links, setup_intents
from ledger.sandbox.rules.checkout import OPEN_S_MAX
from ledger.sandbox.shapes import people
from ledger.sandbox.world import World

_CLOSED: Final = "This Checkout Session is {}."
RECOVERY_S: Final = 30 * 86_400


class Buyer(NamedTuple):
    """What a buyer writes on the page. ``save``: whether the card may be offered again."""

    email: str | None = None
    name: str | None = None
    save: bool = False


def pay(world: World, session: Object, method: Object, buyer: Buyer) -> Object:
    """The buyer pays with this, or saves it. Raises StripeError with the effects of a decline kept."""
    if session["status"] != "open":
        raise invalid(_CLOSED.format(session["status"]))
    session["_"]["buyer"] = {"email": buyer.email, "name": buyer.name}
    if session["mode"] == "setup":
        intent = world.get("setup_intent", session["setup_intent"])
        return follow(world, setup_intents.attempt(world, intent, method, return_url=session["success_url"]))
    intent = _intent(world, session)
    if buyer.save and intent["customer"] is not None:
        method["_"]["redisplay"] = "always"
        world.change(intent, setup_future_usage=intent["setup_future_usage"] or "on_session")
    return follow(world, paying.confirm(world, intent, method, return_url=session["success_url"]))


def follow(world: World, intent: Object) -> Object:
    """What has become of an intent becomes of its session, too, if it has one. The intent."""
    named = intent["_"].get("session")
    if named is None:
        return intent
    session = world.get("checkout.session", named)
    if session["status"] == "open" and intent["status"] in ("succeeded", "processing", "requires_capture"):
        _complete(world, session, intent)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        _end_waiting(world, session, intent)
    return intent


def expired(world: World, session: Object) -> Object:
    """Nobody can pay it any more, and what a buyer has begun is given up."""
    recovery = (session["after_expiration"] or {}).get("recovery") or {}
    if recovery.get("enabled"):
        url = f"{world.base}/c/recover/{session['id']}/{letters(16)}"
        until = {"expires_at": world.now + RECOVERY_S, "url": url}
        session["after_expiration"] = {"recovery": {**recovery, **until}}
    world.change(session, "checkout.session.expired", status="expired", url=None)
    for kind, work in (("payment_intent", payment_intents), ("setup_intent", setup_intents)):
        if session[kind] is not None:
            work.canceled(
                world, world.get(kind, session[kind]), "automatic" if kind == "payment_intent" else "abandoned"
            )
    return session


def expire_due(world: World, session: str) -> None:
    """Its time has come, if it is still open."""
    found = world.get("checkout.session", session)
    if found["status"] == "open":
        expired(world, found)


def recovered(world: World, session: Object) -> dict[str, Any]:
    """What a session that was not paid in time is opened again with."""
    copied = (
        "currency",
        "amount_subtotal",
        "amount_total",
        "total_details",
        "customer",
        "customer_details",
        "success_url",
    )
    after = session["after_expiration"]["recovery"]
    more = ("cancel_url", "client_reference_id", "metadata", "mode", "payment_method_types", "automatic_tax")
    return {
        **{name: session[name] for name in (*copied, *more)},
        "after_expiration": {"recovery": {**after, "expires_at": None, "url": None}},
        "expires_at": world.now + OPEN_S_MAX,
        "recovered_from": session["id"],
        "_": {"lines": session["_"]["lines"], "asked": session["_"]["asked"]},
    }


def _intent(world: World, session: Object) -> Object:
    """The intent that an earlier try has left, or a new one."""
    if session["payment_intent"] is not None:
        return world.get("payment_intent", session["payment_intent"])
    data = session["_"]["asked"].get("payment_intent_data") or {}
    wanted = {name: value for name, value in data.items() if name != "capture_method" or value == "manual"}
    customer = _customer(world, session, required=bool(data.get("setup_future_usage")))
    params = {
        **wanted,
        "amount": session["amount_total"],
        "currency": session["currency"],
        **({"customer": customer} if customer else {}),
        "allowed_payment_method_types": session["payment_method_types"],
    }
    intent = payment_intents.opened(world, params, session=session["id"])
    world.change(session, payment_intent=intent["id"], customer=customer)
    return intent


def _customer(world: World, session: Object, *, required: bool) -> str | None:
    """The customer who pays; a new one where one is needed."""
    if session["customer"] is not None or not (required or session["customer_creation"] == "always"):
        return None if session["customer"] is None else str(session["customer"])
    customer = people.customer(world.now, **session["_"]["buyer"])
    return str(world.add(customer, "customer.created")["id"])


def _complete(world: World, session: Object, intent: Object) -> None:
    buyer = {name: value for name, value in session["_"].get("buyer", {}).items() if value}
    plain = {"address": None, "business_name": None, "individual_name": None, "name": None, "phone": None}
    details = {
        **plain,
        "email": None,
        "tax_exempt": "none",
        "tax_ids": [],
        **(session["customer_details"] or {}),
        **buyer,
    }
    fields: dict[str, Any] = {"status": "complete", "url": None, "customer_details": details}
    if session["mode"] == "payment":
        paid = intent["status"] == "succeeded"
        fields["payment_status"] = "paid" if paid else "unpaid"
        if paid:
            world.change(session, customer_details=details)
            invoices.of_session(world, session, intent)
    payment_links.count(world, session)
    world.change(session, "checkout.session.completed", **fields)


def _end_waiting(world: World, session: Object, intent: Object) -> None:
    """The bank has paid, or has not."""
    if intent["status"] == "succeeded":
        invoices.of_session(world, session, intent)
        world.change(session, "checkout.session.async_payment_succeeded", payment_status="paid")
    elif intent["status"] == "requires_payment_method":
        world.change(session, "checkout.session.async_payment_failed")
