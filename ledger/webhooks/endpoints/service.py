"""Endpoints: make, find, change, delete, and give another secret."""

import secrets
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, func
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import NotFound
from ledger.kit.db import Database
from ledger.kit.egress.client import Egress
from ledger.kit.http.strict import invalid
from ledger.kit.ids import new_public, parse_public
from ledger.kit.secret_keys import SecretKeys
from ledger.webhooks.endpoints import store
from ledger.webhooks.endpoints.checks import check_url, checked_events
from ledger.webhooks.endpoints.shapes import (
    KIND,
    Endpoint,
    EndpointChange,
    EndpointWithSecret,
    NewEndpoint,
    NewSecret,
    endpoint,
    with_secret,
)
from ledger.webhooks.signing import NEW_BYTES, secret_bytes, secret_text

OWNER_MAX: Final = 50
PLATFORM_MAX: Final = 500
SECRETS_MAX: Final = 5

_EXHAUSTED_AT_ONCE: Final = 5_000


class Made(msgspec.Struct, frozen=True):
    """An endpoint that was given a secret, without the secret: what may be kept of an answer."""

    endpoint: int
    number: int
    answer: EndpointWithSecret


class OfWallet(NamedTuple):
    """Whose the endpoint of a single wallet is, and what it hears of to begin with."""

    wallet_id: int
    owner_id: str
    events: tuple[str, ...]
    description: str


def number_of(endpoint_id: str) -> int:
    """Raises NotFound."""
    return parse_public(KIND, endpoint_id, "webhook endpoint")


def checked_secret(given: str | None) -> str:
    """The secret that is given, or a new one. Raises InvalidRequest."""
    if given is None:
        return secret_text(secrets.token_bytes(NEW_BYTES))
    try:
        secret_bytes(given)
    except ValueError as error:
        raise invalid("secret", str(error)) from None
    return given


async def get(connection: AsyncConnection, number: int) -> Endpoint:
    """Raises NotFound."""
    return await _shown(connection, await _row(connection, number))


async def make(connection: AsyncConnection, keys: SecretKeys, new: NewEndpoint, secret: str) -> Made:
    """An endpoint with its first secret. Its address is checked already. Raises InvalidRequest."""
    events = checked_events(new.events)
    whose, most = ("the platform", PLATFORM_MAX) if new.owner_id is None else ("the owner", OWNER_MAX)
    if await store.count(connection, new.owner_id) >= most:
        raise invalid("", f"{whose} has {most} webhook endpoints, and can have no more")
    given = {name: getattr(new, name) for name in ("owner_id", "url", "description", "metadata")}
    return await _add(connection, keys, {"events": events, **given}, secret)


async def keep_of_wallet(
    connection: AsyncConnection, keys: SecretKeys, wallet: OfWallet, url: str, secret: str
) -> Made | None:
    """Have the wallet's own endpoint at this address, which is checked already: made with this secret where there is
    none, and given then; otherwise moved there with the secret that it has, and enabled."""
    await store.alone(connection)
    row = await store.of_wallet(connection, wallet.wallet_id, lock=True)
    if row is None:
        return await _add(connection, keys, {**wallet._asdict(), "events": list(wallet.events), "url": url}, secret)
    values = {"url": url} if row.url != url else {}
    values |= _state(row, EndpointChange(url=url, enabled=True))
    if values:
        await store.change(connection, row.endpoint, values)
    return None


async def remove_of_wallet(database: Database, wallet_id: int) -> None:
    """Delete the wallet's own endpoint, where it has one."""
    async with database.transaction() as connection:
        row = await store.of_wallet(connection, wallet_id)
    if row is not None:
        with suppress(NotFound):  # somebody else deleted it meanwhile
            await delete(database, row.endpoint)


async def rotate(connection: AsyncConnection, keys: SecretKeys, number: int, new: NewSecret, secret: str) -> Made:
    """Another secret. Raises NotFound, InvalidRequest."""
    await _row(connection, number, lock=True)
    before = (await store.spans(connection, [number]))[number]
    if new.overlap_s and len(before) >= SECRETS_MAX:
        message = f"{SECRETS_MAX} secrets sign already; wait until one ends, or revoke them all with overlap_s 0"
        raise invalid("", message)
    return await _made(connection, keys, number, secret, new.overlap_s)


async def secret_again(connection: AsyncConnection, keys: SecretKeys, made: Made) -> str | None:
    """The secret of an answer that is repeated; None where it has ended. Raises NotDecrypted."""
    return await store.secret(connection, keys, made.endpoint, made.number)


async def change(database: Database, egress: Egress, number: int, change: EndpointChange) -> Endpoint:
    """Raises NotFound, InvalidRequest, UrlRefused."""
    if isinstance(change.url, str):
        await check_url(egress, change.url)
    names = ("url", "description", "metadata")
    given = {name: value for name in names if (value := getattr(change, name)) is not UNSET}
    if isinstance(change.events, tuple):
        given["events"] = checked_events(change.events)

    async def work(connection: AsyncConnection) -> Endpoint:
        row = await _row(connection, number, lock=True)
        values = given | _state(row, change)
        return await _shown(connection, await store.change(connection, number, values) if values else row)

    return await database.retrying(work)


async def delete(database: Database, number: int) -> Endpoint:
    """Deletes an endpoint and its secrets, and ends the deliveries that wait. Raises NotFound."""

    async def work(connection: AsyncConnection) -> Endpoint:
        await _row(connection, number, lock=True)
        await store.forget_secrets(connection, number)
        return endpoint(await store.change(connection, number, {"state": "deleted"}), ())

    async def some(connection: AsyncConnection) -> int:
        return await store.exhaust(connection, number, "deleted", _EXHAUSTED_AT_ONCE)

    deleted = await database.retrying(work)
    while await database.retrying(some):  # there may be more than one statement has the time for
        pass
    return deleted


def _state(row: Row[Any], change: EndpointChange) -> dict[str, Any]:
    """What enabling and disabling change, and another address: how the old one failed says nothing of it."""
    values: dict[str, Any] = {}
    if isinstance(change.url, str) and change.url != row.url:
        values = dict(store.HEALTHY)
    if change.enabled is True and row.state == "disabled":
        values = {"state": "enabled", "disabled_for": None, "disabled_at": None, **store.HEALTHY}
    if change.enabled is False and row.state == "enabled":
        values |= {"state": "disabled", "disabled_for": "request", "disabled_at": func.ledger_now()}
    return values


async def _row(connection: AsyncConnection, number: int, *, lock: bool = False) -> Row[Any]:
    row = await store.find(connection, number, lock=lock)
    if row is None:
        raise NotFound("there is no such webhook endpoint")
    return row


async def _shown(connection: AsyncConnection, row: Row[Any]) -> Endpoint:
    return endpoint(row, (await store.spans(connection, [row.endpoint]))[row.endpoint])


async def _add(connection: AsyncConnection, keys: SecretKeys, values: dict[str, Any], secret: str) -> Made:
    number, _ = new_public(KIND)
    await store.add(connection, {"endpoint": number, **values})
    return await _made(connection, keys, number, secret, 0)


async def _made(connection: AsyncConnection, keys: SecretKeys, number: int, secret: str, overlap_s: int) -> Made:
    newest = await store.replace_secret(connection, keys, number, secret, overlap_s)
    row = await _row(connection, number)
    return Made(number, newest, with_secret(row, (await store.spans(connection, [number]))[number]))
