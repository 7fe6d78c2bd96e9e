"""The SQL of channels. URLs are encrypted on their way into the database, each bound to its channel."""

from collections.abc import Collection
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.tables import wallet_settings
from ledger.kit.ids import public, wallet_public
from ledger.kit.secret_keys import NotDecrypted, SecretKeys
from ledger.notifications.message import About
from ledger.notifications.shapes import KIND
from ledger.notifications.tables import notification_channels

HEALTHY: Final[dict[str, Any]] = {"problem": None, "problem_at": None, "paused_until": None}
"""The columns of a channel of which nothing bad is known."""

TEST_GAP_S: Final = 60

_c, _w = notification_channels.c, wallet_settings.c


async def wallet(connection: AsyncConnection, wallet_id: int, *, lock: bool = False) -> Row[Any] | None:
    """What a wallet is called; with ``lock`` nobody else changes its channels until the end of the transaction."""
    columns = select(_w.wallet_id, _w.owner_id, _w.purpose, _w.time_zone, _w.metadata).where(_w.wallet_id == wallet_id)
    found: Any = await connection.execute(columns.with_for_update(key_share=True) if lock else columns)
    row: Row[Any] | None = found.one_or_none()
    return row


def about_wallet(wallet_id: int, owner_id: str | None, purpose: str | None, zone: str | None, metadata: Any) -> About:
    """The wallet, called by the ``name`` in its metadata, by its purpose, or by its owner."""
    named = (metadata or {}).get("name")
    if isinstance(named, str) and named.strip():
        name = f"“{named}”"
    else:
        name = f"the wallet of {owner_id}" if purpose is None else f"the wallet “{purpose}” of {owner_id}"
    return About(wallet_public(wallet_id), name, ZoneInfo(zone or "UTC"))


async def channels(connection: AsyncConnection, wallet_id: int) -> list[Row[Any]]:
    """A wallet's channels, the oldest first."""
    of_wallet = select(notification_channels).where(_c.wallet_id == wallet_id)
    return list(await connection.execute(of_wallet.order_by(_c.created_at, _c.channel)))


async def add(connection: AsyncConnection, values: dict[str, Any]) -> None:
    await connection.execute(insert(notification_channels).values(values))


async def change(connection: AsyncConnection, channel: int, values: dict[str, Any]) -> None:
    changed = update(notification_channels).where(_c.channel == channel)
    await connection.execute(changed.values(updated_at=func.ledger_now(), **values))


async def remove(connection: AsyncConnection, gone: Collection[int]) -> None:
    """With all that was sent, or is to be."""
    if gone:
        await connection.execute(delete(notification_channels).where(_c.channel.in_(gone)))


async def take_tests(connection: AsyncConnection, wanted: Collection[int]) -> int:
    """Mark these channels as tested now; gives of how many that was long enough ago."""
    ago = func.ledger_now() - text(f"interval '{TEST_GAP_S} seconds'")
    may = update(notification_channels).where(_c.channel.in_(wanted), or_(_c.tested_at.is_(None), _c.tested_at < ago))
    return (await connection.execute(may.values(tested_at=func.ledger_now()))).rowcount


def url_of(keys: SecretKeys, channel: int, sealed: bytes) -> str:
    """The URL of a channel. Raises NotDecrypted."""
    return keys.decrypt(sealed, _about(channel)).decode()


def sealed_url(keys: SecretKeys, channel: int, url: str) -> bytes:
    return keys.encrypt(url.encode(), _about(channel))


async def reencrypt(
    connection: AsyncConnection, keys: SecretKeys, after: int, limit: int
) -> tuple[int | None, int, list[str]]:
    """Encrypt by the newest key what an older one encrypted, of the next ``limit`` URLs behind ``after``.

    Gives where to go on (None: no more), how many were changed, and what could not be decrypted and why.
    """
    page = select(_c.channel, _c.sealed).where(_c.channel > after, _c.sealed.is_not(None)).order_by(_c.channel)
    rows = (await connection.execute(page.limit(limit).with_for_update())).all()
    changed, failed = 0, []
    for row in rows:
        try:
            url = url_of(keys, row.channel, row.sealed)
        except NotDecrypted as error:
            failed.append(f"{public(KIND, row.channel)}: {error}")
            continue
        if not keys.is_newest(row.sealed):
            sealed = sealed_url(keys, row.channel, url)
            await connection.execute(
                update(notification_channels).where(_c.channel == row.channel).values(sealed=sealed)
            )
            changed += 1
    return rows[-1].channel if len(rows) == limit else None, changed, failed


def _about(channel: int) -> str:
    return f"notification_channels/{channel}"
