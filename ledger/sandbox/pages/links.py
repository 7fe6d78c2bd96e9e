"""Addresses that open a new session at every visit: payment links, and those of sessions that were not paid in time."""

from ledger.sandbox.engine import Engine
from ledger.sandbox.errors import Object, StripeError
from ledger.sandbox.http import Answer, Request, redirect
from ledger.sandbox.pages.html import message
from ledger.sandbox.resources import checkout, checkout_paying, payment_links
from ledger.sandbox.world import World


def visit(engine: Engine, request: Request, /, *path: str) -> Answer:
    """A new session of a link, and there."""
    link = _link(engine, path[0])
    if link is None:
        return message("Page not found", "There is no such payment link.", status=404)
    if not payment_links.is_open(link):
        said = link["inactive_message"] or "This link is no longer active."
        return message("Link deactivated", said, status=410)

    def work(world: World) -> Object:
        return checkout.opened(world, payment_links.asked(link), payment_link=link["id"], cancel_url=None)

    return _there(engine.attempt(work))


def thanks(engine: Engine, request: Request, /, *path: str) -> Answer:
    """What a link without an address of its own shows after the payment."""
    link = _link(engine, path[0])
    hosted = (link or {}).get("after_completion", {}).get("hosted_confirmation") or {}
    return message("Thanks for your payment", hosted.get("custom_message") or "Your payment was received.")


def recover(engine: Engine, request: Request, /, *path: str) -> Answer:
    """A session that was not paid in time, opened again."""
    old = engine.objects.find(path[0])
    recovery = ((old or {}).get("after_expiration") or {}).get("recovery") or {}
    known = f"{engine.base}{request.path}" == recovery.get("url")
    if old is None or not known or recovery["expires_at"] < engine.clock.now():
        return message("Page not found", "There is nothing to go on with here.", status=404)
    return _there(engine.attempt(lambda world: checkout.reopened(world, checkout_paying.recovered(world, old))))


def _link(engine: Engine, code: str) -> Object | None:
    found = engine.objects.where("payment_link", url=f"{engine.base}/pl/{code}")
    return found[0] if found else None


def _there(session: Object | StripeError) -> Answer:
    if isinstance(session, StripeError):
        return message("This cannot be paid", str(session), status=400)
    return redirect(f"/c/pay/{session['id']}")
