"""Events, read in the order in which they were told: all of them by position, those of one wallet by number.

Places have no gap, so that a page is read by the index of places alone. With a filter it looks at a bounded number of
events, and may show fewer than were asked for, or none: its cursor says where to go on. Instants are found by halving:
events are told nearly in the order in which they were recorded.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import EventsExpired, NotFound
from ledger.kit.ids import parse_event

LOOKED_AT: Final = 10_000
"""Events that one page looks at, at most."""

SLACK: Final = timedelta(minutes=1)
"""How far the order of places may differ from that of instants: longer than a unit of work may take."""

_BOUNDS: Final = "SELECT gone + 1, last FROM feed"

_BOUNDS_OF_WALLET: Final = """
SELECT coalesce((SELECT event FROM outbox WHERE wallet_id = %(wallet)s ORDER BY event LIMIT 1),
        (SELECT event_number + 1 FROM wallets WHERE wallet_id = %(wallet)s), 1),
    least(
        coalesce((SELECT event FROM outbox WHERE wallet_id = %(wallet)s ORDER BY event DESC LIMIT 1), 0),
        (SELECT min(event) - 1 FROM outbox WHERE wallet_id = %(wallet)s AND position IS NULL)),
    (SELECT gone FROM feed)"""

_OF_ALL: Final = ("position", "TRUE")
_OF_WALLET: Final = ("event", "wallet_id = %(wallet)s")

_PAGE: Final = """
SELECT {place}, payload FROM outbox
WHERE {which} AND {place} > %(after)s AND {place} <= %(upto)s
    AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s::text[]))
    AND recorded_at >= coalesce(%(since)s::timestamptz, '-infinity')
    AND recorded_at < coalesce(%(until)s::timestamptz, 'infinity')
ORDER BY {place} LIMIT %(limit)s"""

_FIRST_SINCE: Final = """
WITH RECURSIVE s (low, high) AS (
    SELECT %(first)s::bigint, %(last)s::bigint + 1
    UNION ALL
    SELECT CASE WHEN o.recorded_at < %(at)s THEN m.place + 1 ELSE s.low END,
        CASE WHEN o.recorded_at < %(at)s THEN s.high ELSE m.place END
    FROM s CROSS JOIN LATERAL (SELECT (s.low + s.high) / 2 AS place) m
    JOIN LATERAL (SELECT recorded_at FROM outbox WHERE {which} AND {place} = m.place) o ON true
    WHERE s.low < s.high)
SELECT low FROM s WHERE low = high"""

_ONE: Final = "SELECT position, payload FROM outbox WHERE wallet_id = %(wallet)s AND event = %(event)s"

_OLDEST: Final = """
SELECT f.gone, o.recorded_at FROM feed f LEFT JOIN outbox o ON o.position = f.gone + 1"""


class Wanted(NamedTuple):
    """Which events: of one wallet or all, of these types or all, recorded in [since, until)."""

    wallet_id: int | None
    types: tuple[str, ...] | None
    since: datetime | None
    until: datetime | None

    @property
    def by(self) -> tuple[str, str]:
        """The column that is their place, and what they have in common."""
        return _OF_ALL if self.wallet_id is None else _OF_WALLET


class Found(NamedTuple):
    """A stored event; ``position``: its place among all, ``number``: among its wallet's."""

    wallet_id: int
    number: int
    position: int
    payload: str


class Shown(NamedTuple):
    """``rows`` of (place, payload); ``next``: the place to go on after, None where there is no more now."""

    rows: Sequence[tuple[int, str]]
    next: int | None


class _Id(msgspec.Struct):
    id: str


_id = msgspec.json.Decoder(_Id).decode


async def find(connection: AsyncConnection, event_id: str) -> Found:
    """An event that has its place. Raises NotFound, EventsExpired."""
    wallet_id, number, moment = parse_event(event_id)
    found: Any = await connection.exec_driver_sql(_ONE, {"wallet": wallet_id, "event": number})
    row = found.one_or_none()
    if row is not None and row.position is not None and _id(row.payload).id == event_id:
        return Found(wallet_id, number, row.position, row.payload)
    if row is None:
        gone, oldest = await _oldest(connection)
        if gone and (oldest is None or moment < oldest + SLACK):
            raise _expired(oldest)
    raise NotFound("there is no such event")


async def page(connection: AsyncConnection, wanted: Wanted, after: int | None, limit: int) -> Shown:
    """The next events behind the place ``after``, which are ``limit`` at most. Raises EventsExpired."""
    first, last, gone = await _bounds(connection, wanted)
    if after is not None and gone and after < first - 1:
        raise _expired((await _oldest(connection))[1])
    begin, end = await _within(connection, wanted, first, last)
    after = max(begin - 1, after or 0)
    upto = min(after + LOOKED_AT, end)
    place, which = wanted.by
    params = {
        "wallet": wanted.wallet_id,
        "after": after,
        "upto": upto,
        "types": None if wanted.types is None else list(wanted.types),
        "since": wanted.since,
        "until": wanted.until,
        "limit": limit + 1,
    }
    found: Any = await connection.exec_driver_sql(_PAGE.format(place=place, which=which), params)
    rows = [(row[0], row[1]) for row in found.fetchall()]
    if len(rows) > limit:
        return Shown(rows[:limit], rows[limit - 1][0])
    return Shown(rows, upto if upto < end else None)


async def positions(connection: AsyncConnection, since: datetime, until: datetime) -> tuple[int, int]:
    """The first and the last position between which all events are that were recorded in [since, until)."""
    wanted = Wanted(None, None, since, until)
    first, last, _ = await _bounds(connection, wanted)
    return await _within(connection, wanted, first, last)


async def _within(connection: AsyncConnection, wanted: Wanted, first: int, last: int) -> tuple[int, int]:
    """The first and the last place, of these, between which all are that are wanted."""
    begin, end = first, last
    if wanted.since is not None:
        begin = await _first_since(connection, wanted, _moved(wanted.since, -SLACK), first, last)
    if wanted.until is not None:
        end = await _first_since(connection, wanted, _moved(wanted.until, SLACK), first, last) - 1
    return begin, end


def _moved(at: datetime, by: timedelta) -> datetime:
    """The instant so much later, or the last that there is on that side."""
    try:
        return at + by
    except OverflowError:
        return at


async def _bounds(connection: AsyncConnection, wanted: Wanted) -> tuple[int, int, int]:
    """The first and the last place that can be shown, and how many events are gone, of whomever."""
    if wanted.wallet_id is None:
        feed: Any = (await connection.exec_driver_sql(_BOUNDS)).one()
        return feed[0], feed[1], feed[0] - 1
    bounds: Any = (await connection.exec_driver_sql(_BOUNDS_OF_WALLET, {"wallet": wanted.wallet_id})).one()
    return bounds[0], bounds[1], bounds[2]


async def _first_since(connection: AsyncConnection, wanted: Wanted, at: datetime, first: int, last: int) -> int:
    """The first place from which on all is recorded at ``at`` or later, or nearly all."""
    place, which = wanted.by
    params = {"wallet": wanted.wallet_id, "at": at, "first": first, "last": max(last, first - 1)}
    found = await connection.exec_driver_sql(_FIRST_SINCE.format(place=place, which=which), params)
    return int(found.scalar_one_or_none() or first)


async def _oldest(connection: AsyncConnection) -> tuple[int, datetime | None]:
    """Up to which position events are gone, and when the oldest that is kept was recorded."""
    row: Any = (await connection.exec_driver_sql(_OLDEST)).one()
    return row[0], row[1]


def _expired(oldest: datetime | None) -> EventsExpired:
    at = None if oldest is None else oldest.isoformat(timespec="microseconds")[:26] + "Z"
    return EventsExpired("events are kept for some time only, and this one is older", oldest_at=at)
