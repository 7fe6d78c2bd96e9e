"""``credit-ledger rollups``: sums of usage, made anew from the journal."""

from __future__ import annotations

import asyncio

import click

from ledger.cli.output import emit_json, json_option
from ledger.cli.wallet import resolve
from ledger.cli.where import database_option, database_url
from ledger.errors import LedgerError
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import wallet_public
from ledger.rollups.roller import rebuild, wallets_after

STATEMENT_MS = 600_000
"""A wallet's history may be long."""


@click.group()
def rollups() -> None:
    """Sums of what wallets used, which reads and forecasts are made of."""


@rollups.command("rebuild")
@click.argument("wallet", metavar="[WALLET]", required=False)
@database_option
@json_option
def rebuild_(wallet: str | None, database_url: str | None, as_json: bool) -> None:
    """Make the sums of WALLET (wal_… or user:<owner>), or of all wallets, anew from the journal.

    The service may go on meanwhile. Says of which wallets the sums were wrong.
    """
    try:
        rebuilt, wrong = asyncio.run(_rebuild(database_url, wallet))
    except LedgerError as error:
        raise click.ClickException(error.detail) from error
    if as_json:
        emit_json({"rebuilt": rebuilt, "were_wrong": wrong})
        return
    for name in wrong:
        click.echo(f"{name} was wrong")
    click.echo(f"rebuilt {rebuilt:,} {'wallet' if rebuilt == 1 else 'wallets'}, {len(wrong):,} of which were wrong")


async def _rebuild(url: str | None, wallet: str | None) -> tuple[int, list[str]]:
    database = Database(
        database_url(url),
        pool_size=1,
        role=SERVICE_ROLE,
        statement_timeout_ms=STATEMENT_MS,
        application_name="credit-ledger rollups",
    )
    rebuilt, wrong = 0, []
    try:
        found = [await resolve(database, wallet)] if wallet else await wallets_after(database, 0)
        while found:
            for wallet_id in found:
                if await rebuild(database, wallet_id):
                    wrong.append(wallet_public(wallet_id))
            rebuilt += len(found)
            found = [] if wallet else await wallets_after(database, found[-1])
    finally:
        await database.dispose()
    return rebuilt, wrong
