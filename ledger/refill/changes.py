"""What a person does to a wallet's auto-refill, ready for the door: each change is a rider, written under the wallet's
lock or not at all. By whichever way it came, the API or the command line."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import Rider
from ledger.errors import WalletClosed
from ledger.kit.db import Database
from ledger.kit.http.strict import invalid
from ledger.kit.ids import wallet_public
from ledger.refill import store
from ledger.refill.answer import about, card_of
from ledger.refill.service import shown_of, wanted_of
from ledger.refill.shapes import Settings
from ledger.refill.store import Switched
from ledger.settings import Settings as Service


async def setting(
    connection: AsyncConnection, wallet_id: int, data: Settings, *, actor: str, wallet: Row[Any], service: Service
) -> Rider | None:
    """Switch it on or off, or change it; None where there is nothing to switch off. Whoever switches it on gives
    the wallet's card another chance.

    Raises what ``wanted_of`` does, WalletClosed, and InvalidRequest where settings are given with ``enabled: false``.
    """
    kept = await about(connection, wallet_id)
    if not data.enabled:
        _only_off(data)
        return None if kept.seen is None else store.switching_off(wallet_id)
    if wallet.status == "closed":
        raise WalletClosed(f"the wallet {wallet_public(wallet_id)} is closed")
    wanted = wanted_of(data, kept.seen, wallet.time_zone, service)
    await store.forgive(connection, wallet_id)
    card = card_of(kept.method)
    agreed = shown_of(wanted, None if card is None else msgspec.to_builtins(card))
    given_by = actor if isinstance(data.consent, UnsetType) else data.consent.given_by
    return store.keeping(wallet_id, kept.seen, wanted, given_by, actor, agreed)


async def resuming(connection: AsyncConnection, wallet_id: int) -> Rider | None:
    """End a pause, and give the wallet's card another chance; None where it is not paused."""
    seen = await store.seen(connection, wallet_id)
    if seen is None:
        return None
    await store.forgive(connection, wallet_id)
    return None if seen.paused_for is None else store.resuming(wallet_id)


async def switch(database: Database, *, stopped: bool, reason: str | None, actor: str) -> Switched:
    """Stop all automatic charges, or let them go on."""

    async def work(connection: AsyncConnection) -> Switched:
        return await store.switch(connection, stopped=stopped, reason=reason, actor=actor)

    return await database.retrying(work)


def _only_off(data: Settings) -> None:
    """Raises InvalidRequest: what is switched off is not changed at the same time."""
    free = ("enabled", "notification_webhook")
    given = [name for name in data.__struct_fields__ if name not in free and getattr(data, name) is not UNSET]
    if given:
        raise invalid(given[0], "cannot be given with enabled: false; what was set stays for when it is switched on")
