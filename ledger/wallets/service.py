"""Wallets: open, show, change, freeze, close."""

import re
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from msgspec import UNSET, UnsetType
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.commands import BookDue, Command, Rider, SetOverdraft
from ledger.budgets.service import plan_move
from ledger.errors import NotFound, WalletExists
from ledger.kit import ids
from ledger.kit.db import Database
from ledger.kit.http.strict import invalid
from ledger.kit.money import parse_amount
from ledger.wallets import store
from ledger.wallets.shapes import NewWallet, WalletChange

_ZERO = re.compile(r"0(?:\.0{1,6})?")


async def open_wallet(connection: AsyncConnection, new: NewWallet) -> Row[Any]:
    """Open a wallet. Raises WalletExists where the owner has it."""
    limit = limit_of(new.overdraft_limit, "overdraft_limit")
    check_time_zone(new.time_zone)
    wallet_id = ids.new_wallet_id()
    if new.purpose is None:
        taken = new.owner_id in await store.take_primary(connection, {new.owner_id: wallet_id})
    else:
        taken = await store.take_purpose(connection, new.owner_id, new.purpose, wallet_id)
    if not taken:
        raise await _exists(connection, new.owner_id, new.purpose)
    settings = {
        "wallet_id": wallet_id,
        "owner_id": new.owner_id,
        "purpose": new.purpose,
        "time_zone": new.time_zone,
        "metadata": new.metadata,
    }
    await store.insert_wallets(connection, [settings], limit)
    row = await store.wallet_row(connection, wallet_id)
    assert row is not None
    return row


async def get_wallet(database: Database, wallet_id: int) -> Row[Any]:
    """Raises NotFound."""
    async with database.transaction() as connection:
        row = await store.wallet_row(connection, wallet_id)
    if row is None:
        raise _not_found(wallet_id)
    return row


async def list_wallets(database: Database, *, owner_id: str | None, after: int, limit: int) -> list[Row[Any]]:
    """Wallets by id, after this one."""
    async with database.transaction() as connection:
        return await store.wallet_rows(connection, owner_id=owner_id, after=after, limit=limit)


class Plan(NamedTuple):
    """A change of settings, ready for the door: they are written under the wallet's lock, or not at all."""

    command: Command
    riders: tuple[Rider, ...]


async def plan_change(database: Database, wallet_id: int, change: WalletChange) -> Plan:
    """What to submit for a change. Raises NotFound, InvalidRequest, InvalidAmount, WalletExists."""
    changes = _changes(change)
    row = await get_wallet(database, wallet_id)
    if changes.get("critical_at", row.critical_at) > changes.get("warning_at", row.warning_at):
        raise invalid("critical_balance", "must not be above low_balance_warning")
    riders = [store.change_rider(row, changes)] if changes else []
    if changes.get("time_zone", row.time_zone) != row.time_zone:
        async with database.transaction() as connection:
            riders.append(await plan_move(connection, wallet_id, changes["time_zone"]))
    if changes.get("purpose", row.purpose) != row.purpose:
        await _check_purpose(database, row, changes["purpose"])
        riders += store.rename_riders(row, changes["purpose"])
    command: Command = BookDue(wallet_id=wallet_id)
    if not isinstance(change.overdraft_limit, UnsetType):
        command = SetOverdraft(wallet_id=wallet_id, limit=limit_of(change.overdraft_limit, "overdraft_limit"))
    return Plan(command, tuple(riders))


async def _check_purpose(database: Database, row: Row[Any], purpose: str) -> None:
    if row.primary:
        raise invalid("purpose", "the primary wallet has none")
    async with database.transaction() as connection:
        if await store.purpose_id(connection, row.owner_id, purpose) is not None:
            raise await _exists(connection, row.owner_id, purpose)


def _changes(change: WalletChange) -> dict[str, Any]:
    """The columns of ``wallet_settings`` to change."""
    given = {
        "purpose": change.purpose,
        "time_zone": change.time_zone,
        "metadata": change.metadata,
        "warning_at": _optional_limit(change.low_balance_warning, "low_balance_warning"),
        "critical_at": _optional_limit(change.critical_balance, "critical_balance"),
    }
    if isinstance(change.time_zone, str):
        check_time_zone(change.time_zone)
    return {name: value for name, value in given.items() if value is not UNSET}


def limit_of(value: str | int, path: str) -> int:
    """An amount that may be zero, in micro-credits. Raises InvalidAmount."""
    return 0 if _ZERO.fullmatch(str(value)[:10]) else parse_amount(value, path=path)


def _optional_limit(value: str | int | UnsetType, path: str) -> int | UnsetType:
    return UNSET if isinstance(value, UnsetType) else limit_of(value, path)


async def _exists(connection: AsyncConnection, owner_id: str, purpose: str | None) -> WalletExists:
    if purpose is None:
        found = (await store.primary_ids(connection, [owner_id])).get(owner_id)
        what = "a primary wallet; a further one needs a purpose"
    else:
        found = await store.purpose_id(connection, owner_id, purpose)
        what = f"a wallet for {purpose!r}"
    facts = {} if found is None else {"wallet_id": ids.wallet_public(found)}
    return WalletExists(f"the owner has {what}", **facts)


@cache
def _time_zones() -> frozenset[str]:
    """(``localtime`` is whatever a machine is set to: no zone, and none that the database knows.)"""
    return frozenset(available_timezones() - {"localtime"})


def check_time_zone(name: str) -> None:
    if name not in _time_zones():
        raise invalid("time_zone", "must be a name of the IANA time zone database, such as Europe/Berlin")


def _not_found(wallet_id: int) -> NotFound:
    return NotFound(f"there is no wallet {ids.wallet_public(wallet_id)}")
