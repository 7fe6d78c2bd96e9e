"""The page where the holder of a card authenticates, as the bank's page would: complete it, or fail it."""

from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object, StripeError
from ledger.sandbox.http import Answer, Request, fields, redirect
from ledger.sandbox.pages import checkout
from ledger.sandbox.pages.html import message, page, text
from ledger.sandbox.resources import following
from ledger.sandbox.rules import money
from ledger.sandbox.rules.checkout import landing
from ledger.sandbox.world import World


def show(engine: Engine, request: Request, /, *path: str) -> Answer:
    """The page of an intent that asks for authentication."""
    intent = _asking(engine, path[0])
    if intent is None:
        return message("Nothing to authenticate", "This payment does not wait for authentication.", status=404)
    amount = money.shown(intent["amount"], intent["currency"]) if "amount" in intent else "saving your card"
    body = (
        '<p class="mode">Test mode</p>\n<h1>3D Secure authentication</h1>\n'
        f"<p>{text(engine.config.merchant)} asks your bank to confirm {text(amount)}.</p>\n"
        f'<form method="post" action="/3ds/{text(intent["id"])}">\n'
        '<button type="submit" name="result" value="complete">Complete</button>\n'
        '<button class="plain" type="submit" name="result" value="fail">Fail</button>\n</form>'
    )
    return page("3D Secure authentication", body)


def submit(engine: Engine, request: Request, /, *path: str) -> Answer:
    """Go on with what the holder has chosen."""
    intent = _asking(engine, path[0])
    if intent is None:
        return _clicked_again(engine, path[0]) or show(engine, request, *path)
    passed = fields(request).get("result") == "complete"

    def work(world: World) -> Object:
        asking = world.get(intent["object"], intent["id"])
        return following.authenticate(world, asking, passed=passed)

    outcome = engine.attempt(work)
    session = engine.objects.find(intent["_"].get("session", ""))
    if session is None:
        url = intent["_"]["return_url"]
        return message("Done", "You can close this page.") if url is None else redirect(_way_back(intent, url))
    if isinstance(outcome, StripeError) or not passed:
        return redirect(f"/c/pay/{session['id']}")
    return redirect(landing(session["success_url"], session["id"]))


def _clicked_again(engine: Engine, named: str) -> Answer | None:
    """The way back to the shop, where the session of an intent was paid by the click before."""
    session = ((engine.objects.find(named) or {}).get("_") or {}).get("session")
    return None if session is None else checkout.paid(engine, session)


def _asking(engine: Engine, named: str) -> Object | None:
    intent = engine.objects.find(named)
    return intent if intent is not None and intent.get("status") == "requires_action" else None


def _way_back(intent: Object, url: str) -> str:
    """Where the page of the merchant learns what came of it."""
    kind = intent["object"]
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{kind}={intent['id']}&{kind}_client_secret={intent['client_secret']}"
