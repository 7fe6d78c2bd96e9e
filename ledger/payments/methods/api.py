"""/v1/wallets/{wallet_id}/payment-methods: what a wallet can be charged by later."""

from typing import Final

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.paging import Cursor, Limit, Page, page, place_of
from ledger.payments.methods import service, store
from ledger.payments.methods.shapes import NewSetup, PaymentMethod, SetupLink, payment_method, setup_link
from ledger.payments.pay.page import page_of

HTML: Final = b"text/html; charset=utf-8"


@post(
    "/v1/wallets/{wallet_id:str}/payment-methods/setup-link",
    opt={"scope": "write", "key": "optional"},
)
async def create_setup_link(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[NewSetup]
) -> Answer[SetupLink]:
    """Make a link on which a customer saves a card or a bank account, without paying anything."""
    desk, key = request.desk, request.optional_key()
    found = await request.services.directory.find_or_open(wallet_id)
    named = None if key is None else f"{request.principal.namespace}\x00{key}"
    session = await service.set_up(desk, found, data, named)
    return created(setup_link(session["url"], session["expires_at"]), session["url"])


@get("/v1/wallets/{wallet_id:str}/payment-methods", opt={"scope": "read"})
async def list_payment_methods(
    request: LedgerRequest, wallet_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[PaymentMethod]]:
    """A wallet's payment methods, the first that was saved first."""
    found = await request.services.directory.find(wallet_id)
    name = f"payment methods of {found}"
    after = str(place_of(name, cursor, str) or "")
    async with request.services.database.transaction() as connection:
        await service.require_wallet(connection, found)
        methods = await store.methods_of(connection, found)
    rows = [row for row in map(payment_method, methods) if _place(row) > after]
    return answer(page(name, rows[: limit + 1], limit, lambda row: row, _place))


@post(
    "/v1/wallets/{wallet_id:str}/payment-methods/{method_id:str}/default",
    status_code=200,
    opt={"scope": "write"},
)
async def choose_payment_method(
    request: LedgerRequest, wallet_id: FromPath[str], method_id: FromPath[str]
) -> Answer[PaymentMethod]:
    """Make it the one that is charged."""
    found = await request.services.directory.find(wallet_id)
    return answer(payment_method(await service.choose(request.desk, found, method_id)))


@delete("/v1/wallets/{wallet_id:str}/payment-methods/{method_id:str}", status_code=200, opt={"scope": "write"})
async def detach_payment_method(
    request: LedgerRequest, wallet_id: FromPath[str], method_id: FromPath[str]
) -> Answer[PaymentMethod]:
    """Take it away for good: it is not charged any more. The answer is what it was."""
    found = await request.services.directory.find(wallet_id)
    return answer(payment_method(await service.detach(request.desk, found, method_id)))


@get(service.SAVED, opt={"open": True, "hidden": True})
async def saved_page() -> Answer[str]:
    """Where Stripe leads who has saved a payment method, if the client named no other page."""
    return Answer(page_of("saved"), media_type=HTML)


def _place(method: PaymentMethod) -> str:
    return f"{method.attached_at} {method.id}"


HANDLERS = [create_setup_link, list_payment_methods, choose_payment_method, detach_payment_method, saved_page]
