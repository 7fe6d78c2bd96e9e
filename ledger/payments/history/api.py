"""/v1/wallets/{wallet_id}/payments and /v1/payments: what was paid, how, and what it bought."""

from litestar import get
from litestar.params import FromPath

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.paging import Cursor, Limit
from ledger.payments import lists, rows
from ledger.payments.history import sums
from ledger.payments.history.shapes import PaymentList, PaymentShape, payment_of, stats_of, summary_of


@get("/v1/wallets/{wallet_id:str}/payments", opt={"scope": "read"})
async def list_payments(
    request: LedgerRequest, wallet_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[PaymentList]:
    """A wallet's payments, the newest first, with what they come to."""
    services = request.services
    found = await services.directory.find(wallet_id)
    currency = services.settings.settlement_currency
    async with services.database.transaction() as connection:
        shown = await lists.of_wallet(connection, found, "payments", limit, cursor, payment_of)
        whole = await sums.whole(connection, found, currency)
        months = await sums.by_month(connection, found, currency)
    view = await services.reader.balance(found)
    return answer(
        PaymentList(
            items=shown.items,
            next_cursor=shown.next_cursor,
            summary=summary_of(
                whole, currency, used_micro=view.beside.spent_micro, balance_micro=view.balances.balance
            ),
            period_stats=[stats_of(month, currency) for month in months],
        )
    )


@get("/v1/payments/{payment_id:str}", opt={"scope": "read"})
async def get_payment(request: LedgerRequest, payment_id: FromPath[str]) -> Answer[PaymentShape]:
    """A payment as it stands."""
    async with request.services.database.transaction() as connection:
        return answer(payment_of(await rows.find(connection, payment_id)))


HANDLERS = [list_payments, get_payment]
