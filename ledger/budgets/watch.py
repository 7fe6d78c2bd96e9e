"""Spikes: what every wallet uses, hour by hour, and which hours and days are out of the ordinary.

A posting does nothing for it. A background task reads what wallets have posted since it last looked, each transaction
once, and adds it up by the hour; wallets that posted nothing are not looked at. What it finds it has told through the
door, under the wallet's lock, together with a mark of what was told: however often the task runs, and in however many
processes, a transaction is added once and a spike is told once.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Attempt, BookDue, Changed, Rider
from ledger.book.door import Door
from ledger.budgets.participant import SPIKE
from ledger.budgets.spikes import WINDOWS, Spike, spike_of_day, spike_of_hour
from ledger.events.payloads import SpikeWindow, UsageSpike
from ledger.kit.db import Database
from ledger.kit.money import format_amount

Row = tuple[Any, ...]

KEPT_DAYS: Final = WINDOWS + 2
"""Days of which hours are kept."""

PAGE: Final = 200
"""Wallets that are asked for at once."""

PIECE: Final = 50_000
"""Transactions that one statement adds up."""

LOOK_S: Final = 600
"""How often somebody looks. The window that was running at the look before is judged once more, whole."""

_MOVED: Final = """
SELECT w.wallet_id, w.number, s.number, z.time_zone, z.created_at, s.told_hour, s.told_day, ledger_now()
FROM wallets w JOIN wallet_settings z USING (wallet_id) LEFT JOIN usage_watch s USING (wallet_id)
WHERE w.wallet_id > %(after)s AND w.number > coalesce(s.number, 0)
    AND w.last_at >= ledger_now() - make_interval(days => %(days)s)
ORDER BY w.wallet_id LIMIT %(limit)s"""

_FIRST: Final = """
SELECT coalesce((SELECT number FROM transactions WHERE wallet_id = %(wallet)s AND recorded_at < %(since)s
    ORDER BY number DESC LIMIT 1), 0)"""

_ADD: Final = """
WITH used AS (
    SELECT date_trunc('hour', t.effective_at, 'UTC') AS hour, sum(p.amount)::bigint AS micro
    FROM transactions t JOIN postings p USING (wallet_id, number)
    WHERE t.wallet_id = %(wallet)s AND t.number > %(after)s AND t.number <= %(upto)s
        AND t.effective_at >= %(since)s AND starts_with(p.credit, 'used:')
    GROUP BY 1),
mark AS (
    INSERT INTO usage_watch (wallet_id, number) VALUES (%(wallet)s, %(upto)s)
    ON CONFLICT (wallet_id) DO UPDATE SET number = excluded.number WHERE usage_watch.number = %(after)s
    RETURNING 1)
INSERT INTO usage_hours (wallet_id, hour, used_micro)
SELECT %(wallet)s, hour, micro FROM used WHERE EXISTS (SELECT FROM mark)
ON CONFLICT (wallet_id, hour) DO UPDATE SET used_micro = usage_hours.used_micro + excluded.used_micro"""

_HOURS: Final = "SELECT hour, used_micro FROM usage_hours WHERE wallet_id = %(wallet)s"

_FORGET: Final = "DELETE FROM usage_hours WHERE wallet_id = %(wallet)s AND hour < %(since)s"

_MARK: Final = """
UPDATE usage_watch SET told_{window} = %(start)s
WHERE wallet_id = %(wallet)s AND (told_{window} IS NULL OR told_{window} < %(start)s)"""


class Moved(NamedTuple):
    """A wallet that posted since it was last read, up to ``seen`` (None: never)."""

    wallet_id: int
    number: int
    seen: int | None
    time_zone: str
    born: datetime
    told_hour: datetime | None
    told_day: datetime | None
    now: datetime


async def watch(database: Database, door: Door) -> int:
    """Add up what is new, and have the spikes in it told; gives how many."""
    told = 0
    async for moved in _moved(database):
        since = moved.now - timedelta(days=KEPT_DAYS)
        hours = await _add_up(database, moved, since)
        for window, spike in _judge(moved, hours):
            outcomes = await door.submit([_telling(moved.wallet_id, window, spike)])
            told += isinstance(outcomes[0], Changed)
    return told


async def _moved(database: Database) -> AsyncIterator[Moved]:
    after = 0
    while True:
        async with database.transaction() as connection:
            rows = await _rows(connection, _MOVED, {"after": after, "days": KEPT_DAYS, "limit": PAGE})
        for row in rows:
            yield Moved(*row)
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


async def _add_up(database: Database, moved: Moved, since: datetime) -> dict[datetime, int]:
    """Read what the wallet has posted, piece by piece; gives its hours."""
    wallet = {"wallet": moved.wallet_id, "since": since}
    seen = moved.seen
    if seen is None:
        async with database.transaction() as connection:
            ((seen,),) = await _rows(connection, _FIRST, wallet)
    for after in range(seen, moved.number, PIECE):
        async with database.transaction() as connection:
            await connection.exec_driver_sql(_ADD, wallet | {"after": after, "upto": min(after + PIECE, moved.number)})
    async with database.transaction() as connection:
        await connection.exec_driver_sql(_FORGET, wallet)
        return dict(await _rows(connection, _HOURS, wallet))


def _judge(moved: Moved, hours: dict[datetime, int]) -> list[tuple[SpikeWindow, Spike]]:
    """The windows that are out of the ordinary: those of now, and those of the look before."""
    zone = ZoneInfo(moved.time_zone)
    found: dict[tuple[SpikeWindow, datetime], Spike] = {}
    for at in (moved.now - timedelta(seconds=LOOK_S), moved.now):
        spikes: dict[SpikeWindow, Spike | None] = {
            "hour": spike_of_hour(at, hours, moved.born, moved.told_hour),
            "day": spike_of_day(at, hours, moved.born, zone, moved.told_day),
        }
        found |= {(window, spike.start): spike for window, spike in spikes.items() if spike is not None}
    return [(window, spike) for (window, _), spike in found.items()]


def _telling(wallet_id: int, window: SpikeWindow, spike: Spike) -> Attempt:
    data = UsageSpike(
        window=window,
        window_start=spike.start,
        used=format_amount(spike.used_micro),
        usual=format_amount(spike.usual_micro),
    )
    mark = Rider(sql=_MARK.format(window=window), params={"wallet": wallet_id, "start": spike.start})
    return Attempt(
        command=BookDue(wallet_id=wallet_id, facts={SPIKE: msgspec.json.encode(data).decode()}),
        key=f"spike:{window}:{spike.start.isoformat()}",
        namespace="job",
        actor="system",
        riders=(mark,),
    )


async def _rows(connection: AsyncConnection, text: str, params: dict[str, Any]) -> list[Row]:
    return [tuple(row) for row in (await connection.exec_driver_sql(text, params)).fetchall()]
