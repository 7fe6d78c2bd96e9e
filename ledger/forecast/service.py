"""Forecasts are made by workers, each night and when somebody asks; who asks is told the last one meanwhile.

That a history is too short needs no model, so it is said at once.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.read import Reader
from ledger.errors import NotFound
from ledger.forecast import store
from ledger.forecast.backtest import Method
from ledger.forecast.records import Forecast, Insufficient, Used
from ledger.forecast.rules import HISTORY_MIN, IDLE_DAYS, forecast, too_short
from ledger.forecast.store import Known, Stored
from ledger.kit.db import Database
from ledger.kit.ids import wallet_public
from ledger.rollups.roller import caught_up, roll_up

log = structlog.get_logger(__name__)


class Told(NamedTuple):
    """What can be told of a wallet's future now: one of ``insufficient`` and ``stored``, or neither yet."""

    known: Known
    insufficient: Insufficient | None
    stored: Stored | None

    @property
    def outdated(self) -> bool:
        """Whether a new one was asked for."""
        return self.stored is None or self.stored.until < self.known.today - timedelta(1)


async def look(database: Database, wallet_id: int) -> Told:
    """What is known now; a forecast that is missing or of another day is asked for. Raises NotFound."""
    await caught_up(database, wallet_id)
    async with database.transaction() as connection:
        known = await _known(connection, wallet_id)
        missing = _too_short(known)
        told = Told(known, missing, None if missing else known.stored)
        if missing is None and told.outdated:
            await store.ask(connection, wallet_id)
    return told


async def make_due(database: Database, reader: Reader, model: Callable[[], Method], *, more: Callable[[], bool]) -> int:
    """Make forecasts that are due, one after the other, as long as there are any and ``more()``; gives how many.

    ``model`` gives the method when it is first needed. ``reader`` must have the figures beside its balances.
    """
    made = 0
    while more():
        wallet_id = await database.retrying(store.claim)
        if wallet_id is None:
            break
        try:
            made += await make(database, reader, wallet_id, model) is not None
        except DBAPIError as error:
            # It is due again when its lease ends, and keeps no other from being made.
            log.error("forecast.failed", wallet_id=wallet_id, error=str(error.orig))
    return made


async def make(database: Database, reader: Reader, wallet_id: int, model: Callable[[], Method]) -> Forecast | None:
    """Make the forecast of a wallet and keep it; None where its history is too short: then it waits for the day on
    which it will do."""
    while not await roll_up(database, wallet_id):
        continue
    async with database.transaction() as connection:
        known = await _known(connection, wallet_id)
        missing = _too_short(known)
        if missing is not None:
            await store.postpone(connection, wallet_id, missing.ready_on)
            return None
    view = await reader.balance(wallet_id)
    made = forecast(_usage(known), view.balances.available + view.beside.today_micro, model())
    assert isinstance(made, Forecast)
    until = known.today - timedelta(1)
    again = made.method != "idle"
    await database.retrying(lambda connection: store.keep(connection, wallet_id, until, made, again=again))
    return made


async def find_due(database: Database) -> int:
    """Let forecasts be made of wallets that have come to enough of a history; gives how many."""
    return await database.retrying(lambda connection: store.find(connection, HISTORY_MIN, IDLE_DAYS))


async def _known(connection: AsyncConnection, wallet_id: int) -> Known:
    known = await store.known(connection, wallet_id)
    if known is None:
        raise NotFound(f"there is no wallet {wallet_public(wallet_id)}")
    return known


def _too_short(known: Known) -> Insufficient | None:
    if known.first_day == known.today:
        return Insufficient(0, HISTORY_MIN, known.today + timedelta(HISTORY_MIN))
    return too_short(_usage(known))


def _usage(known: Known) -> list[Used]:
    """Every day from the first use to yesterday."""
    if known.first_day is None:
        return []
    first = max(known.first_day, known.today - timedelta(store.LOOK_BACK_DAYS))
    days = [first + timedelta(place) for place in range((known.today - first).days)]
    return [Used(day, known.days.get(day, 0)) for day in days]
