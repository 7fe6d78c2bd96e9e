"""A wallet's channels: shown, replaced as a whole, and tested."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Row, func
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import MailNotSetUp, NotFound, RateLimited, SecretKeysMissing
from ledger.kit import clock
from ledger.kit.db import Database
from ledger.kit.egress.client import Egress
from ledger.kit.egress.urls import masked
from ledger.kit.http.strict import invalid
from ledger.kit.ids import new_public, public, wallet_public
from ledger.kit.mail import mail_address
from ledger.kit.secret_keys import NotDecrypted, SecretKeys
from ledger.notifications import queue, slack, store
from ledger.notifications.mail import Mailer
from ledger.notifications.message import trial_message
from ledger.notifications.rules import Ended, Next
from ledger.notifications.shapes import KIND, GivenChannel, Notifications, Tested, TestResults, notifications
from ledger.notifications.texts import TEST
from ledger.webhooks.endpoints.checks import check_url, checked_events

log = structlog.get_logger(__name__)

REMOVED: Final = "its channel was disabled"


class Ways(NamedTuple):
    """How this process reaches people; None for what is not set up."""

    egress: Egress
    mailer: Mailer | None
    keys: SecretKeys | None


class Checked(NamedTuple):
    """A channel as it was given, in the one spelling; ``target`` None leaves what is there."""

    place: int
    given: GivenChannel
    target: str | None
    events: list[str]


async def get(connection: AsyncConnection, wallet_id: int) -> Notifications:
    """Raises NotFound."""
    await _wallet(connection, wallet_id)
    return notifications(wallet_id, await store.channels(connection, wallet_id))


async def checked(ways: Ways, given: Sequence[GivenChannel]) -> list[Checked]:
    """What was given, if all of it may be. To be asked outside of any transaction.

    Raises InvalidRequest, UrlRefused, MailNotSetUp, SecretKeysMissing.
    """
    found = [await _checked(ways, place, each) for place, each in enumerate(given)]
    for what in ("id", "target"):
        seen = [value for one in found if (value := one.given.id if what == "id" else one.target) is not None]
        if len(set(seen)) < len(seen):
            raise invalid("channels", "name the same channel twice")
    return found


async def replace(
    connection: AsyncConnection, keys: SecretKeys | None, wallet_id: int, wanted: Sequence[Checked], actor: str
) -> Notifications:
    """Make the wallet's channels these. One that is there already, by its id or where it leads, stays what it is.

    Raises NotFound, InvalidRequest.
    """
    await _wallet(connection, wallet_id, lock=True)
    rows = await store.channels(connection, wallet_id)
    targets = {_target(keys, row): row for row in rows}
    kept = {one.place: _found(one, rows, targets) for one in wanted}
    known = [row.channel for row in kept.values() if row is not None]
    if len(set(known)) < len(known):
        raise invalid("channels", "name the same channel twice")
    await store.remove(connection, [row.channel for row in rows if row.channel not in known])
    for one in wanted:
        row = kept[one.place]
        if row is None:
            await store.add(connection, _new(keys, wallet_id, one) | {"changed_by": actor})
        elif values := _changes(keys, row, one):
            await store.change(connection, row.channel, values | {"changed_by": actor})
            if values.get("enabled") is False:
                await queue.end(connection, [row.channel], REMOVED)
    log.info("notifications.changed", wallet_id=wallet_public(wallet_id), channels=len(wanted), actor=actor)
    return notifications(wallet_id, await store.channels(connection, wallet_id))


async def test(database: Database, ways: Ways, wallet_id: int, channel_id: str | None) -> TestResults:
    """Send something to the wallet's channels, or to one of them, now. Raises NotFound, RateLimited."""

    async def take(connection: AsyncConnection) -> tuple[Row[Any], list[Row[Any]], Any]:
        wallet = await _wallet(connection, wallet_id)
        rows = await store.channels(connection, wallet_id)
        if channel_id is not None:
            rows = [row for row in rows if public(KIND, row.channel) == channel_id]
        if not rows:
            raise NotFound("the wallet has no such channel" if channel_id else "the wallet has no channel")
        if await store.take_tests(connection, [row.channel for row in rows]) < len(rows):
            raise RateLimited(f"a channel is tested once in {store.TEST_GAP_S} seconds at most")
        return wallet, rows, await clock.now(connection)

    wallet, rows, now = await database.retrying(take)
    about = store.about_wallet(wallet_id, wallet.owner_id, wallet.purpose, wallet.time_zone, wallet.metadata)
    message = trial_message(TEST, about)
    results = []
    for row in rows:
        ended = await _tried(ways, row, message, now)
        problem = None if ended.became == "sent" else ended.detail
        async with database.transaction() as connection:
            await queue.know(connection, row.channel, problem, Next("sent" if problem is None else "failed"))
        results.append(
            Tested(channel_id=public(KIND, row.channel), kind=row.kind, sent=problem is None, detail=problem)
        )
    return TestResults(results=results)


async def _tried(ways: Ways, row: Row[Any], message: Any, now: Any) -> Ended:
    if row.kind == "email":
        if ways.mailer is None:
            return Ended("again", "the service sends no e-mail")
        id_ = f"test.{public(KIND, row.channel)}.{int(now.timestamp() * 1e6)}"
        return await ways.mailer.send(message, row.shown, id_, now)
    try:
        if ways.keys is None:
            raise NotDecrypted("LEDGER_SECRET_KEYS is not set")
        url = store.url_of(ways.keys, row.channel, row.sealed)
    except NotDecrypted:
        return Ended("again", "the URL cannot be decrypted")
    return await slack.send(ways.egress, url, message, now)


async def _checked(ways: Ways, place: int, given: GivenChannel) -> Checked:
    path = f"channels[{place}]"
    events = checked_events(given.events, f"{path}.events")
    target, name, other = (
        (given.address, "address", given.url) if given.kind == "email" else (given.url, "url", given.address)
    )
    if other is not None:
        raise invalid(
            f"{path}.{'url' if name == 'address' else 'address'}", f"is not of a channel of kind {given.kind}"
        )
    if target is None and given.id is None:
        raise invalid(f"{path}.{name}", "is missing")
    if given.kind == "email":
        if ways.mailer is None:
            raise MailNotSetUp("this service sends no e-mail: LEDGER_SMTP_URL is not set")
        if target is not None:
            try:
                target = mail_address(target)
            except ValueError as error:
                raise invalid(f"{path}.address", str(error)) from None
    else:
        if ways.keys is None:
            raise SecretKeysMissing("this service keeps no secrets: LEDGER_SECRET_KEYS is not set")
        if target is not None:
            await check_url(ways.egress, target)
    return Checked(place, given, target, events)


def _found(one: Checked, rows: Sequence[Row[Any]], targets: dict[tuple[str, str], Row[Any]]) -> Row[Any] | None:
    """The channel that is there."""
    if one.given.id is None:
        return targets.get((one.given.kind, one.target or ""))
    for row in rows:
        if public(KIND, row.channel) == one.given.id:
            if row.kind != one.given.kind:
                raise invalid(f"channels[{one.place}].kind", f"is {row.kind} of this channel")
            return row
    raise invalid(f"channels[{one.place}].id", "is of no channel of this wallet")


def _target(keys: SecretKeys | None, row: Row[Any]) -> tuple[str, str]:
    if row.kind == "email":
        return row.kind, row.shown
    try:
        return row.kind, store.url_of(keys, row.channel, row.sealed) if keys else ""
    except NotDecrypted:
        return row.kind, ""


def _new(keys: SecretKeys | None, wallet_id: int, one: Checked) -> dict[str, Any]:
    channel, _ = new_public(KIND)
    return {
        "channel": channel,
        "wallet_id": wallet_id,
        "kind": one.given.kind,
        "events": one.events,
        "enabled": one.given.enabled,
        "disabled_for": None if one.given.enabled else "request",
        **_led_to(keys, channel, one),
    }


def _changes(keys: SecretKeys | None, row: Row[Any], one: Checked) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if one.events != row.events:
        values["events"] = one.events
    if one.target is not None and (one.given.kind, one.target) != _target(keys, row):
        values |= _led_to(keys, row.channel, one) | store.HEALTHY
    if one.given.enabled and not row.enabled:
        values |= {"enabled": True, "disabled_for": None, "enabled_at": func.ledger_now(), **store.HEALTHY}
    if row.enabled and not one.given.enabled:
        values |= {"enabled": False, "disabled_for": "request"}
    return values


def _led_to(keys: SecretKeys | None, channel: int, one: Checked) -> dict[str, Any]:
    """The columns of where a channel leads."""
    assert one.target is not None, "a new channel leads somewhere"
    if one.given.kind == "email":
        return {"shown": one.target}
    assert keys is not None, "checked before"
    return {"shown": masked(one.target), "sealed": store.sealed_url(keys, channel, one.target)}


async def _wallet(connection: AsyncConnection, wallet_id: int, *, lock: bool = False) -> Row[Any]:
    row = await store.wallet(connection, wallet_id, lock=lock)
    if row is None:
        raise NotFound(f"there is no wallet {wallet_public(wallet_id)}")
    return row
