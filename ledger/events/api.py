"""/v1/events: what was told, to be read again. Every key of the service may read all of it."""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.context import LedgerRequest
from ledger.errors import NotFound
from ledger.events import read
from ledger.events.catalogue import TYPES, types_of
from ledger.events.read import Wanted
from ledger.kit.http.answers import Answer, encode
from ledger.kit.http.fields import Time, queried_day_or_instant
from ledger.kit.http.paging import Cursor, Limit, Page, cursor_of, number_of
from ledger.kit.http.strict import invalid

WalletFilter = Annotated[
    str | None, QueryParameter(max_length=300, description="Only this wallet's: `wal_…` or `user:…`.")
]
TypeFilter = Annotated[
    str | None,
    QueryParameter(max_length=100, description="Only this type (`payment.completed`) or family (`payment.*`)."),
]
After = Annotated[
    str | None,
    QueryParameter(max_length=100, description="Only what was told after this event: the last one you have."),
]
From = Annotated[
    str | None,
    QueryParameter(name="from", max_length=40, description="Only what was recorded at or after this instant or date."),
]
To = Annotated[str | None, QueryParameter(max_length=40, description="Only what was recorded before this.")]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event, byte for byte as it is delivered. What ``data`` has depends on its type."""

    id: Annotated[str, msgspec.Meta(examples=["evt_9ZWKcg49iae1_8Dluvix5r"])]
    type: Annotated[str, msgspec.Meta(examples=["balance.low"])]
    timestamp: Time
    wallet_id: str | None
    number: int
    transaction_id: str | None
    data: dict[str, Any]


@get("/v1/events", opt={"scope": "read", "problems": (410,)})
async def list_events(
    request: LedgerRequest,
    wallet_id: WalletFilter = None,
    type: TypeFilter = None,
    after: After = None,
    from_: From = None,
    to: To = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Answer[Page[Event]]:
    """Events in the order in which they were told, the oldest first. With a filter a page may have fewer than there
    are: go on as long as there is a ``next_cursor``."""
    wanted = await _wanted(request, wallet_id, type, from_, to)
    if after is not None and cursor is not None:
        raise invalid("after", "give either after or cursor; the cursor goes on behind it")
    name = f"events {wanted!r}"
    place = number_of(name, cursor)
    async with request.services.database.transaction() as connection:
        if after is not None:
            place = await _place(connection, wanted, after)
        shown = await read.page(connection, wanted, place, limit)
    items = [msgspec.Raw(payload.encode()) for _, payload in shown.rows]
    return Answer(encode(Page(items, None if shown.next is None else cursor_of(name, shown.next))))


@get("/v1/events/{event_id:str}", opt={"scope": "read", "problems": (410,)})
async def get_event(request: LedgerRequest, event_id: FromPath[str]) -> Answer[Event]:
    """An event, byte for byte as it is delivered."""
    async with request.services.database.transaction() as connection:
        return Answer((await read.find(connection, event_id)).payload.encode())


async def _wanted(
    request: LedgerRequest, wallet_id: str | None, type_: str | None, from_: str | None, to: str | None
) -> Wanted:
    """Raises InvalidRequest, NotFound."""
    types = None if type_ is None else types_of(type_)
    if types == ():
        raise invalid("type", f"there are no events {type_}", known=list(TYPES))
    found = None
    if wallet_id is not None:
        found = await request.services.directory.find(wallet_id)
        await request.services.reader.wallet(found)
    since, until = queried_day_or_instant(from_, "from"), queried_day_or_instant(to, "to")
    return Wanted(found, None if types == TYPES else types, since, until)


async def _place(connection: AsyncConnection, wanted: Wanted, after: str) -> int:
    """Where an event stands among those that are wanted. Raises InvalidRequest, EventsExpired."""
    try:
        found = await read.find(connection, after)
    except NotFound:
        raise invalid("after", "there is no such event") from None
    if wanted.wallet_id is None:
        return found.position
    if found.wallet_id != wanted.wallet_id:
        raise invalid("after", "this event is of another wallet")
    return found.number


HANDLERS = [list_events, get_event]
