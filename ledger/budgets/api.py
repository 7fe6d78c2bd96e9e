"""/v1/wallets/{wallet_id}/budgets."""

from contextlib import suppress

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import BookDue, Rider
from ledger.budgets import service, store
from ledger.budgets.shapes import Budget, BudgetChange, NewBudget, budget
from ledger.context import LedgerRequest
from ledger.errors import Unavailable
from ledger.kit.http.answers import Answer, answer, encode
from ledger.kit.http.paging import Cursor, Limit, Page, page, place_of
from ledger.kit.idempotency import Done
from ledger.wallets.service import get_wallet


@post("/v1/wallets/{wallet_id:str}/budgets", opt={"scope": "write", "key": "optional"})
async def make_budget(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[NewBudget]) -> Answer[Budget]:
    """Make a budget of the wallet, of a `service`, or of a member (`user_id`). What was spent in the running period
    counts, and alert levels that are passed already are told at once."""
    service.about_of(data)
    key = request.optional_key()
    found = await request.services.directory.find_or_open(wallet_id)
    zone = (await get_wallet(request.services.database, found)).time_zone
    number = service.number_of(request.principal.namespace, None if key is None else f"{found}\x00{key}")

    async def work(connection: AsyncConnection) -> Done:
        if await service.find(connection, found, number) is None:
            await _write(request, found, await service.plan_new(connection, found, zone, number, data))
        made = await service.find(connection, found, number)
        assert made is not None, "a budget that was just made is gone"
        shape = budget(made)
        return Done(201, encode(shape), f"/v1/wallets/{shape.wallet_id}/budgets/{shape.id}")

    return await request.once(f"POST /v1/wallets/{found}/budgets", data, work)


@get("/v1/wallets/{wallet_id:str}/budgets", opt={"scope": "read"})
async def list_budgets(
    request: LedgerRequest, wallet_id: FromPath[str], limit: Limit = 20, cursor: Cursor = None
) -> Answer[Page[Budget]]:
    """A wallet's budgets, the oldest first, each with what was spent in the running period."""
    found = await request.services.directory.find(wallet_id)
    await get_wallet(request.services.database, found)
    name = f"budgets of {found}"
    after = str(place_of(name, cursor, str) or "")
    async with request.services.database.transaction() as connection:
        seen = await store.budgets_of(connection, found)
    rows = sorted((row for row in map(budget, seen) if _place(row) > after), key=_place)
    return answer(page(name, rows[: limit + 1], limit, lambda row: row, _place))


@get("/v1/wallets/{wallet_id:str}/budgets/{budget_id:str}", opt={"scope": "read"})
async def get_budget(request: LedgerRequest, wallet_id: FromPath[str], budget_id: FromPath[str]) -> Answer[Budget]:
    """A budget with what was spent in the running period."""
    return await _shown(request, await request.services.directory.find(wallet_id), budget_id)


@patch("/v1/wallets/{wallet_id:str}/budgets/{budget_id:str}", opt={"scope": "write"})
async def change_budget(
    request: LedgerRequest, wallet_id: FromPath[str], budget_id: FromPath[str], data: JSONBody[BudgetChange]
) -> Answer[Budget]:
    """Change a budget's limit, alerts, or whether it is hard. What was spent stays; levels that are passed by the
    change are told at once, and those that are no longer passed are told again when they are next."""
    found = await request.services.directory.find(wallet_id)
    async with request.services.database.transaction() as connection:
        seen = await service.get(connection, found, budget_id)
    await _write(request, found, service.plan_change(found, seen.kept, data))
    return await _shown(request, found, budget_id)


@delete("/v1/wallets/{wallet_id:str}/budgets/{budget_id:str}", status_code=200, opt={"scope": "write"})
async def end_budget(request: LedgerRequest, wallet_id: FromPath[str], budget_id: FromPath[str]) -> Answer[Budget]:
    """End a budget: it limits nothing from now on. The answer is the budget as it was."""
    found = await request.services.directory.find(wallet_id)
    async with request.services.database.transaction() as connection:
        seen = await service.get(connection, found, budget_id)
    await request.change(BookDue(wallet_id=found), (store.end_rider(found, seen.kept.number),))
    return answer(budget(seen))


async def _write(request: LedgerRequest, wallet_id: int, riders: tuple[Rider, ...]) -> None:
    """Carry out a change, and then have the levels told that are passed."""
    await request.change(BookDue(wallet_id=wallet_id), riders)
    with suppress(Unavailable):  # the change is made; the wallet's next transaction tells them
        await request.change(BookDue(wallet_id=wallet_id))


async def _shown(request: LedgerRequest, wallet_id: int, budget_id: str) -> Answer[Budget]:
    async with request.services.database.transaction() as connection:
        return answer(budget(await service.get(connection, wallet_id, budget_id)))


def _place(row: Budget) -> str:
    return f"{row.created_at} {row.id}"


HANDLERS = [make_budget, list_budgets, get_budget, change_budget, end_budget]
