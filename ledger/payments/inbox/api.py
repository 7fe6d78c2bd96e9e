"""POST /stripe/webhooks: verified on the bytes, stored, answered. All else is done later."""

import time
from typing import Final

import msgspec
import structlog
from litestar import post

from ledger.context import LedgerRequest
from ledger.errors import InvalidRequest, NotFound
from ledger.kit import failpoints
from ledger.kit.http.answers import Answer, encode
from ledger.payments.inbox import signature, store
from ledger.payments.inbox.effects import EFFECTS, jobs_of
from ledger.payments.inbox.store import Letter
from ledger.payments.inbox.told import read

log = structlog.get_logger(__name__)


class Stored(msgspec.Struct, frozen=True):
    """It is stored: it will not be asked for again."""


_STORED: Final = encode(Stored())


@post("/stripe/webhooks", status_code=200, opt={"open": True, "problems": (404, 413)})
async def take_stripe_event(request: LedgerRequest) -> Answer[Stored]:
    """Take an event of Stripe: only what is signed with the secret of the endpoint, and not older than five minutes.
    200 says that it is stored; also for one that was stored before, or that nobody is interested in."""
    secrets = (request.services.settings.stripe_webhook_secret or "").split(",")
    if request.services.stripe is None or not any(secrets):
        raise NotFound("no Stripe webhooks are taken here: set LEDGER_STRIPE_API_KEY and LEDGER_STRIPE_WEBHOOK_SECRET")
    body = await request.body()
    try:
        signature.check(body, request.header(b"stripe-signature"), secrets, time.time())
        letter = _opened(body, live=request.services.stripe.live)
    except (signature.NotSigned, ValueError) as error:
        log.warning("stripe.event_refused", reason=str(error), bytes=len(body))
        raise InvalidRequest(f"this is no event of Stripe's for this account: {error}") from None
    await store.put(request.services.database, [letter], "webhook")
    await failpoints.reach("inbox.after_store")
    return Answer(_STORED)


def _opened(body: bytes, *, live: bool) -> Letter:
    """Raises ValueError: not UTF-8, not JSON, not an event, or of the other mode."""
    text = body.decode()
    if "\0" in text:
        raise ValueError("it has the character NUL")
    told = read(text)
    if told.livemode != live:
        raise ValueError(f"it is of {_mode(told.livemode)} mode, and the key of {_mode(live)} mode")
    if not told.is_of_our_version:
        log.warning("stripe.other_api_version", stripe_event=told.id, api_version=told.api_version)
    return Letter(told, text, bool(jobs_of(told, EFFECTS)))


def _mode(live: bool) -> str:
    return "live" if live else "test"


HANDLERS = [take_stripe_event]
