"""What nobody waits for: booking what is due in wallets that nobody touches, forgetting old refusals.

Balances are right without any of it (``post()`` and reads apply what is due themselves); it makes the journal show
in time what has ended.
"""

import asyncio
from typing import Final

import structlog

from ledger.book import commands as c
from ledger.book.door import Door
from ledger.errors import InternalError, WalletBusy
from ledger.kit.db import Database

log = structlog.get_logger(__name__)

AT_ONCE: Final = 20
"""Wallets in one request: each may have a thousand lots to book, and a request is one unit of work."""

_DUE: Final = """
SELECT wallet_id FROM (
    (SELECT wallet_id FROM lots WHERE open AND expires_at IS NOT NULL AND expires_at <= ledger_now()
        AND remaining > pinned ORDER BY expires_at LIMIT %(limit)s)
    UNION
    (SELECT wallet_id FROM holds WHERE state = 'open' AND expires_at <= ledger_now()
        ORDER BY expires_at LIMIT %(limit)s)) AS due
LIMIT %(limit)s"""

_FORGET: Final = """
DELETE FROM refusals WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM refusals WHERE recorded_at < ledger_now() - interval '24 hours' LIMIT %(limit)s))"""


async def book_due(database: Database, door: Door, *, limit: int = 500) -> int:
    """Book expired lots and holds of up to ``limit`` wallets; gives how many wallets were due.

    A wallet that cannot be booked now (somebody holds its row) keeps no other from it: those that were asked for
    together with it are asked for again, one by one. Raises its error when all others are done.
    """
    async with database.engine.connect() as connection:
        rows = (await connection.exec_driver_sql(_DUE, {"limit": limit})).fetchall()
    wallet_ids = [row[0] for row in rows]
    alone: list[int] = []
    for start in range(0, len(wallet_ids), AT_ONCE):
        together = wallet_ids[start : start + AT_ONCE]
        try:
            await door.submit([_due(wallet_id) for wallet_id in together])
        except (WalletBusy, InternalError):
            alone += together
    booked = await asyncio.gather(*(door.submit([_due(wallet_id)]) for wallet_id in alone), return_exceptions=True)
    for wallet_id, outcome in zip(alone, booked, strict=True):
        if isinstance(outcome, BaseException):
            log.warning("due.not_booked", wallet_id=wallet_id, error=type(outcome).__name__)
    for outcome in booked:
        if isinstance(outcome, BaseException):
            raise outcome
    return len(wallet_ids)


def _due(wallet_id: int) -> c.Attempt:
    command = c.BookDue(wallet_id=wallet_id)
    return c.Attempt(command=command, key=f"due:{wallet_id}", namespace="due", actor="system")


async def forget_refusals(database: Database, *, limit: int = 10_000) -> int:
    """Delete refusals that are no longer remembered; gives how many."""
    forgotten = 0
    while True:
        async with database.transaction() as connection:
            gone = (await connection.exec_driver_sql(_FORGET, {"limit": limit})).rowcount
        forgotten += gone
        if gone < limit:
            return forgotten
