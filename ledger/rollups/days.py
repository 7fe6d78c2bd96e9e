"""The SQL of ``rollup_days``: what slots come to, in the days of the wallet's time zone.

Every zone's days and hours begin where a quarter of an hour does, so slots are all that is needed: those that are just
being added, or, where the zone is another now, all that a wallet has.
"""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.kit.arrays import numbers
from ledger.rollups.tables import EPOCH, RECENT_DAYS

TOGETHER: Final = 100_000
"""Rows of a wallet's slots that one statement looks at: a long history must not outlast a statement's time."""

MORE: Final = """quantity = {of}.quantity + excluded.quantity,
    charged_micro = {of}.charged_micro + excluded.charged_micro,
    refunded_micro = {of}.refunded_micro + excluded.refunded_micro,
    operations = {of}.operations + excluded.operations, sessions = {of}.sessions + excluded.sessions"""
"""What is added where a row is there already."""

ADD_DAYS: Final = f"""
    INSERT INTO rollup_days AS d (wallet_id, by, day, key, meter, quantity, charged_micro, refunded_micro,
        operations, sessions)
    SELECT wallet_id, k.by, local::date, k.key, k.meter, sum(k.quantity), sum(charged_micro), sum(refunded_micro),
        sum(operations), sum(sessions)
    FROM (SELECT *, slot AT TIME ZONE {{zone}} AS local FROM {{slots}}) AS s
    CROSS JOIN LATERAL (VALUES ('all', '', '', 0), ('hour', to_char(local, 'HH24'), '', 0),
        ('meter', service, meter, quantity), ('user', user_id, '', 0), ('purpose', purpose, '', 0)
        ) AS k(by, key, meter, quantity)
    WHERE k.key <> '' OR k.by = 'all' GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (wallet_id, by, day, key, meter) DO UPDATE SET {MORE.format(of="d")}"""

_FORGET: Final = "DELETE FROM rollup_days WHERE wallet_id = %(wallet)s"

_UP_TO: Final = """
SELECT slot::text FROM rollups WHERE wallet_id = %(wallet)s AND slot > %(after)s::timestamptz
ORDER BY slot OFFSET %(together)s LIMIT 1"""

_SLOTS: Final = """rollups
    WHERE wallet_id = %(wallet)s AND slot > %(after)s::timestamptz AND slot <= %(up_to)s::timestamptz"""

_ADD: Final = ADD_DAYS.format(zone="%(zone)s::text", slots=_SLOTS)

_BOUNDS: Final = """
UPDATE rollup_marks m SET zone = %(zone)s, first_day = (SELECT min(day) FROM rollup_days d WHERE {all}),
    last_day = (SELECT max(day) FROM rollup_days d WHERE {all}) WHERE wallet_id = %(wallet)s""".format(
    all="d.wallet_id = m.wallet_id AND by = 'all'"
)

_RECENT: Final = f"""
UPDATE rollup_marks m SET recent = coalesce((
    SELECT json_agg(json_build_array(day - date '{EPOCH}', charged_micro - refunded_micro) ORDER BY day)::text
    FROM rollup_days d WHERE d.wallet_id = m.wallet_id AND by = 'all'
        AND day > (ledger_now() AT TIME ZONE m.zone)::date - {RECENT_DAYS}), '[]')
WHERE wallet_id = ANY(%(wallets)s::bigint[])"""


async def make(connection: AsyncConnection, wallet_id: int, zone: str) -> None:
    """Make the days of a locked wallet anew, for this time zone."""
    params: dict[str, Any] = {"wallet": wallet_id, "zone": zone, "together": TOGETHER, "after": "-infinity"}
    await connection.exec_driver_sql(_FORGET, params)
    while params["after"] != "infinity":
        up_to: str | None = (await connection.exec_driver_sql(_UP_TO, params)).scalar_one_or_none()
        params["up_to"] = up_to or "infinity"
        await connection.exec_driver_sql(_ADD, params)
        params["after"] = params["up_to"]
    await connection.exec_driver_sql(_BOUNDS, params)
    await keep_recent(connection, [wallet_id])


async def keep_recent(connection: AsyncConnection, wallet_ids: Iterable[int]) -> None:
    """Write the last days of these locked wallets into their marks."""
    await connection.exec_driver_sql(_RECENT, {"wallets": numbers(wallet_ids)})
