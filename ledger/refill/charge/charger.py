"""The charger: a loop in a worker that takes attempts as they fall due, and looks at wallets whose time has come.

It works for a stint, then ends, and another begins. It listens to the bell, so that a card is asked within moments of
the posting that ran the wallet low; a bell that is not heard costs half a second. Nothing is in its memory that is not
in the database: whoever is killed leaves his attempts to be due again.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from ledger.errors import DatabaseUnavailable, LedgerError
from ledger.kit import duty
from ledger.kit.bell import Ear
from ledger.payments.desk import Desk
from ledger.refill import attempts, telling
from ledger.refill.attempts import Attempt
from ledger.refill.charge.steps import step

log = structlog.get_logger(__name__)

DUTY: Final = "refill"
AT_ONCE: Final = 16
"""Attempts that are under way at a time; Stripe takes as many calls as there are threads."""

PATIENCE_S: Final = 0.5
LOOK_S: Final = 1.0
"""How often wallets are looked for whose time has come."""

PAGE: Final = 500

_DUE: Final = """
SELECT next_at, wallet_id FROM refills
WHERE next_at IS NOT NULL AND next_at <= ledger_now() AND (next_at, wallet_id) > (%(at)s, %(wallet)s)
ORDER BY next_at, wallet_id LIMIT %(limit)s"""

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Charger:
    """One charger; of several processes one is at work at a time, and nothing depends on it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._holder = secrets.token_hex(8)
        self._under_way: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._steps = 0

    async def run(
        self,
        stint_s: float,
        stopping: Callable[[], bool] = lambda: False,
        *,
        drain_s: float = 20.0,
        left: Callable[[], None] = lambda: None,
    ) -> int | None:
        """Charge for so long, or until ``stopping``; gives how many steps were made, None where somebody else is at it.
        Raises DatabaseUnavailable.

        What is under way then may end within ``drain_s``. ``left`` is called before that, as soon as another may have
        the place: one slow answer of Stripe's would let all other cards wait.
        """
        place = await duty.take(self._desk.database, DUTY, self._holder, 1)
        if place is None:
            return None
        ear = asyncio.create_task(self._listen(), name="ear")
        try:
            await self._work(place, time.monotonic() + stint_s, stopping)
        finally:
            ear.cancel()
            with suppress(DatabaseUnavailable):
                await duty.leave(self._desk.database, DUTY, self._holder, place)
            left()
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=drain_s)
            for late in self._under_way:
                late.cancel()
            await asyncio.wait([ear])
        return self._steps

    async def _work(self, place: int, until: float, stopping: Callable[[], bool]) -> None:
        renew_at = look_at = 0.0
        while (now := time.monotonic()) < until and not stopping():
            if now >= renew_at:
                if not await duty.renew(self._desk.database, DUTY, self._holder, place):
                    return
                renew_at = now + duty.LEASE_S / 3
            if now >= look_at:
                await look_at_due(self._desk)
                look_at = time.monotonic() + LOOK_S
            self._woken.clear()
            begun = await self._begin()
            if not begun:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), PATIENCE_S)

    async def _begin(self) -> int:
        """Begin steps, as many as there is room for; gives how many."""
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return 0
        async with self._desk.database.transaction() as connection:
            claimed = await attempts.claim(connection, room)
        for attempt in claimed:
            task = asyncio.create_task(self._step(attempt))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(claimed)

    async def _step(self, attempt: Attempt) -> None:
        try:
            await step(self._desk, attempt)
        except LedgerError as error:
            log.warning("refill.left", attempt=attempt.public, error=str(error))
        except Exception:
            log.exception("refill.failed", attempt=attempt.public)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        self._steps += 1
        self._woken.set()

    async def _listen(self) -> None:
        ear = Ear(self._desk.database)
        try:
            while True:
                if await ear.wait(PATIENCE_S):
                    self._woken.set()
        finally:
            await ear.close()


async def look_at_due(desk: Desk) -> int:
    """Have it decided about wallets whose time has come, each once; gives how many there were."""
    seen: tuple[Any, int] = (_EVER, 0)
    count, found = 0, PAGE
    while found == PAGE:
        async with desk.database.transaction() as connection:
            params = {"at": seen[0], "wallet": seen[1], "limit": PAGE}
            rows: Any = (await connection.exec_driver_sql(_DUE, params)).fetchall()
        found = len(rows)
        if rows:
            await telling.look(desk.door, [row[1] for row in rows])
            seen = rows[-1]
            count += found
    return count
