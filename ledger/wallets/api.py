"""/v1/wallets."""

from typing import Annotated

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import SetStatus
from ledger.context import LedgerRequest
from ledger.kit.http.answers import Answer, answer, encode
from ledger.kit.http.paging import Cursor, Limit, Page, number_of, page
from ledger.kit.idempotency import Done
from ledger.wallets import service
from ledger.wallets.directory import checked_owner
from ledger.wallets.shapes import NewWallet, Wallet, WalletChange, wallet

OwnerFilter = Annotated[str | None, QueryParameter(description="Only this owner's wallets.")]


@post("/v1/wallets", opt={"scope": "write", "key": "optional"})
async def open_wallet(request: LedgerRequest, data: JSONBody[NewWallet]) -> Answer[Wallet]:
    """Open a wallet: the owner's primary one, or a further one for a purpose."""

    async def work(connection: AsyncConnection) -> Done:
        shape = wallet(await service.open_wallet(connection, data))
        return Done(201, encode(shape), f"/v1/wallets/{shape.id}")

    return await request.once("POST /v1/wallets", data, work)


@get("/v1/wallets", opt={"scope": "read"})
async def list_wallets(
    request: LedgerRequest, owner_id: OwnerFilter = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Wallet]]:
    """Wallets, of one owner or all."""
    if owner_id is not None:
        checked_owner(owner_id, "owner_id")
    name = f"wallets of {owner_id!r}"
    after = number_of(name, cursor) or 0
    rows = await service.list_wallets(request.services.database, owner_id=owner_id, after=after, limit=limit + 1)
    return answer(page(name, rows, limit, wallet, lambda row: int(row.wallet_id)))


@get("/v1/wallets/{wallet_id:str}", opt={"scope": "read"})
async def get_wallet(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[Wallet]:
    """A wallet with its settings."""
    return await _shown(request, await request.services.directory.find(wallet_id))


@patch("/v1/wallets/{wallet_id:str}", opt={"scope": "write"})
async def change_wallet(
    request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[WalletChange]
) -> Answer[Wallet]:
    """Change a wallet's settings. ``metadata`` is replaced as a whole."""
    found = await request.services.directory.find_or_open(wallet_id)
    plan = await service.plan_change(request.services.database, found, data)
    await request.change(plan.command, plan.riders)
    return await _shown(request, found)


@post("/v1/wallets/{wallet_id:str}/freeze", status_code=200, opt={"scope": "admin"})
async def freeze_wallet(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[Wallet]:
    """Refuse what the customer or a service starts; refunds, disputes and expiry still post."""
    return await _set_status(request, wallet_id, "frozen")


@post("/v1/wallets/{wallet_id:str}/unfreeze", status_code=200, opt={"scope": "admin"})
async def unfreeze_wallet(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[Wallet]:
    """End a freeze."""
    return await _set_status(request, wallet_id, "active")


@post("/v1/wallets/{wallet_id:str}/close", status_code=200, opt={"scope": "admin"})
async def close_wallet(request: LedgerRequest, wallet_id: FromPath[str]) -> Answer[Wallet]:
    """Close a wallet that has nothing left: no balance, no hold, no debt."""
    return await _set_status(request, wallet_id, "closed")


async def _set_status(request: LedgerRequest, name: str, status: str) -> Answer[Wallet]:
    found = await request.services.directory.find_or_open(name)
    await request.change(SetStatus(wallet_id=found, status=status))
    return await _shown(request, found)


async def _shown(request: LedgerRequest, wallet_id: int) -> Answer[Wallet]:
    return answer(wallet(await service.get_wallet(request.services.database, wallet_id)))


HANDLERS = [
    open_wallet,
    list_wallets,
    get_wallet,
    change_wallet,
    freeze_wallet,
    unfreeze_wallet,
    close_wallet,
]
