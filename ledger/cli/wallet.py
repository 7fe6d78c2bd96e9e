"""``credit-ledger balance`` and ``history``: a wallet as it stands, straight from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from ledger.book.commands import Balances, Transaction
from ledger.book.read import Reader
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option, database_url
from ledger.errors import LedgerError
from ledger.kit.db import Database
from ledger.kit.ids import parse_wallet, row_public, wallet_public
from ledger.kit.money import format_amount

T = TypeVar("T")

_PRIMARY = "SELECT wallet_id FROM owners WHERE owner_id = %(owner)s"


@click.command()
@click.argument("wallet", metavar="WALLET")
@click.option("--as-of", metavar="TIME", help="An instant such as 2026-11-20T12:00:00Z.")
@click.option("--basis", type=click.Choice(["recorded", "effective"]), default="recorded", show_default=True)
@database_option
@json_option
def balance(wallet: str, as_of: str | None, basis: str, database_url: str | None, as_json: bool) -> None:
    """The balance of WALLET (wal_… or user:<owner>), now or at an instant."""
    at = None if as_of is None else _instant(as_of)

    async def work(database: Database, wallet_id: int) -> tuple[int, Balances]:
        reader = Reader(database)
        if at is not None:
            return wallet_id, await reader.balance_as_of(wallet_id, at, basis)
        return wallet_id, (await reader.balance(wallet_id)).balances

    wallet_id, found = _with_wallet(database_url, wallet, work)
    shown = {
        "wallet_id": wallet_public(wallet_id),
        "balance": format_amount(found.balance),
        "available": format_amount(found.available),
        "held": format_amount(found.held),
        "disputed": format_amount(found.disputed),
        "owed": format_amount(found.owed),
    }
    if as_json:
        emit_json(shown)
        return
    for name, value in shown.items():
        click.echo(f"{name:<10} {value}")


@click.command()
@click.argument("wallet", metavar="WALLET")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--kind", help="Only this kind: usage, grant, transfer …")
@database_option
@json_option
def history(wallet: str, limit: int, kind: str | None, database_url: str | None, as_json: bool) -> None:
    """The newest transactions of WALLET (wal_… or user:<owner>)."""

    async def work(database: Database, wallet_id: int) -> list[Transaction]:
        reader = Reader(database)
        await reader.wallet(wallet_id)
        return await reader.transactions(wallet_id, limit=limit, kind=kind)

    found = _with_wallet(database_url, wallet, work)
    if as_json:
        emit_json([_row(transaction) for transaction in found])
        return
    click.echo(f"{'number':>7}  {'effective at':<20}  {'kind':<13} {'change':>16} {'balance':>16}  description")
    for transaction in found:
        row = _row(transaction)
        click.echo(
            f"{row['number']:>7}  {row['effective_at'][:19]:<20}  {row['kind']:<13} {row['change']:>16}"
            f" {row['balance_after']:>16}  {row['description'] or ''}"
        )


def _row(transaction: Transaction) -> dict[str, Any]:
    gained = sum(p.amount for p in transaction.postings if p.asset == "CREDIT" and p.credit in ("wallet", "held"))
    lost = sum(p.amount for p in transaction.postings if p.asset == "CREDIT" and p.debit in ("wallet", "held"))
    owed = sum(p.amount for p in transaction.postings if p.credit == "owed")
    owed -= sum(p.amount for p in transaction.postings if p.debit == "owed")
    notes = transaction.notes
    return {
        "id": row_public("txn", transaction.wallet_id, transaction.number),
        "number": transaction.number,
        "kind": transaction.kind,
        "change": format_amount(gained - lost + owed),
        "balance_after": format_amount(transaction.after.balance),
        "effective_at": transaction.effective_at.isoformat(),
        "recorded_at": transaction.recorded_at.isoformat(),
        "actor": transaction.actor,
        "description": None if notes is None else notes.description,
    }


def _with_wallet(url: str | None, wallet: str, work: Callable[[Database, int], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(database_url(url), pool_size=1, application_name="credit-ledger cli")
        try:
            return await work(database, await resolve(database, wallet))
        finally:
            await database.dispose()

    try:
        return asyncio.run(run())
    except LedgerError as error:
        raise click.ClickException(error.detail) from error


async def resolve(database: Database, wallet: str) -> int:
    """The wallet of ``wal_…`` or ``user:<owner>``. Raises NotFound or ClickException."""
    if not wallet.startswith("user:"):
        return parse_wallet(wallet)
    async with database.engine.connect() as connection:
        found = (await connection.exec_driver_sql(_PRIMARY, {"owner": wallet[5:]})).scalar()
    if found is None:
        raise click.ClickException(f"the owner {wallet[5:]!r} has no wallet yet")
    return int(found)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time such as 2026-11-20T12:00:00Z") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
