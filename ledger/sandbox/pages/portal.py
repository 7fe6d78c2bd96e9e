"""The customer portal: what is saved, which of it is the default, and a form for another card."""

from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object, StripeError
from ledger.sandbox.http import Answer, Request, fields, redirect
from ledger.sandbox.pages import card_form
from ledger.sandbox.pages.card_form import Choice
from ledger.sandbox.pages.html import message, page, text
from ledger.sandbox.resources import payment_methods, portal
from ledger.sandbox.world import World


def show(engine: Engine, request: Request, /, *path: str) -> Answer:
    """The page of a portal session."""
    session = _session(engine, path[0])
    if session is None:
        return message("Page not found", "This link has expired, or there never was one.", status=404)
    return _form(engine, session, {}, "")


def submit(engine: Engine, request: Request, /, *path: str) -> Answer:
    """Pay with something else from now on."""
    session, form = _session(engine, path[0]), fields(request)
    if session is None:
        return show(engine, request, *path)
    try:
        choice = card_form.read(form, engine.clock.now(), emailed="")
    except ValueError as error:
        return _form(engine, session, form, str(error), status=400)
    outcome = engine.attempt(lambda world: _change(world, session, choice))
    if isinstance(outcome, StripeError):
        return _form(engine, session, form, str(outcome), status=402)
    if outcome is not None and outcome["status"] == "requires_action":
        return redirect(f"/3ds/{outcome['id']}")
    return redirect(_after(session))


def _change(world: World, session: Object, choice: Choice) -> Object | None:
    """The intent that saves a new card; none is needed for one that is saved."""
    if choice.instrument is not None:
        details = {"billing_details": {"name": choice.buyer.name}}
        method = payment_methods.made(world, choice.instrument, choice.expiry, **details)
        return portal.change(world, session, method)
    method = payment_methods.owned(world, session["customer"], choice.saved or "")
    portal.make_default(world, session["customer"], method["id"])
    return None


def _after(session: Object) -> str:
    """Where the customer goes then."""
    wanted = ((session["flow"] or {}).get("after_completion") or {}).get("redirect") or {}
    return str(wanted.get("return_url") or session["return_url"] or session["url"])


def _session(engine: Engine, code: str) -> Object | None:
    found = engine.objects.where("billing_portal.session", url=f"{engine.base}/p/session/{code}")
    return found[0] if found and found[0]["created"] + portal.OPEN_S > engine.clock.now() else None


def _form(engine: Engine, session: Object, form: dict[str, str], error: str, *, status: int = 200) -> Answer:
    saved = engine.objects.where("payment_method", customer=session["customer"])
    said = f'<p class="error" role="alert">{text(error)}</p>' if error else ""
    url = session["return_url"]
    back = f'<p><a href="{text(url)}">Return to {text(engine.config.merchant)}</a></p>' if url else ""
    merchant = text(engine.config.merchant)
    body = (
        f'<p class="mode">Test mode</p>\n<h1>{merchant}</h1>\n<p>How do you want to pay?</p>\n{said}\n'
        f'<form method="post">\n{card_form.write(["card"], saved, form)}\n'
        f'<button type="submit">Pay with this</button>\n</form>\n{back}'
    )
    return page(f"{engine.config.merchant} – Payment method", body, status=status)
