"""/v1/wallets/{wallet_id}/payments and /v1/payments: what was paid, how, and what it bought."""

from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import get
from litestar.params import FromPath, QueryParameter

from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer
from ledger.kit.http.fields import queried_day_or_instant
from ledger.kit.http.paging import Cursor, Limit
from ledger.payments import lists, rows
from ledger.payments.history import sums
from ledger.payments.history.shapes import Origin, PaymentList, PaymentShape, Status, payment_of, stats_of, summary_of
from ledger.payments.rows import Wanted

StatusFilter = Annotated[Status | None, QueryParameter(name="status", description="Only payments that stand so.")]
OriginFilter = Annotated[
    Origin | None, QueryParameter(name="origin", description="Only what a link, a reusable one or a refill asked for.")
]
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        max_length=40,
        description="Only what was made then or later: an instant, or a date in the wallet's time zone.",
    ),
]
To = Annotated[str | None, QueryParameter(max_length=40, description="Only what was made before this instant or date.")]


@get("/v1/wallets/{wallet_id:str}/payments", opt={"scope": "read"})
async def list_payments(
    request: LedgerRequest,
    wallet_id: FromPath[str],
    status: StatusFilter = None,
    origin: OriginFilter = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[PaymentList]:
    """A wallet's payments, the newest first, with what all of them come to."""
    services = request.services
    found = await services.directory.find(wallet_id)
    zone = ZoneInfo((await services.reader.wallet(found)).time_zone)
    wanted = Wanted(
        origins=() if origin is None else (origin,),
        status=status,
        since=queried_day_or_instant(from_, "from", zone),
        until=queried_day_or_instant(to, "to", zone),
    )
    currency = services.settings.settlement_currency
    async with services.database.transaction() as connection:
        shown = await lists.of_wallet(connection, found, "payments", limit, cursor, payment_of, wanted)
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
