"""/v1/holds, and the holds of a wallet."""

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from ledger.book.commands import Capture, PlaceHold, Release
from ledger.context import LedgerRequest
from ledger.holds.shapes import CaptureHold, Hold, HoldMoved, NewHold, State, hold, hold_moved
from ledger.kit import ids
from ledger.kit.http.answers import Answer, answer, created
from ledger.kit.http.paging import Cursor, Limit, Page, number_of, page
from ledger.kit.money import parse_amount
from ledger.transactions.shapes import location

ALL = CaptureHold()
"""What a capture without a body is: all that is left."""

StateFilter = Annotated[State | None, QueryParameter(name="state", description="Only holds in this state.")]


@post("/v1/wallets/{wallet_id:str}/holds", opt={"scope": "write", "key": "required"})
async def place_hold(request: LedgerRequest, wallet_id: FromPath[str], data: JSONBody[NewHold]) -> Answer[HoldMoved]:
    """Reserve credits before a job runs."""
    amount = parse_amount(data.amount)
    key = request.idempotency_key()
    command = PlaceHold(
        wallet_id=await request.services.directory.find_or_open(wallet_id),
        amount=amount,
        service=data.service,
        expires_in_s=data.expires_in_s,
        description=data.description,
        metadata=data.metadata,
        facts={} if data.session is None else {"session": data.session},
    )
    posted = await request.post(command, key)
    moved = hold_moved(posted)
    return created(moved, f"/v1/holds/{moved.hold.id}", replayed=posted.replayed)


@get("/v1/wallets/{wallet_id:str}/holds", opt={"scope": "read"})
async def list_holds(
    request: LedgerRequest,
    wallet_id: FromPath[str],
    state_: StateFilter = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[Hold]]:
    """A wallet's holds, the newest first."""
    found = await request.services.directory.find(wallet_id)
    await request.services.reader.wallet(found)
    name = f"holds of {found}"
    rows = await request.services.reader.holds(found, before=number_of(name, cursor), limit=limit + 1, state=state_)
    return answer(page(name, rows, limit, lambda row: hold(found, row.facts), lambda row: row.facts.hold))


@get("/v1/holds/{hold_id:str}", opt={"scope": "read"})
async def get_hold(request: LedgerRequest, hold_id: FromPath[str]) -> Answer[Hold]:
    """A hold now."""
    wallet_id, number = ids.parse_row("hld", hold_id, "hold")
    return answer(hold(wallet_id, (await request.services.reader.hold(wallet_id, number)).facts))


@post("/v1/holds/{hold_id:str}/capture", opt={"scope": "write", "key": "required"})
async def capture_hold(
    request: LedgerRequest, hold_id: FromPath[str], data: JSONBody[CaptureHold] = ALL
) -> Answer[HoldMoved]:
    """Use what a hold reserved. More than that is taken from the wallet, if it can pay."""
    wallet_id, number = ids.parse_row("hld", hold_id, "hold")
    command = Capture(
        wallet_id=wallet_id,
        hold=number,
        amount=None if data.amount is None else parse_amount(data.amount),
        final=data.final,
        service=data.service,
    )
    return await _end(request, command)


@post("/v1/holds/{hold_id:str}/release", opt={"scope": "write", "key": "required"})
async def release_hold(request: LedgerRequest, hold_id: FromPath[str]) -> Answer[HoldMoved]:
    """Give what is left of a hold back to the wallet."""
    wallet_id, number = ids.parse_row("hld", hold_id, "hold")
    return await _end(request, Release(wallet_id=wallet_id, hold=number))


async def _end(request: LedgerRequest, command: Capture | Release) -> Answer[HoldMoved]:
    posted = await request.post(command)
    return created(hold_moved(posted), location(posted.transaction), replayed=posted.replayed)


HANDLERS = [place_hold, list_holds, get_hold, capture_hold, release_hold]
