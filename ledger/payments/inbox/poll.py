"""Asks Stripe for its events, so that one is not lost whose webhook never came.

Stripe lists events of the last thirty days, the newest first. They are asked for in pieces of time, the oldest piece
first, and the cursor moves on with each: who is interrupted goes on there. A piece begins some minutes before the
cursor, as Stripe may list an event later than its time says. Times are Stripe's, but for the very first one.

A piece that is too large for one look is read further down in the next: two more cursors say how far it was read, and
where it ends. They are a hint: if another poller was quicker, what is left of it is read in vain.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from ledger.kit import failpoints
from ledger.kit.db import Database
from ledger.kit.http.answers import encode
from ledger.payments.desk import Desk
from ledger.payments.gateway import plain
from ledger.payments.inbox import store
from ledger.payments.inbox.effects import EFFECTS, Effects, jobs_of
from ledger.payments.inbox.store import Letter
from ledger.payments.inbox.told import read
from ledger.payments.tables import stripe_cursors

log = structlog.get_logger(__name__)

CURSOR: Final = "events"
DOWN_TO: Final = "events.down_to"
END: Final = "events.end"
ASKED: Final = "events.asked"
"""When Stripe last answered, by the ledger's clock: for those who watch, the poller does not read it."""

FIRST: Final = timedelta(days=3)
OVERLAP: Final = timedelta(minutes=5)
PIECE: Final = timedelta(hours=1)
PAGE: Final = 100

_NOW: Final = text("ledger_now()")
_c = stripe_cursors.c


async def poll(desk: Desk, *, work_s: float, effects: Effects = EFFECTS) -> int:
    """Store events that are not there yet, for about ``work_s`` seconds; gives how many. Raises StripeAway."""
    until, found = time.monotonic() + work_s, 0
    now = datetime.now(UTC)
    at = await _cursors(desk.database)
    seen, down_to, end = at.get(CURSOR, now - FIRST), at.get(DOWN_TO), at.get(END)
    while True:
        since = seen - OVERLAP
        before = since + PIECE if since + PIECE < now else None
        created = {"gte": int(since.timestamp())}
        if down_to is not None:
            created["lte"] = int(down_to.timestamp())
        elif before is not None:
            created["lt"] = int(before.timestamp())
        piece = await _piece(desk, created, effects, until)
        found += piece.found
        end = end or before or piece.newest or seen
        if piece.left is not None:
            await _leave(desk.database, piece.left, end)
            break
        await failpoints.reach("poll.before_cursor")
        seen = max(seen, end)
        await _move(desk.database, seen)
        if before is None or time.monotonic() > until:
            break
        down_to = end = None
    if found:
        log.warning("inbox.found", events=found)
    return found


class _Piece(NamedTuple):
    """What was read of one: how many events were not there, the time of the newest, and that of the oldest where more
    is left to be read."""

    found: int
    newest: datetime | None
    left: datetime | None


async def _piece(desk: Desk, created: dict[str, int], effects: Effects, until: float) -> _Piece:
    wanted: Any = {"created": created, "limit": PAGE}
    found, newest = 0, None
    while True:
        page = await desk.stripe.call(lambda client, wanted=wanted: client.v1.events.list(wanted))  # type: ignore[misc]
        letters = [_letter(plain(event), effects) for event in page.data]
        found += await store.put(desk.database, [letter for letter in letters if letter.wanted], "poll")
        if letters:
            newest = newest or letters[0].told.created_at
        if not page.has_more:
            return _Piece(found, newest, None)
        oldest = letters[-1].told.created_at
        if time.monotonic() > until and int(oldest.timestamp()) < created.get("lte", oldest.timestamp() + 1):
            return _Piece(found, newest, oldest)  # the next look begins with all of that second
        wanted = wanted | {"starting_after": letters[-1].told.id}


def _letter(event: dict[str, Any], effects: Effects) -> Letter:
    text = encode(event).decode()
    told = read(text)
    return Letter(told, text, bool(jobs_of(told, effects)))


async def _cursors(database: Database) -> dict[str, datetime]:
    async with database.transaction() as connection:
        rows = await connection.execute(select(_c.name, _c.at).where(_c.name.in_((CURSOR, DOWN_TO, END))))
        return {row.name: row.at for row in rows}


async def _leave(database: Database, down_to: datetime, end: datetime) -> None:
    """The rest of a piece for the next look."""
    cursors = {DOWN_TO: down_to, END: end, ASKED: _NOW}
    row = insert(stripe_cursors).values([{"name": name, "at": at} for name, at in cursors.items()])
    async with database.transaction() as connection:
        await connection.execute(row.on_conflict_do_update(index_elements=[_c.name], set_={"at": row.excluded.at}))


async def _move(database: Database, at: datetime) -> None:
    """Never back: another poller may be ahead. Nothing of a piece is left."""
    row = insert(stripe_cursors).values([{"name": CURSOR, "at": at}, {"name": ASKED, "at": _NOW}])
    later = {"at": func.greatest(_c.at, row.excluded.at)}
    async with database.transaction() as connection:
        await connection.execute(row.on_conflict_do_update(index_elements=[_c.name], set_=later))
        await connection.execute(delete(stripe_cursors).where(_c.name.in_((DOWN_TO, END))))
