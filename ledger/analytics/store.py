"""The SQL of analytics: rows of ``rules.Row``, summed up in the database by what is asked for.

All of an answer is read from one snapshot, of which the mark says up to which number of the book it goes. Sessions and
metadata keys are no columns of the rollups: those breakdowns are read from the journal, as far as its bounds allow.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.analytics.period import Period
from ledger.analytics.rules import Row
from ledger.book.read import NUMBER_AT
from ledger.errors import AnalyticsTooLarge
from ledger.kit.arrays import texts
from ledger.rollups.store import ADDED, OF

GROUPS_MAX: Final = 2_500
"""Parts of one breakdown: 90 days have 2,160 hours."""

JOURNAL_MAX: Final = 50_000
"""Transactions that a breakdown by session or by a metadata key reads."""

METADATA: Final = "metadata:"
SESSION: Final = "session"

_HEAD: Final = """
SELECT w.number, coalesce(m.number, 0), z.zone, ledger_now(), (ledger_now() AT TIME ZONE z.zone)::date,
    m.rolled_at, coalesce(m.earned_micro, 0), coalesce(m.charged_micro, 0), coalesce(m.refunded_micro, 0),
    coalesce(m.operations, 0), coalesce(m.sessions, 0), m.first_day, m.last_day
FROM wallets w JOIN wallet_settings s USING (wallet_id) LEFT JOIN rollup_marks m USING (wallet_id)
CROSS JOIN LATERAL (SELECT coalesce(m.zone, s.time_zone) AS zone) AS z WHERE w.wallet_id = %(wallet)s"""

_START: Final = "(%(first)s::date::timestamp AT TIME ZONE %(zone)s::text)"
_END: Final = "(%(end)s::date::timestamp AT TIME ZONE %(zone)s::text)"

_SUMS: Final = "sum(quantity), sum(charged_micro), sum(refunded_micro), sum(operations)::bigint, sum(sessions)::bigint"
_WITHIN: Final = "FROM rollup_days WHERE wallet_id = %(wallet)s AND day >= %(first)s::date AND day < %(end)s::date"

_USED: Final = f"""
SELECT day >= %(now)s::date, NULL::date, key, meter, {_SUMS} {_WITHIN} AND by = 'meter' GROUP BY 1, 3, 4
UNION ALL
SELECT true, day, '', '', quantity, charged_micro, refunded_micro, operations, sessions
{_WITHIN} AND by = 'all' AND day >= %(now)s::date"""

_HOURS: Final = f"""
SELECT day, key, quantity, charged_micro, refunded_micro, operations, sessions
{_WITHIN} AND by = 'hour' LIMIT {GROUPS_MAX + 1}"""

_LABELS: Final = f"SELECT key, {_SUMS} {_WITHIN} AND by = %(by)s GROUP BY 1 LIMIT {GROUPS_MAX + 1}"

_DECIMALS: Final = """
SELECT service, meter, (body::jsonb ->> 'decimals')::int FROM meters
WHERE (service, meter) IN (SELECT * FROM unnest(%(services)s::text[], %(meters)s::text[]))"""

_JOURNAL: Final = f"""
sum(a.quantity), sum(a.charged), sum(a.refunded), sum(a.operations)::bigint, count(b.number)
FROM (
    SELECT {ADDED} FROM (
        SELECT * FROM transactions WHERE wallet_id = %(wallet)s AND number > %(after)s AND number <= %(up_to)s
        ORDER BY number LIMIT {JOURNAL_MAX}) AS t
    {OF}) AS a
LEFT JOIN rollup_sessions b ON b.wallet_id = a.wallet_id AND b.session = md5(a.session)::uuid AND b.number = a.number
WHERE a.service IS NOT NULL AND a.at >= {_START} AND a.at < {_END} GROUP BY 1 LIMIT {GROUPS_MAX + 1}"""

_SESSIONS: Final = f"SELECT a.session, {_JOURNAL}"
_METADATA: Final = f"SELECT a.metadata ->> %(key)s::text, {_JOURNAL}"


class Head(NamedTuple):
    """A wallet's totals up to ``counted``, of the ``number`` that its book is at; sums in micro-credits."""

    number: int
    counted: int
    zone: str
    now: datetime
    today: date
    rolled_at: datetime | None
    earned_micro: int
    charged_micro: int
    refunded_micro: int
    operations: int
    sessions: int
    first_day: date | None
    last_day: date | None

    @property
    def as_of(self) -> datetime:
        """Up to when everything is counted."""
        return self.now if self.counted == self.number else self.rolled_at or self.now


class Asked(NamedTuple):
    """Of whom and about when; ``zone`` is where the days begin."""

    wallet_id: int
    zone: str
    period: Period

    @property
    def params(self) -> dict[str, Any]:
        first, end = self.period
        return {"wallet": self.wallet_id, "zone": self.zone, "first": first, "end": end}


class Used(NamedTuple):
    """By service and meter in the period and in the one before it, with quantities in the meters' smallest units; and
    each day of the period that had any."""

    now: list[Row]
    before: list[Row]
    days: list[Row]


async def head(connection: AsyncConnection, wallet_id: int) -> Head | None:
    """None where there is no such wallet."""
    row: Any = (await connection.exec_driver_sql(_HEAD, {"wallet": wallet_id})).one_or_none()
    return None if row is None else Head(*row[:6], *map(int, row[6:11]), *row[11:])


async def used(connection: AsyncConnection, asked: Asked) -> Used:
    """What every answer is made of."""
    first = asked.period.first
    params = asked.params | {"first": asked.period.before.first, "now": first}
    found = Used([], [], [])
    for is_now, day, service, meter, *sums in await _fetch(connection, _USED, params):
        rows = found.days if day else found.now if is_now else found.before
        rows.append(_row(day or first, sums, service=service, meter=meter or None))
    return found


async def in_units(connection: AsyncConnection, rows: list[Row]) -> list[Row]:
    """The same rows by meter, with their quantities in units of the meters."""
    params = {"services": texts([row.service for row in rows]), "meters": texts([row.meter or "" for row in rows])}
    decimals = {(service, meter): places for service, meter, places in await _fetch(connection, _DECIMALS, params)}
    return [replace(row, quantity=_scaled(row.quantity, decimals.get((row.service, row.meter), 0))) for row in rows]


async def by_hour(connection: AsyncConnection, asked: Asked) -> list[Row]:
    """Each hour of each day. Raises AnalyticsTooLarge."""
    found = await _fetch(connection, _HOURS, asked.params)
    _check(len(found), "hour")
    return [_row(day, sums, hour=int(hour)) for day, hour, *sums in found]


async def by_label(connection: AsyncConnection, asked: Asked, by: str) -> list[Row]:
    """Each user or each purpose; what has none has no row. Raises AnalyticsTooLarge."""
    found = await _fetch(connection, _LABELS, asked.params | {"by": by})
    _check(len(found), by)
    return [_row(asked.period.first, sums, **{by: key}) for key, *sums in found]


async def by_journal(connection: AsyncConnection, asked: Asked, by: str, up_to: int) -> list[Row]:
    """Each session, or each value of a metadata key, out of the journal up to a number. Raises AnalyticsTooLarge."""
    # Nothing is recorded before it occurred.
    start = f"SELECT {_START} - interval '1 hour'"
    at = (await connection.exec_driver_sql(start, asked.params)).scalar_one()
    found = await _fetch(connection, NUMBER_AT, {"wallet": asked.wallet_id, "at": at})
    after = found[0][0]
    if up_to - after > JOURNAL_MAX:
        raise AnalyticsTooLarge(
            f"since {asked.period.first} {up_to - after} transactions were recorded, and {by} is read from"
            f" {JOURNAL_MAX} at most: ask about fewer days, or by `user` or `purpose`",
            breakdown_by=by,
            limit=JOURNAL_MAX,
        )
    params = asked.params | {"key": by.removeprefix(METADATA), "after": after, "up_to": up_to}
    rows = await _fetch(connection, _SESSIONS if by == SESSION else _METADATA, params)
    _check(len(rows), by)
    field = SESSION if by == SESSION else "metadata"
    return [_row(asked.period.first, sums, **{field: value}) for value, *sums in rows]


def _check(groups: int, by: str) -> None:
    if groups > GROUPS_MAX:
        raise AnalyticsTooLarge(
            f"the breakdown by {by} has more than {GROUPS_MAX} parts: ask about fewer days, or by something else",
            breakdown_by=by,
            limit=GROUPS_MAX,
        )


def _row(day: date, sums: list[Any], *, service: str = "", hour: int = 0, **more: Any) -> Row:
    quantity, charged, refunded, operations, sessions = sums
    return Row(
        day=day,
        hour=hour,
        service=service,
        quantity=quantity,
        credits_micro=int(charged),
        refunded_micro=int(refunded),
        operations=operations,
        sessions=sessions,
        **more,
    )


def _scaled(smallest: Decimal, decimals: int) -> Decimal:
    """A quantity in the meter's unit, without zeros at its end."""
    return (smallest.scaleb(-decimals)).normalize()


async def _fetch(connection: AsyncConnection, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    result = await connection.exec_driver_sql(sql, params)
    return cast("list[tuple[Any, ...]]", result.fetchall())
