"""The sender: makes notifications of new events, sends what is due, and writes down how that ended.

It works until there is nothing to do, or its time is over; one at a time, as receivers that say nothing would keep all
children of a worker from other work. Nothing is in its memory that is not in the database under a lease. Nothing is
sent inside a transaction.
"""

import asyncio
import random
import secrets
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import DatabaseUnavailable
from ledger.kit import duty, failpoints
from ledger.kit.db import Database
from ledger.kit.egress.client import Egress
from ledger.kit.ids import event_public, public
from ledger.kit.secret_keys import NotDecrypted, SecretKeys
from ledger.notifications import queue, slack
from ledger.notifications.collect import collect
from ledger.notifications.mail import Mailer
from ledger.notifications.message import Message, message_of
from ledger.notifications.queue import Claimed
from ledger.notifications.rules import Ended, next_of
from ledger.notifications.shapes import KIND
from ledger.notifications.store import about_wallet, url_of

log = structlog.get_logger(__name__)

LEASE_S: Final = 90.0
"""Of a notification: more than twice what one attempt may take."""

DUTY: Final = "notifications"

AT_ONCE: Final = 50
PATIENCE_S: Final = 0.25
"""How long what is on its way keeps it from looking for what is new."""

WRITE_S: Final = 30.0
_FORGET_AT_ONCE: Final = 5_000


class Sender:
    """What sends notifications. ``mailer``, ``keys``: None where none is set; what needs it is tried later."""

    def __init__(self, database: Database, egress: Egress, mailer: Mailer | None, keys: SecretKeys | None) -> None:
        self._database = database
        self._egress = egress
        self._mailer = mailer
        self._keys = keys

    async def run(self, stint_s: float) -> int:
        """Work until there is nothing to do, for so long at most, and then until what is on its way has ended; gives
        how many attempts were made, none where somebody else is at it. Raises DatabaseUnavailable."""
        holder = secrets.token_hex(8)
        if await duty.take(self._database, DUTY, holder, 1) is None:
            return 0
        try:
            return await self._work(holder, time.monotonic() + stint_s)
        finally:
            with suppress(DatabaseUnavailable):
                await duty.leave(self._database, DUTY, holder, 1)

    async def _work(self, holder: str, until: float) -> int:
        attempts, chores_at = 0, 0.0
        sending: set[asyncio.Task[None]] = set()
        try:
            while (now := time.monotonic()) < until or sending:
                if now >= chores_at:
                    if not await duty.renew(self._database, DUTY, holder, 1):
                        until = now  # somebody else goes on
                    await self._database.retrying(queue.recover)
                    chores_at = now + duty.LEASE_S / 3
                begun: Sequence[Claimed] = ()
                told = 0
                if now < until:
                    told = await collect(self._database)
                    begun = await self._claim(AT_ONCE - len(sending))
                    sending |= {asyncio.create_task(self._send(each)) for each in begun}
                    attempts += len(begun)
                if not (told or begun or sending):
                    break
                if sending and not told:
                    _, sending = await asyncio.wait(sending, timeout=PATIENCE_S, return_when=FIRST_COMPLETED)
        finally:
            for late in sending:
                late.cancel()
            if sending:
                await asyncio.wait(sending)
        return attempts

    async def _claim(self, room: int) -> Sequence[Claimed]:
        if room <= 0:
            return ()
        claimed = await self._database.retrying(lambda connection: queue.claim(connection, room, LEASE_S))
        await failpoints.reach("notifications.after_claim")
        return claimed

    async def _send(self, claimed: Claimed) -> None:
        try:
            ended = await self._attempt(claimed)
        except Exception:
            log.exception("notification.not_made", notification=claimed.notification, type=claimed.type)
            ended = Ended("again", "the message could not be made")
        then = next_of(claimed.attempt, ended, claimed.now, random.random())  # noqa: S311
        facts = {"channel": public(KIND, claimed.channel), "type": claimed.type, "attempt": claimed.attempt}
        if ended.became == "sent":
            log.info("notification.sent", **facts)
        else:
            log.warning("notification.not_sent", state=then.state, detail=ended.detail, **facts)

        async def work(connection: AsyncConnection) -> bool:
            return await queue.write(connection, claimed, then, ended.detail)

        until = time.monotonic() + WRITE_S
        while True:
            try:
                await self._database.retrying(work)
                return
            except DatabaseUnavailable:
                if time.monotonic() > until:
                    log.warning("notification.not_written_down", **facts)
                    return
                await asyncio.sleep(0.5)

    async def _attempt(self, claimed: Claimed) -> Ended:
        if claimed.payload is None or claimed.recorded_at is None:
            return Ended("refused", "the event is not kept any more")
        message = _message(claimed, claimed.payload)
        if claimed.sealed is not None:
            return await self._slack(claimed, claimed.sealed, message)
        if self._mailer is None:
            return Ended("again", "the service sends no e-mail")
        event = event_public(claimed.wallet_id, claimed.event, claimed.recorded_at)
        id_ = f"{event}.{public(KIND, claimed.channel)}"
        return await self._mailer.send(message, claimed.shown, id_, claimed.now)

    async def _slack(self, claimed: Claimed, sealed: bytes, message: Message) -> Ended:
        try:
            if self._keys is None:
                raise NotDecrypted("LEDGER_SECRET_KEYS is not set")
            url = url_of(self._keys, claimed.channel, sealed)
        except NotDecrypted as error:
            log.error("notification.secret_not_decrypted", channel=public(KIND, claimed.channel), why=str(error))
            return Ended("again", "the URL cannot be decrypted")
        return await slack.send(self._egress, url, message, claimed.now)


async def forget(database: Database) -> int:
    """Delete what was sent, or failed, long ago; gives how many."""
    gone = 0
    while more := await database.retrying(lambda connection: queue.forget(connection, _FORGET_AT_ONCE)):
        gone += more
    return gone


def _message(claimed: Claimed, payload: str) -> Message:
    data = msgspec.json.decode(payload).get("data")
    of = about_wallet(claimed.wallet_id, claimed.owner_id, claimed.purpose, claimed.time_zone, claimed.metadata)
    return message_of(claimed.type, data if isinstance(data, dict) else {}, of, claimed.left_out)
