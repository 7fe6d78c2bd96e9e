"""/v1/transfers."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from ledger.book.commands import Transfer as TransferCommand
from ledger.context import LedgerRequest
from ledger.errors import InvalidRequest, NotFound
from ledger.kit import ids
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.paging import Cursor, Limit, Page
from ledger.kit.http.strict import invalid
from ledger.kit.money import parse_amount
from ledger.transactions.lists import listed
from ledger.transfers.shapes import NewTransfer, Transfer, is_paying, transfer
from ledger.wallets.directory import USER

WalletFilter = Annotated[str, QueryParameter(description="The wallet on either side: `wal_…` or `user:…`.")]


@post("/v1/transfers", opt={"scope": "write", "key": "required"})
async def make_transfer(request: LedgerRequest, data: JSONBody[NewTransfer]) -> Answer[Transfer]:
    """Move credits to another wallet, lot by lot; overdraft is never transferred."""
    if data.require_approval:
        raise invalid("require_approval", "transfers that wait for approval are not available yet")
    amount = parse_amount(data.amount)
    payer = _side(data.from_wallet_id, data.from_user_id, "from")
    payee = _side(data.to_wallet_id, data.to_user_id, "to")
    key = request.idempotency_key()
    command = TransferCommand(
        wallet_id=await request.services.directory.find_or_open(payer),
        payee_id=await request.services.directory.find_or_open(payee),
        amount=amount,
        description=data.reason,
        metadata=data.metadata,
    )
    posted = await request.post(command, key)
    shape = transfer(posted.transaction)
    return created(shape, f"/v1/transfers/{shape.id}", replayed=posted.replayed)


@get("/v1/transfers", opt={"scope": "read"})
async def list_transfers(
    request: LedgerRequest, wallet_id: WalletFilter, limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Transfer]]:
    """Transfers out of and into a wallet, the newest first."""
    found = await request.services.directory.find(wallet_id)
    await request.services.reader.wallet(found)
    return await listed(request, f"transfers of {found}", found, limit, cursor, transfer, kind="transfer")


@get("/v1/transfers/{transfer_id:str}", opt={"scope": "read"})
async def get_transfer(request: LedgerRequest, transfer_id: FromPath[str]) -> Answer[Transfer]:
    """A transfer, with whether it was reversed."""
    wallet_id, number = ids.parse_row("trf", transfer_id, "transfer")
    found = await request.services.reader.transaction(wallet_id, number)
    if found.kind != "transfer" or not is_paying(found):
        raise NotFound(f"there is no transfer {ids.row_public('trf', wallet_id, number)}")
    return answer(transfer(found, await request.services.reader.reversed_amount(wallet_id, number)))


def _side(wallet_id: str | None, user_id: str | None, side: str) -> str:
    """The wallet's name. Raises InvalidRequest unless exactly one is given."""
    if (wallet_id is None) == (user_id is None):
        raise _one_of(side)
    return wallet_id if wallet_id is not None else f"{USER}{user_id}"


def _one_of(side: str) -> InvalidRequest:
    return invalid(f"{side}_wallet_id", f"give either {side}_wallet_id or {side}_user_id")


HANDLERS = [make_transfer, list_transfers, get_transfer]
