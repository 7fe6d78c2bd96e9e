"""Tells of credits that are about to expire: once for each instant at which some of a wallet do.

Lots that end together are told of together. Those that are given later, to end at an instant that was told of, are not
told of again.
"""

import asyncio
from datetime import datetime
from typing import Any, Final, NamedTuple

import structlog

from ledger.book.commands import Rider
from ledger.book.door import Door
from ledger.book.participants import Event
from ledger.book.telling import tell
from ledger.events.payloads import CreditsExpiring
from ledger.kit import clock
from ledger.kit.db import Database
from ledger.kit.money import format_amount

log = structlog.get_logger(__name__)

AHEAD_DAYS: Final = 7
PAGE: Final = 200
"""Notices that are told at once."""

TOLD_MAX: Final = 20_000
"""Notices that are told in one go; the rest is found the next time."""

_FREE: Final = "l.open AND l.expires_at > ledger_now() AND l.remaining > l.pinned"

_FOUND: Final = f"""
SELECT l.wallet_id, l.expires_at, sum(l.remaining - l.pinned)::bigint, count(*)
FROM lots l
WHERE {_FREE} AND l.expires_at <= ledger_now() + make_interval(days => %(days)s)
    AND l.expires_at >= %(at)s AND (l.expires_at, l.wallet_id) > (%(at)s, %(wallet)s)
    AND NOT EXISTS (
        SELECT FROM expiry_notices n WHERE n.wallet_id = l.wallet_id AND n.expires_at = l.expires_at)
GROUP BY l.expires_at, l.wallet_id ORDER BY l.expires_at, l.wallet_id LIMIT %(limit)s"""

_MARK: Final = f"""
INSERT INTO expiry_notices (wallet_id, expires_at)
SELECT DISTINCT l.wallet_id, l.expires_at FROM lots l
WHERE l.wallet_id = %(wallet)s AND l.expires_at = %(at)s AND {_FREE}
ON CONFLICT DO NOTHING"""

_FORGET: Final = "DELETE FROM expiry_notices WHERE expires_at < ledger_now()"


class Notice(NamedTuple):
    """``micro``: what is free of the ``lots`` of a wallet that end at one instant."""

    wallet_id: int
    expires_at: datetime
    micro: int
    lots: int


async def tell_expiring(database: Database, door: Door) -> int:
    """Tell of all that end within seven days; gives how many notices were told. Those that could not be told now,
    as somebody held the wallet, are found again the next time."""
    async with database.transaction() as connection:
        await connection.exec_driver_sql(_FORGET)
        now = await clock.now(connection)
    told, seen = 0, 0
    at, wallet_id = now, 0
    while seen < TOLD_MAX:
        params = {"days": AHEAD_DAYS, "at": at, "wallet": wallet_id, "limit": PAGE}
        async with database.transaction() as connection:
            rows: Any = (await connection.exec_driver_sql(_FOUND, params)).fetchall()
        notices = [Notice(*row) for row in rows]
        outcomes = await asyncio.gather(*(_tell(door, notice) for notice in notices), return_exceptions=True)
        for notice, outcome in zip(notices, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                log.warning("expiring.not_told", wallet_id=notice.wallet_id, error=type(outcome).__name__)
            else:
                told += outcome
        if len(notices) < PAGE:
            break
        seen += len(notices)
        at, wallet_id = notices[-1].expires_at, notices[-1].wallet_id
    return told


async def _tell(door: Door, notice: Notice) -> bool:
    data = CreditsExpiring(credits=format_amount(notice.micro), expires_at=notice.expires_at, lots=notice.lots)
    mark = Rider(_MARK, {"wallet": notice.wallet_id, "at": notice.expires_at})
    event = Event(notice.wallet_id, "credits.expiring", data, None)
    return await tell(door, event, f"expiring:{notice.expires_at.isoformat()}", mark)
