"""The sender: makes notifications of new events, sends what is due, and writes down how that ended.

It works until there is nothing to do, or its time is over; any number of them may work side by side. Nothing is in its
memory that is not in the database under a lease. Nothing is sent inside a transaction.
"""

import asyncio
import random
import time
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import DatabaseUnavailable
from ledger.kit import failpoints
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

AT_ONCE: Final = 20
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
        """Work for so long at most; gives how many attempts were made. Raises DatabaseUnavailable."""
        until = time.monotonic() + stint_s
        attempts = 0
        await self._database.retrying(queue.recover)
        while time.monotonic() < until:
            told = await collect(self._database)
            claimed = await self._database.retrying(lambda connection: queue.claim(connection, AT_ONCE, LEASE_S))
            await failpoints.reach("notifications.after_claim")
            if not told and not claimed:
                break
            await asyncio.gather(*(self._send(each) for each in claimed))
            attempts += len(claimed)
        return attempts

    async def _send(self, claimed: Claimed) -> None:
        ended = await self._attempt(claimed)
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
                    raise
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
