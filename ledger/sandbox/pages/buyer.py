"""A page that pays a session with one test card and one wish: for a browser, for curl, and for programs.

It answers as the checkout page does. Who accepts JSON is told what has become of the session instead.
"""

from typing import Any, Final

import msgspec

from ledger.sandbox import codec
from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object, StripeError, invalid
from ledger.sandbox.http import Answer, Request, redirect, wanted
from ledger.sandbox.objects import public
from ledger.sandbox.pages import checkout
from ledger.sandbox.pages.html import field, message, page, text
from ledger.sandbox.resources import checkout_paying, following, payment_methods
from ledger.sandbox.resources.checkout_paying import Buyer
from ledger.sandbox.rules import outcomes
from ledger.sandbox.rules.cards import CARDS
from ledger.sandbox.rules.checkout import landing
from ledger.sandbox.world import World

_BUYER: Final = {"email": "buyer@example.com", "name": "Test Buyer"}


class Pay(msgspec.Struct, forbid_unknown_fields=True):
    """How a session is paid: with a test card or account by its number or name, and what is to become of that.

    ``payment_method`` is one that is saved, or a name like ``pm_card_visa``: it is taken as it is.
    """

    card: str = ""
    outcome: str = "success"
    payment_method: str = ""
    email: str = ""
    name: str = ""
    save: bool = False


def show(engine: Engine, request: Request, /, *path: str) -> Answer:
    """The page of a session."""
    session = checkout.opened(engine, path[0])
    return session if isinstance(session, Answer) else _form(engine, session, checkout.last_error(engine, session))


def submit(engine: Engine, request: Request, /, *path: str) -> Answer:
    """Pay, and go where that leads."""
    as_json = "application/json" in request.headers.get("accept", "")
    session = checkout.opened(engine, path[0])
    if isinstance(session, Answer):
        return _json({"error": f"{path[0]} is no open session."}, max(400, session.status)) if as_json else session
    try:
        done = _done(engine, session, wanted(request, Pay))
    except (msgspec.MsgspecError, StripeError) as error:
        return _json({"error": str(error)}, 400) if as_json else _form(engine, session, str(error), status=400)
    return _told(engine, session["id"], done) if as_json else _led(engine, session["id"], done)


def _done(engine: Engine, session: Object, asked: Pay) -> Object | StripeError:
    """The intent afterwards, or why it was refused. Raises StripeError where nothing was tried."""
    aim = outcomes.outcome(asked.outcome or "success")
    done = engine.attempt(lambda world: _pay(world, session["id"], asked, aim))
    if isinstance(done, StripeError):
        if not done.keeps:
            raise done
        return done
    if done["status"] != "requires_action" or aim.passes is None:
        return done
    kind, named, passes = done["object"], done["id"], aim.passes
    return engine.attempt(lambda world: following.authenticate(world, world.get(kind, named), passed=passes))


def _pay(world: World, named: str, asked: Pay, aim: outcomes.Outcome) -> Object:
    session = world.get("checkout.session", named)
    known = session["customer_details"] or {}
    details = {name: getattr(asked, name) or known.get(name) or _BUYER[name] for name in _BUYER}
    if asked.payment_method:
        method = payment_methods.resolve(world, asked.payment_method)
    else:
        method = payment_methods.made(world, outcomes.instrument(asked.card, aim), billing_details=details)
    if method["type"] not in session["payment_method_types"]:
        raise invalid(f"This session does not take {method['type']}.", param="card")
    return checkout_paying.pay(world, session, method, Buyer(details["email"], details["name"], save=asked.save))


def _led(engine: Engine, named: str, done: Object | StripeError) -> Answer:
    """Where a buyer is led."""
    session = engine.objects.get("checkout.session", named)
    if session["status"] == "complete":
        where = session["success_url"]
        return message("Done", "You can close this page.") if where is None else redirect(landing(where, named))
    if isinstance(done, StripeError) or done["status"] != "requires_action":
        said = str(done) if isinstance(done, StripeError) else checkout.last_error(engine, session)
        return _form(engine, session, said, status=402)
    return redirect(f"/3ds/{done['id']}")


def _told(engine: Engine, named: str, done: Object | StripeError) -> Answer:
    """What a program is told; a decline is no failure of the request."""
    session = engine.objects.get("checkout.session", named)
    intent = engine.objects.find(session["payment_intent"] or session["setup_intent"] or "")
    error = done.error if isinstance(done, StripeError) else _failure(intent)
    return _json({"session": public(session), "intent": public(intent), "error": error}, 200)


def _failure(intent: Object | None) -> Any:
    """The error that an intent remembers."""
    return intent and public(intent.get("last_payment_error") or intent.get("last_setup_error"))


def _json(said: Object, status: int) -> Answer:
    return Answer(status, codec.encode(said), {"Content-Type": "application/json"})


def _form(engine: Engine, session: Object, error: str, *, status: int = 200) -> Answer:
    said = f'<p class="error" role="alert">{text(error)}</p>' if error else ""
    choices = "".join(
        f'<option value="{name}">{name}: {text(one.does)}</option>' for name, one in outcomes.OUTCOMES.items()
    )
    body = (
        f'<p class="mode">Test mode</p>\n<h1>{text(engine.config.merchant)}</h1>\n{checkout.sold(session)}\n{said}\n'
        f'<form method="post" action="/_sim/pay/{text(session["id"])}">\n'
        f"{field('card', 'Test card or account', CARDS[0].number, digits=True)}\n"
        '<div class="field"><label for="outcome">What is to become of it</label>'
        f'<select id="outcome" name="outcome">{choices}</select></div>\n'
        f'<button type="submit">{text(checkout.verb(session))}</button>\n</form>\n'
        f'<p><a href="/c/pay/{text(session["id"])}">The page that buyers see</a></p>\n{checkout.hints()}'
    )
    return page(f"{engine.config.merchant} – Test payment", body, status=status)
