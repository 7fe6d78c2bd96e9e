"""The checkout page: what is sold, how to pay, and what went wrong with the last try."""

from typing import Final

from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object, StripeError
from ledger.sandbox.http import Answer, Request, fields, redirect
from ledger.sandbox.pages import card_form
from ledger.sandbox.pages.card_form import Choice
from ledger.sandbox.pages.html import field, message, page, table, text
from ledger.sandbox.resources import checkout_paying, payment_methods
from ledger.sandbox.rules import money
from ledger.sandbox.rules.cards import ACCOUNTS, CARDS
from ledger.sandbox.rules.checkout import landing
from ledger.sandbox.world import World

_UNAUTHENTICATED: Final = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)
_HINTS: Final = ("4242424242424242", "4000000000000002", "4000000000009995", "4000002760003184", "4000000000000341")


def show(engine: Engine, request: Request, /, *path: str) -> Answer:
    """The page of a session."""
    session = opened(engine, path[0])
    if isinstance(session, Answer):
        return session
    return _form(engine, session, _written(session), last_error(engine, session))


def opened(engine: Engine, named: str) -> Object | Answer:
    """The session, or what is shown of one that cannot be paid."""
    session = engine.objects.find(named)
    if session is None or session["object"] != "checkout.session":
        return message("Page not found", "There is no such checkout session.", status=404)
    if session["status"] == "complete":
        on = None if session["success_url"] is None else ("Go on", landing(session["success_url"], named))
        return message("You're all done here", "This checkout session has been completed already.", link=on)
    if session["status"] == "expired":
        back = ("Go back", session["cancel_url"]) if session["cancel_url"] else None
        return message("This session has expired", "Nothing was paid.", status=410, link=back)
    return session


def submit(engine: Engine, request: Request, /, *path: str) -> Answer:
    """Pay, and go where that leads. Who has paid already, and clicks again, is led there, too."""
    form = fields(request)
    session = opened(engine, path[0])
    if isinstance(session, Answer):
        return paid(engine, path[0]) or session
    try:
        choice = card_form.read(form, engine.clock.now(), emailed=emailed(session))
    except ValueError as error:
        return _form(engine, session, form, str(error), status=400)
    outcome = engine.attempt(lambda world: _pay(world, path[0], choice))
    if isinstance(outcome, StripeError):
        return _form(engine, engine.objects.find(path[0]) or session, form, str(outcome), status=402)
    if outcome["status"] == "requires_action":
        return redirect(f"/3ds/{outcome['id']}")
    return redirect(landing(session["success_url"], session["id"]))


def paid(engine: Engine, named: str) -> Answer | None:
    """The way back to the shop from a session that is complete."""
    session = engine.objects.find(named)
    done = session is not None and session["object"] == "checkout.session" and session["status"] == "complete"
    if session is None or not done or session["success_url"] is None:
        return None
    return redirect(landing(session["success_url"], named))


def _pay(world: World, named: str, choice: Choice) -> Object:
    session = world.get("checkout.session", named)
    if choice.instrument is None:
        method = payment_methods.owned(world, session["customer"] or "", choice.saved or "")
    else:
        details = {"billing_details": {"email": choice.buyer.email, "name": choice.buyer.name}}
        method = payment_methods.made(world, choice.instrument, choice.expiry, **details)
    return checkout_paying.pay(world, session, method, choice.buyer)


def last_error(engine: Engine, session: Object) -> str:
    """What the last try failed with, where that was told on another page; in words for the buyer."""
    for kind, name in (("payment_intent", "last_payment_error"), ("setup_intent", "last_setup_error")):
        intent = engine.objects.find(session[kind] or "")
        if intent is not None and intent[name] is not None:
            if intent[name].get("code", "").endswith("_authentication_failure"):
                return _UNAUTHENTICATED
            return str(intent[name]["message"])
    return ""


def emailed(session: Object) -> str | None:
    details = session["customer_details"] or {}
    return details.get("email")


def _written(session: Object) -> dict[str, str]:
    """What the buyer wrote at the last try, as far as it is written back."""
    return {name: value for name, value in session["_"].get("buyer", {}).items() if value}


def _form(engine: Engine, session: Object, form: dict[str, str], error: str, *, status: int = 200) -> Answer:
    merchant = engine.config.merchant
    said = f'<p class="error" role="alert">{text(error)}</p>' if error else ""
    email = emailed(session)
    known = f'<p class="soft">{text(email)}</p>' if email else _email(form)
    cancel = f'<p><a href="{text(session["cancel_url"])}">Cancel and go back</a></p>' if session["cancel_url"] else ""
    saved, savable = _saved(engine, session), _savable(session)
    fields_of_card = card_form.write(session["payment_method_types"], saved, form, savable=savable)
    body = (
        f'<p class="mode">Test mode</p>\n<h1>{text(merchant)}</h1>\n{sold(session)}\n{said}\n'
        f'<form method="post" action="/c/pay/{text(session["id"])}">\n{known}\n'
        f"{fields_of_card}\n"
        f'<button type="submit">{text(verb(session))}</button>\n</form>\n{cancel}\n{hints()}'
    )
    return page(f"{merchant} – Checkout", body, status=status)


def _email(form: dict[str, str]) -> str:
    return field("email", "E-mail", form.get("email", ""), kind="email", hint="you@example.com", fill="email")


def verb(session: Object) -> str:
    if session["mode"] == "setup":
        return "Save"
    return f"Pay {money.shown(session['amount_total'], session['currency'])}"


def sold(session: Object) -> str:
    """The lines and their sum."""
    if session["mode"] == "setup":
        return "<p>Save a payment method for later.</p>"
    currency = session["currency"]
    rows = [
        (f"{line['description']} × {line['quantity']}", money.shown(line["amount_subtotal"], currency))
        for line in session["_"]["lines"]
    ]
    tax = session["total_details"]["amount_tax"]
    if tax:
        rows.append(("Tax", money.shown(tax, currency)))
    about = (session["_"]["asked"].get("payment_intent_data") or {}).get("description")
    named = {line["description"] for line in session["_"]["lines"]}
    described = f'<p class="soft">{text(about)}</p>' if about and about not in named else ""
    return f'<p class="amount">{text(money.shown(session["amount_total"], currency))}</p>\n{described}\n{table(rows)}'


def _savable(session: Object) -> bool:
    """Whether the buyer is asked to save the card for next time."""
    return (session["saved_payment_method_options"] or {}).get("payment_method_save") == "enabled"


def _saved(engine: Engine, session: Object) -> list[Object]:
    """What the customer has saved, as far as it may be offered again."""
    if session["customer"] is None:
        return []
    options = session["saved_payment_method_options"] or {}
    offered = options.get("allow_redisplay_filters") or ["always"]
    methods = engine.objects.where("payment_method", customer=session["customer"])
    types = session["payment_method_types"]
    return [one for one in methods if one["allow_redisplay"] in offered and one["type"] in types]


def hints() -> str:
    """Test cards and accounts, for who does not know them by heart."""
    told = [one for one in CARDS if one.number in _HINTS] + list(ACCOUNTS[:3])
    rows = "".join(f"<tr><td><code>{one.number}</code></td><td>{text(one.does)}</td></tr>" for one in told)
    return (
        "<details><summary>Test cards and accounts</summary>"
        "<p>Nothing real is paid here. Any date in the future and any security code will do.</p>"
        f"<table><tbody>{rows}</tbody></table></details>"
    )
