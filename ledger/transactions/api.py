"""/v1/transactions, and the list of a wallet's."""

from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from ledger.book.commands import Reverse
from ledger.context import LedgerRequest
from ledger.kit import ids
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.fields import queried_day_or_instant
from ledger.kit.http.paging import Cursor, Limit, Page
from ledger.kit.money import parse_amount
from ledger.transactions.lists import listed
from ledger.transactions.reasons import Why, why
from ledger.transactions.shapes import Refund, Reversal, TransactionShape, location, transaction
from ledger.transactions.why import find_out

WHOLE = Refund()
"""What a refund without a body is: all that is left."""

Kind = Annotated[str | None, QueryParameter(max_length=40, description="Only this kind, such as `usage`.")]
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        max_length=40,
        description="Only what counts at or after this instant; a date is its first instant in the wallet's time zone.",
    ),
]
To = Annotated[str | None, QueryParameter(max_length=40, description="Only what counts before this instant or date.")]


@get("/v1/wallets/{wallet_id:str}/transactions", opt={"scope": "read"})
async def list_transactions(
    request: LedgerRequest,
    wallet_id: FromPath[str],
    kind: Kind = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[TransactionShape]]:
    """A wallet's transactions, the newest first."""
    found = await request.services.directory.find(wallet_id)
    zone = ZoneInfo((await request.services.reader.wallet(found)).time_zone)
    return await listed(
        request,
        f"transactions of {found}",
        found,
        limit,
        cursor,
        transaction,
        kind=kind,
        from_=queried_day_or_instant(from_, "from", zone),
        to=queried_day_or_instant(to, "to", zone),
    )


@get("/v1/transactions/{transaction_id:str}", opt={"scope": "read"})
async def get_transaction(request: LedgerRequest, transaction_id: FromPath[str]) -> Answer[TransactionShape]:
    """A transaction, with whether it was reversed."""
    wallet_id, number = ids.parse_row("txn", transaction_id, "transaction")
    reader = request.services.reader
    found = await reader.transaction(wallet_id, number)
    return answer(transaction(found, await reader.reversed_amount(wallet_id, number)))


@get("/v1/transactions/{transaction_id:str}/why", opt={"scope": "read"})
async def explain_transaction(request: LedgerRequest, transaction_id: FromPath[str]) -> Answer[Why]:
    """Why a balance is what it is after a transaction: who asked for it, how it was priced, which lots it moved, what
    funded those (through up to ten transfers back), and what undid it."""
    wallet_id, number = ids.parse_row("txn", transaction_id, "transaction")
    return answer(why(await find_out(request.services, wallet_id, number)))


@post("/v1/transactions/{transaction_id:str}/reverse", opt={"scope": "write", "key": "required"})
async def reverse_transaction(
    request: LedgerRequest, transaction_id: FromPath[str], data: JSONBody[Reversal]
) -> Answer[TransactionShape]:
    """Undo a transaction, wholly or in part, by a new one that says so."""
    return await _reverse(request, transaction_id, data, refund=False)


@post("/v1/transactions/{transaction_id:str}/refund", opt={"scope": "write", "key": "required"})
async def refund_usage(
    request: LedgerRequest, transaction_id: FromPath[str], data: JSONBody[Refund] = WHOLE
) -> Answer[TransactionShape]:
    """Give the credits of a failed job back, into the lots that they came from."""
    return await _reverse(request, transaction_id, data, refund=True)


async def _reverse(
    request: LedgerRequest, name: str, data: Reversal | Refund, *, refund: bool
) -> Answer[TransactionShape]:
    wallet_id, number = ids.parse_row("txn", name, "transaction")
    command = Reverse(
        wallet_id=wallet_id,
        number=number,
        amount=None if data.amount is None else parse_amount(data.amount),
        refund=refund,
        description=data.reason,
    )
    posted = await request.post(command)
    return created(transaction(posted.transaction), location(posted.transaction), replayed=posted.replayed)


HANDLERS = [list_transactions, get_transaction, explain_transaction, reverse_transaction, refund_usage]
