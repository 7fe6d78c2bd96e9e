"""Credits in and out by hand, the balance, the lots."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from ledger.book.commands import Inflow, Posted, Withdraw
from ledger.context import LedgerRequest
from ledger.credits.shapes import (
    Adjustment,
    Balance,
    Basis,
    Given,
    Grant,
    Lot,
    PastBalance,
    balance,
    given,
    lot,
    past_balance,
)
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.fields import TimeQuery, in_utc, queried_instant, shown
from ledger.kit.http.paging import Cursor, Limit, Page, number_of, page
from ledger.kit.money import parse_amount
from ledger.rollups.roller import caught_up
from ledger.transactions.shapes import location

KIND_OF = {"promotional": "grant", "earned": "earn", "adjustment": "adjustment", "allowance": "allowance"}
"""The kind of transaction that gives credits of a source."""

OpenOnly = Annotated[bool, QueryParameter(description="Only lots that have something left.")]
BasisQuery = Annotated[Basis, QueryParameter(description="Which time `as_of` is compared with.")]


@post("/v1/wallets/{wallet_id:str}/credits", opt={"scope": "write", "key": "required"})
async def give_credits(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[Grant]) -> Answer[Given]:
    """Give credits: they become a lot, or join one that is alike."""
    amount = parse_amount(data.amount)
    expires_at, effective_at = in_utc(data.expires_at, "expires_at"), in_utc(data.effective_at, "effective_at")
    key = request.idempotency_key()
    command = Inflow(
        wallet_id=await request.services.directory.find_or_open(wallet_id),
        amount=amount,
        source=data.source,
        of_kind=KIND_OF[data.source],
        expires_at=expires_at,
        priority=data.priority,
        effective_at=effective_at,
        description=data.reason,
        metadata=data.metadata,
    )
    return _answer(await request.post(command, key))


@post("/v1/wallets/{wallet_id:str}/adjustments", opt={"scope": "admin", "key": "required"})
async def adjust_credits(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[Adjustment]) -> Answer[Given]:
    """Correct a balance by hand."""
    amount = parse_amount(data.amount)
    key = request.idempotency_key()
    found = await request.services.directory.find_or_open(wallet_id)
    if data.direction == "debit":
        debit = Withdraw(wallet_id=found, amount=amount, description=data.reason, metadata=data.metadata)
        return _answer(await request.post(debit, key))
    credit = Inflow(
        wallet_id=found,
        amount=amount,
        source="adjustment",
        of_kind="adjustment",
        description=data.reason,
        metadata=data.metadata,
    )
    return _answer(await request.post(credit, key))


@get("/v1/wallets/{wallet_id:str}/balance", opt={"scope": "read"})
async def get_balance(
    request: LedgerRequest, wallet_id: FromPath[str], as_of: TimeQuery = None, basis: BasisQuery = "recorded"
) -> Answer[Balance | PastBalance]:
    """The balance now; or, with ``as_of``, at a past instant."""
    found = await request.services.directory.find(wallet_id)
    at = queried_instant(as_of, "as_of")
    if at is None:
        view = await request.services.reader.balance(found)
        if view.beside.behind and view.beside.counted == view.number:
            # Only its days are those of another time zone. What is merely not rolled up yet is not waited for.
            await caught_up(request.services.database, found)
            view = await request.services.reader.balance(found)
        return answer(balance(view))
    then = await request.services.reader.balance_as_of(found, at, basis)
    return answer(past_balance(found, then, basis, shown(at)))


@get("/v1/wallets/{wallet_id:str}/lots", opt={"scope": "read"})
async def list_lots(
    request: LedgerRequest,
    wallet_id: FromPath[str],
    open_only: OpenOnly = False,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[Lot]]:
    """A wallet's lots, in the order in which they were made."""
    found = await request.services.directory.find(wallet_id)
    await request.services.reader.wallet(found)
    name = f"lots of {found}"
    after = number_of(name, cursor) or 0
    rows = await request.services.reader.lots(found, after=after, limit=limit + 1, open_only=open_only)
    return answer(page(name, rows, limit, lot, lambda row: row.facts.lot))


def _answer(posted: Posted) -> Answer[Given]:
    return created(given(posted), location(posted.transaction), replayed=posted.replayed)


HANDLERS = [give_credits, adjust_credits, get_balance, list_lots]
