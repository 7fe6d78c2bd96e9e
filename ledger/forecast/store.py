"""The SQL of forecasts: the history they are made of, the one that was made, and when it is due again."""

from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.forecast.records import Forecast

LOOK_BACK_DAYS: Final = 400
"""More than any forecast looks at."""

LEASE_S: Final = 600
"""A forecast that was begun and not made within that is due again."""

NIGHT_MIN: Final = 120
"""Forecasts of a night begin within so many minutes of the wallet's midnight, each wallet's at its own."""

_HEAD: Final = """
SELECT (ledger_now() AT TIME ZONE s.time_zone)::date, m.first_day,
    ledger_now(), f.made_at, f.until, f.body
FROM wallets w JOIN wallet_settings s USING (wallet_id) LEFT JOIN rollup_marks m USING (wallet_id)
LEFT JOIN forecasts f USING (wallet_id) WHERE w.wallet_id = %(wallet)s"""

_DAYS: Final = """
SELECT day, (charged_micro - refunded_micro)::bigint FROM rollup_days
WHERE wallet_id = %(wallet)s AND by = 'all' AND day >= %(today)s::date - %(back)s::int AND day < %(today)s
ORDER BY day"""

_ASK: Final = """
INSERT INTO forecasts (wallet_id, due_at) VALUES (%(wallet)s, ledger_now())
ON CONFLICT (wallet_id) DO UPDATE SET due_at = excluded.due_at
WHERE forecasts.due_at IS NULL OR forecasts.due_at > excluded.due_at + make_interval(secs => %(lease)s)"""

_CLAIM: Final = """
UPDATE forecasts SET due_at = ledger_now() + make_interval(secs => %(lease)s) WHERE wallet_id = (
    SELECT wallet_id FROM forecasts WHERE due_at <= ledger_now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING wallet_id"""

_KEEP: Final = f"""
UPDATE forecasts f SET made_at = ledger_now(), until = %(until)s, body = %(body)s, due_at = CASE WHEN %(again)s THEN
    (%(until)s::date + 2)::timestamp AT TIME ZONE s.time_zone + make_interval(mins => (f.wallet_id %% {NIGHT_MIN})::int)
    END
FROM wallet_settings s WHERE s.wallet_id = f.wallet_id AND f.wallet_id = %(wallet)s"""

_POSTPONE: Final = """
UPDATE forecasts f SET due_at = %(day)s::date::timestamp AT TIME ZONE s.time_zone
FROM wallet_settings s WHERE s.wallet_id = f.wallet_id AND f.wallet_id = %(wallet)s"""

_FIND: Final = """
INSERT INTO forecasts (wallet_id, due_at)
SELECT m.wallet_id, ledger_now() FROM rollup_marks m
WHERE m.first_day <= ledger_now()::date - %(known)s::int AND m.last_day >= ledger_now()::date - %(idle)s::int
    AND NOT EXISTS (SELECT FROM forecasts f WHERE f.wallet_id = m.wallet_id AND f.due_at IS NOT NULL)
ON CONFLICT (wallet_id) DO UPDATE SET due_at = coalesce(forecasts.due_at, excluded.due_at)"""


class Stored(NamedTuple):
    """A forecast that was made, of the history up to the day ``until``."""

    made_at: datetime
    until: date
    forecast: Forecast


class Known(NamedTuple):
    """What is known of a wallet: its day now, its first use, its forecast, and what it used on days before today
    (those on which it did)."""

    today: date
    first_day: date | None
    now: datetime
    stored: Stored | None
    days: dict[date, int]


_decode = msgspec.json.Decoder(Forecast).decode
_encode = msgspec.json.Encoder().encode


async def known(connection: AsyncConnection, wallet_id: int) -> Known | None:
    """None where there is no such wallet."""
    row: Any = (await connection.exec_driver_sql(_HEAD, {"wallet": wallet_id})).one_or_none()
    if row is None:
        return None
    today, first_day, now, made_at, until, body = row
    params = {"wallet": wallet_id, "today": today, "back": LOOK_BACK_DAYS}
    days: Any = await connection.exec_driver_sql(_DAYS, params)
    stored = None if body is None else Stored(made_at, until, _decode(body))
    return Known(today, first_day, now, stored, dict(list(days)))


async def ask(connection: AsyncConnection, wallet_id: int) -> None:
    """Let it be made now, unless it is being made."""
    await connection.exec_driver_sql(_ASK, {"wallet": wallet_id, "lease": LEASE_S})


async def claim(connection: AsyncConnection) -> int | None:
    """A wallet whose forecast is due; it is due again when the lease ends."""
    found: int | None = (await connection.exec_driver_sql(_CLAIM, {"lease": LEASE_S})).scalar_one_or_none()
    return found


async def keep(connection: AsyncConnection, wallet_id: int, until: date, forecast: Forecast, *, again: bool) -> None:
    """Keep a forecast that was made; ``again``: it is due the next night."""
    params = {"wallet": wallet_id, "until": until, "body": _encode(forecast).decode(), "again": again}
    await connection.exec_driver_sql(_KEEP, params)


async def postpone(connection: AsyncConnection, wallet_id: int, day: date | None) -> None:
    """Let it be made on a later day; None: when somebody asks."""
    await connection.exec_driver_sql(_POSTPONE, {"wallet": wallet_id, "day": day})


async def find(connection: AsyncConnection, known_days: int, idle_days: int) -> int:
    """Let those be made of wallets that have had a history of ``known_days`` and were in use in the last
    ``idle_days``, and are not due yet; gives how many."""
    return (await connection.exec_driver_sql(_FIND, {"known": known_days, "idle": idle_days})).rowcount
