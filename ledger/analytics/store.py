"""The SQL of analytics: rows of ``rules.Row``, summed up in the database by what is asked for.

All of an answer is read from one snapshot, of which the mark says up to which number of the book it goes. A metadata
key is no column of the rollups: that breakdown is read from the journal, as far as its bounds allow.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.analytics.period import Period
from ledger.analytics.rules import TIMES, Row
from ledger.book.read import NUMBER_AT
from ledger.errors import AnalyticsTooLarge
from ledger.rollups.store import ADDED, OF

GROUPS_MAX: Final = 2_500
"""Parts of one breakdown: 90 days have 2,160 hours."""

JOURNAL_MAX: Final = 50_000
"""Transactions that a breakdown by a metadata key reads."""

METADATA: Final = "metadata:"

_HEAD: Final = """
SELECT w.number, coalesce(m.number, 0), s.time_zone, ledger_now(), (ledger_now() AT TIME ZONE s.time_zone)::date,
    m.rolled_at, coalesce(m.earned_micro, 0), coalesce(m.charged_micro, 0), coalesce(m.refunded_micro, 0),
    coalesce(m.operations, 0), coalesce(m.sessions, 0), m.first_day, m.last_day
FROM wallets w JOIN wallet_settings s USING (wallet_id) LEFT JOIN rollup_marks m USING (wallet_id)
WHERE w.wallet_id = %(wallet)s"""

_START: Final = "(%(first)s::date::timestamp AT TIME ZONE %(zone)s::text)"
_END: Final = "(%(end)s::date::timestamp AT TIME ZONE %(zone)s::text)"

_SUMS: Final = "sum(charged_micro), sum(refunded_micro), sum(operations)::bigint, sum(sessions)::bigint"
_WITHIN: Final = f"FROM rollups WHERE wallet_id = %(wallet)s AND slot >= {_START} AND slot < {_END}"

_METERS: Final = f"SELECT service, meter, {_SUMS} {_WITHIN} GROUP BY 1, 2"

_QUANTITIES: Final = f"""
SELECT r.service, r.meter, {_SUMS}, trim_scale(sum(r.quantity * power(10::numeric, -coalesce(x.decimals, 0))))
FROM (SELECT * {_WITHIN}) AS r LEFT JOIN LATERAL (
    SELECT (body::jsonb ->> 'decimals')::int AS decimals FROM meters
    WHERE service = r.service AND meter = r.meter) AS x ON true GROUP BY 1, 2"""

_LOCAL: Final = "slot AT TIME ZONE %(zone)s::text"

_KEYS: Final = {
    "service": "service",
    "user": "nullif(user_id, '')",
    "purpose": "nullif(purpose, '')",
    "hour": f"date_trunc('hour', {_LOCAL})",
    **dict.fromkeys(("day", "week", "month"), f"({_LOCAL})::date"),
}
"""What rollups are grouped by. Weeks and months are put together from days."""

_JOURNAL: Final = f"""
SELECT a.metadata ->> %(key)s::text, sum(a.charged), sum(a.refunded), sum(a.operations)::bigint, count(b.number)
FROM (
    SELECT {ADDED} FROM (
        SELECT * FROM transactions WHERE wallet_id = %(wallet)s AND number > %(after)s AND number <= %(up_to)s
        ORDER BY number LIMIT {JOURNAL_MAX}) AS t
    {OF}) AS a
LEFT JOIN rollup_sessions b ON b.wallet_id = a.wallet_id AND b.session = md5(a.session)::uuid AND b.number = a.number
WHERE a.service IS NOT NULL AND a.at >= {_START} AND a.at < {_END} GROUP BY 1 LIMIT {GROUPS_MAX + 1}"""


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


async def head(connection: AsyncConnection, wallet_id: int) -> Head | None:
    """None where there is no such wallet."""
    row: Any = (await connection.exec_driver_sql(_HEAD, {"wallet": wallet_id})).one_or_none()
    return None if row is None else Head(*row[:6], *map(int, row[6:11]), *row[11:])


async def by_meter(connection: AsyncConnection, asked: Asked) -> list[Row]:
    """Each service and meter, whenever in the period."""
    day = asked.period.first
    return [
        _row(day, sums, service=service, meter=meter or None)
        for service, meter, *sums in await _fetch(connection, _METERS, asked.params)
    ]


async def quantities(connection: AsyncConnection, asked: Asked) -> list[Row]:
    """The same with what was counted, in units of each meter."""
    day = asked.period.first
    return [
        _row(day, sums, service=service, meter=meter or None, quantity=quantity)
        for service, meter, *sums, quantity in await _fetch(connection, _QUANTITIES, asked.params)
    ]


async def rows_by(connection: AsyncConnection, asked: Asked, by: str) -> list[Row]:
    """Rows for a breakdown by this. Raises AnalyticsTooLarge."""
    sql = f"SELECT {_KEYS[by]}, {_SUMS} {_WITHIN} GROUP BY 1 LIMIT {GROUPS_MAX + 1}"
    found = await _fetch(connection, sql, asked.params)
    _check(len(found), by)
    if by in TIMES:
        return [_row(key, sums) if by != "hour" else _row(key.date(), sums, hour=key.hour) for key, *sums in found]
    return [_row(asked.period.first, sums, **{by: key}) for key, *sums in found]


async def rows_by_metadata(connection: AsyncConnection, asked: Asked, key: str, up_to: int) -> list[Row]:
    """The same by a key of the metadata, out of the journal up to a number. Raises AnalyticsTooLarge."""
    by = METADATA + key
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
    params = asked.params | {"key": key, "after": after, "up_to": up_to}
    rows = await _fetch(connection, _JOURNAL, params)
    _check(len(rows), by)
    return [_row(asked.period.first, sums, metadata=value) for value, *sums in rows]


def _check(groups: int, by: str) -> None:
    if groups > GROUPS_MAX:
        raise AnalyticsTooLarge(
            f"the breakdown by {by} has more than {GROUPS_MAX} parts: ask about fewer days, or by something else",
            breakdown_by=by,
            limit=GROUPS_MAX,
        )


def _row(day: date, sums: list[Any], *, quantity: Decimal = Decimal(0), service: str = "", **more: Any) -> Row:
    charged, refunded, operations, sessions = sums
    return Row(
        day=day,
        hour=more.pop("hour", 0),
        service=service,
        quantity=quantity,
        credits_micro=int(charged),
        refunded_micro=int(refunded),
        operations=operations,
        sessions=sessions,
        **more,
    )


async def _fetch(connection: AsyncConnection, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    result = await connection.exec_driver_sql(sql, params)
    return cast("list[tuple[Any, ...]]", result.fetchall())
