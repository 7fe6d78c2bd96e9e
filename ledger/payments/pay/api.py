"""/pay/{token}: where a customer pays. It leads to a page of Stripe's that can be paid now, whenever it is opened.

Who opens it has nothing but the address, so nothing is told but how the payment stands. And what the return page says
is asked of Stripe: that somebody came back does not mean that anybody paid.
"""

from typing import Annotated, Final
from urllib.parse import quote
from uuid import UUID

import structlog
from litestar import get
from litestar.params import FromPath, QueryParameter

from ledger.context import LedgerRequest
from ledger.errors import LedgerError
from ledger.kit.http.answers import Answer
from ledger.payments import rows
from ledger.payments.desk import Desk
from ledger.payments.fulfil import settle_session
from ledger.payments.gateway import StripeAway, StripeRefused
from ledger.payments.links import service
from ledger.payments.pay.page import page_of
from ledger.payments.rows import Payment

log = structlog.get_logger(__name__)

HTML: Final = b"text/html; charset=utf-8"

Session = Annotated[str | None, QueryParameter(max_length=200, description="The Checkout Session that was paid.")]


@get("/pay/{token:str}", opt={"open": True, "hidden": True})
async def open_pay_page(request: LedgerRequest, token: FromPath[str]) -> Answer[str]:
    """303 to a live page of Stripe's; else a page that says how the payment stands."""
    desk = request.desk
    payment = await _find(desk, token)
    if payment is None:
        return _page("unknown", status=404)
    try:
        payment = await service.issue(desk, payment)
    except (StripeAway, StripeRefused, LedgerError) as error:
        log.warning("pay.not_opened", payment=payment.payment, error=str(error))
        return _page("away", status=503, link=f"/pay/{token}")
    if payment.url is not None and payment.state == "open":
        return _to(payment.url)
    return _standing(payment, otherwise="expired")


@get("/pay/{token:str}/done", opt={"open": True, "hidden": True})
async def return_from_pay_page(request: LedgerRequest, token: FromPath[str], session_id: Session = None) -> Answer[str]:
    """Where Stripe sends who has paid: the credits are given now, if no webhook came first. And who has turned back,
    without a session."""
    desk = request.desk
    payment = await _find(desk, token)
    if payment is None:
        return _page("unknown", status=404)
    if payment.state != "paid" and payment.object is not None and session_id in (payment.object, None):
        try:
            await settle_session(desk, payment.object)
        except (StripeAway, StripeRefused) as error:
            log.warning("pay.not_settled", payment=payment.payment, error=str(error))
        payment = await _find(desk, token) or payment
    if payment.state in ("paid", "processing") and payment.success_url is not None:
        # Anybody can ask for any session; what is no id must not get into the header as it is.
        return _to(payment.success_url.replace("{CHECKOUT_SESSION_ID}", quote(session_id or "", safe="")))
    return _standing(payment, otherwise="open")


async def _find(desk: Desk, token: str) -> Payment | None:
    try:
        name = UUID(hex=token)
    except ValueError:
        return None
    async with desk.database.transaction() as connection:
        return await rows.by_token(connection, name)


def _standing(payment: Payment, *, otherwise: str) -> Answer[str]:
    """How a payment stands: ``otherwise`` is what is told of one that could still be paid."""
    told = payment.state if payment.state in ("paid", "processing", "canceled", "expired") else otherwise
    status = 410 if told in ("canceled", "expired") else 200
    again = f"/pay/{payment.token.hex}" if told == "open" else None
    return _page(told, status=status, link=again)


def _page(told: str, *, status: int = 200, link: str | None = None) -> Answer[str]:
    return Answer(page_of(told, link), status=status, headers=[(b"cache-control", b"no-store")], media_type=HTML)


def _to(url: str) -> Answer[str]:
    """303, which a browser follows with GET, and keeps nothing of."""
    return Answer(b"", status=303, headers=[(b"location", url.encode()), (b"cache-control", b"no-store")])


HANDLERS = [open_pay_page, return_from_pay_page]
