"""The courier: a loop in a worker that makes deliveries of events, sends what is due, and writes down how that ended.

It works for a stint, then ends, and another begins: what a process holds is let go of now and then, and a worker that
is to stop waits for a stint at most. Nothing is in its memory that is not in the database under a lease: whoever is
killed loses nothing, and what he was sending is sent again.

Claiming and writing down go side by side, each in transactions of its own; nothing is sent in one.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.door import Door
from ledger.errors import DatabaseUnavailable
from ledger.kit import duty, failpoints
from ledger.kit.bell import Ear
from ledger.kit.db import Database
from ledger.kit.egress.client import Egress
from ledger.kit.ids import event_public
from ledger.kit.secret_keys import SecretKeys
from ledger.webhooks.deliveries import notices, outcomes, rules, store
from ledger.webhooks.deliveries.fanout import fan_out
from ledger.webhooks.deliveries.outcomes import Ended
from ledger.webhooks.deliveries.rules import LOST, UNSIGNED
from ledger.webhooks.deliveries.send import reply_of, send
from ledger.webhooks.deliveries.store import Claimed
from ledger.webhooks.endpoints.store import exhaust, live_secrets

log = structlog.get_logger(__name__)

DUTY: Final = "webhooks"

LEASE_S: Final = 30.0
"""Of a delivery: twice what one attempt may take."""

DRAIN_S: Final = 20.0
"""Longer than one attempt may take."""

ON_THE_WAY_MAX: Final = 200
ENDPOINTS_MAX: Final = 500
EXHAUSTED_MAX: Final = 2_000
PATIENCE_S: Final = 0.5
"""How long it waits for the bell."""

CHORES_S: Final = 1.0


class Letter:
    """An attempt to be made, with all that it needs."""

    __slots__ = ("at", "claimed", "secrets", "url")

    def __init__(self, claimed: Claimed, url: str, signing: Sequence[bytes] | None, at: datetime) -> None:
        self.claimed = claimed
        self.url = url
        self.secrets = signing
        self.at = at


class Courier:
    """One courier. ``couriers``: how many there may be at a time, in all processes."""

    def __init__(self, database: Database, door: Door, egress: Egress, keys: SecretKeys, *, couriers: int = 1) -> None:
        self._database = database
        self._door = door
        self._egress = egress
        self._keys = keys
        self._couriers = couriers
        self._holder = secrets.token_hex(8)
        self._sending: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Queue[Ended | None] = asyncio.Queue()
        self._heard = asyncio.Event()  # there are events
        self._woken = asyncio.Event()  # there is something to do
        self._behind = 0

    async def run(
        self,
        stint_s: float,
        stopping: Callable[[], bool] = lambda: False,
        *,
        drain_s: float = DRAIN_S,
        left: Callable[[], None] = lambda: None,
    ) -> int | None:
        """Deliver for so long, or until ``stopping``; gives how many attempts were written down, None where there are
        couriers enough. Raises DatabaseUnavailable.

        What is on its way then may end within ``drain_s``, or counts as lost. ``left`` is called before that, as soon
        as another may have the place: one silent receiver would let all the others wait.
        """
        place = await duty.take(self._database, DUTY, self._holder, self._couriers)
        if place is None:
            return None
        ear = asyncio.create_task(self._listen(), name="ear")
        writer = asyncio.create_task(self._write_down(), name="writer")
        try:
            await self._work(place, time.monotonic() + stint_s, stopping)
        finally:
            ear.cancel()
            with suppress(DatabaseUnavailable):
                await duty.leave(self._database, DUTY, self._holder, place)
            left()
            if self._sending:
                await asyncio.wait(self._sending, timeout=drain_s)
            for late in self._sending:
                late.cancel()
            self._ended.put_nowait(None)
            written = await writer
            await asyncio.wait([ear])
        return written

    async def _work(self, place: int, until: float, stopping: Callable[[], bool]) -> None:
        renew_at = time.monotonic() + duty.LEASE_S / 3
        chores_at = looked_at = 0.0
        whole = True
        while (now := time.monotonic()) < until and not stopping():
            if now >= renew_at:
                if not await duty.renew(self._database, DUTY, self._holder, place):
                    return
                renew_at = now + duty.LEASE_S / 3
            if now >= chores_at:
                await outcomes.recover(self._database)
                await notices.tell(self._database, self._door)
                chores_at = now + CHORES_S
            self._woken.clear()
            # What only made room for more deliveries is no reason to look for events.
            look = whole or self._heard.is_set() or now >= looked_at + PATIENCE_S
            if look:
                self._heard.clear()
                looked_at = now
                _, whole = await fan_out(self._database)
            begun = await self._send_what_is_due()
            if not (whole or begun):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), PATIENCE_S)

    async def _send_what_is_due(self) -> int:
        """Begin attempts, as many as there is room for; gives how many."""
        room = ON_THE_WAY_MAX - len(self._sending)
        if room <= 0:
            return 0
        letters = await self._claim(room)
        await failpoints.reach("webhooks.after_claim")
        for letter in letters:
            task = asyncio.create_task(self._send(letter))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return len(letters)

    async def _claim(self, limit: int) -> list[Letter]:
        async def work(connection: AsyncConnection) -> tuple[list[Letter], int]:
            endpoints, behind = await store.waiting(connection, self._behind, ENDPOINTS_MAX)
            if not endpoints:
                return [], behind
            receivers = await store.lock(connection, endpoints)
            for receiver in receivers.values():
                if receiver.ended:
                    await exhaust(connection, receiver.endpoint, receiver.ended, EXHAUSTED_MAX)
            open_ = [receiver for receiver in receivers.values() if receiver.enabled]
            slots = {each.endpoint: most for each in open_ if (most := rules.slots(each.health, each.now))}
            if not slots:
                return [], behind
            now = open_[0].now
            owners = [receivers[endpoint].owner_id for endpoint in slots]
            claimed = await store.claim(connection, slots, owners, now, lease_s=LEASE_S, limit=limit)
            if not claimed:
                return [], behind
            signing = await live_secrets(connection, self._keys, {each.endpoint for each in claimed})
            return [
                Letter(each, receivers[each.endpoint].url, signing.get(each.endpoint), now) for each in claimed
            ], behind

        letters, self._behind = await self._database.retrying(work)
        return letters

    async def _send(self, letter: Letter) -> None:
        claimed = letter.claimed
        held = (claimed.delivery, claimed.attempt, claimed.endpoint, letter.at, letter.url)
        if letter.secrets is None:
            self._ended.put_nowait(Ended(*held, UNSIGNED))
            return
        id_ = event_public(claimed.wallet_id, claimed.event, claimed.recorded_at)
        body = claimed.payload.encode()
        try:
            outcome, answer = await send(self._egress, letter.url, letter.secrets, id_, body, letter.at)
        except Exception:
            log.exception("webhook.not_sent", delivery=claimed.delivery)
            self._ended.put_nowait(Ended(*held, LOST))
            return
        await failpoints.reach("webhooks.after_send")
        self._ended.put_nowait(Ended(*held, outcome, round(answer.took_s * 1000), reply_of(answer)))

    async def _write_down(self) -> int:
        """Write down what ended, until there is nothing more to come; gives how many."""
        written, over = 0, False
        while not over:
            batch: list[Ended | None] = [await self._ended.get()]
            while not self._ended.empty() and len(batch) < outcomes.AT_ONCE:
                batch.append(self._ended.get_nowait())
            over = None in batch
            ended = [each for each in batch if each is not None]
            if ended:
                written += await self._surely_written(ended)
                self._woken.set()
        return written

    async def _surely_written(self, ended: Sequence[Ended]) -> int:
        """Tries as long as anybody else leaves these alone."""
        until = time.monotonic() + LEASE_S
        while True:
            try:
                return await outcomes.write_down(self._database, ended)
            except DatabaseUnavailable:
                if time.monotonic() > until:
                    log.warning("webhook.not_written_down", attempts=len(ended))
                    return 0
                await asyncio.sleep(PATIENCE_S)

    async def _listen(self) -> None:
        ear = Ear(self._database)
        try:
            while True:
                if await ear.wait(PATIENCE_S):
                    self._heard.set()
                    self._woken.set()
        finally:
            await ear.close()
