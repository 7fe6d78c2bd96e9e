"""Asks Stripe for its events, so that one is not lost whose webhook never came.

Stripe lists events of the last thirty days, the newest first. They are asked for in pieces of time, the oldest piece
first, and the cursor moves on with each: who is interrupted goes on there. A piece begins some minutes before the
cursor, as Stripe may list an event later than its time says. Times are Stripe's, but for the very first one.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import func, select
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
FIRST: Final = timedelta(days=3)
OVERLAP: Final = timedelta(minutes=5)
PIECE: Final = timedelta(hours=1)
PAGE: Final = 100

_c = stripe_cursors.c


async def poll(desk: Desk, *, work_s: float, effects: Effects = EFFECTS) -> int:
    """Store events that are not there yet, for about ``work_s`` seconds; gives how many. Raises StripeAway."""
    until, found = time.monotonic() + work_s, 0
    now = datetime.now(UTC)
    seen = await _cursor(desk.database) or now - FIRST
    while time.monotonic() < until:
        since = seen - OVERLAP
        before = since + PIECE if since + PIECE < now else None
        came, newest = await _piece(desk, since, before, effects)
        found += came
        await failpoints.reach("poll.before_cursor")
        seen = before or newest or seen
        await _move(desk.database, seen)
        if before is None:
            break
    if found:
        log.warning("inbox.found", events=found)
    return found


async def _piece(desk: Desk, since: datetime, before: datetime | None, effects: Effects) -> tuple[int, datetime | None]:
    """How many events of this time were not there, and the time of the newest."""
    created = {"gte": int(since.timestamp())} | ({} if before is None else {"lt": int(before.timestamp())})
    wanted: Any = {"created": created, "limit": PAGE}
    found, newest = 0, None
    while True:
        page = await desk.stripe.call(lambda client, wanted=wanted: client.v1.events.list(wanted))  # type: ignore[misc]
        letters = [_letter(plain(event), effects) for event in page.data]
        found += await store.put(desk.database, [letter for letter in letters if letter.wanted], "poll")
        if letters:
            newest = newest or letters[0].told.created_at
            wanted = wanted | {"starting_after": letters[-1].told.id}
        if not page.has_more:
            return found, newest


def _letter(event: dict[str, Any], effects: Effects) -> Letter:
    text = encode(event).decode()
    told = read(text)
    return Letter(told, text, bool(jobs_of(told, effects)))


async def _cursor(database: Database) -> datetime | None:
    async with database.transaction() as connection:
        return (await connection.execute(select(_c.at).where(_c.name == CURSOR))).scalar_one_or_none()


async def _move(database: Database, at: datetime) -> None:
    """Never back: another poller may be ahead."""
    row = insert(stripe_cursors).values(name=CURSOR, at=at)
    later = {"at": func.greatest(_c.at, row.excluded.at)}
    async with database.transaction() as connection:
        await connection.execute(row.on_conflict_do_update(index_elements=[_c.name], set_=later))
