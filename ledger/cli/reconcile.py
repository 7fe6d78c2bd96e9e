"""``credit-ledger reconcile``: hold what Stripe has against what is here."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec

from ledger import settings
from ledger.cli import where
from ledger.cli.desk import desk_of, gateway_of
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option
from ledger.kit import telemetry
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.payments.fulfil import settle_intent
from ledger.payments.gateway import Gateway
from ledger.payments.reconcile.report import Reconciliation, text_of
from ledger.payments.reconcile.service import DAYS, reconcile
from ledger.settings import Settings

STATEMENT_MS = 600_000
"""Longer than a request may take: it looks at days of payments at once."""


@click.command("reconcile")
@database_option
@click.option("--days", type=click.IntRange(1, 365), default=DAYS, show_default=True, help="How far back to look.")
@json_option
def reconcile_command(database_url: str | None, days: int, as_json: bool) -> None:
    """Hold what Stripe made in the last days against the rows and the books here: charges, refunds, disputes, payouts,
    movements of the balance, and the balance itself.

    What is not booked is booked first. Exits with 1 where something still differs.
    """
    config = settings.load()
    telemetry.configure(level=config.log_level, log_format=config.log_format, service="reconcile")
    with gateway_of(config) as gateway:
        report = asyncio.run(_reconcile(where.database_url(database_url), config, gateway, days))
    if as_json:
        emit_json(msgspec.to_builtins(report))
    else:
        click.echo(text_of(report))
    sys.exit(0 if report.ok else 1)


async def _reconcile(url: str, config: Settings, gateway: Gateway, days: int) -> Reconciliation:
    reading = Database(
        url,
        pool_size=1,
        role=SERVICE_ROLE,
        statement_timeout_ms=STATEMENT_MS,
        application_name="credit-ledger reconcile",
    )
    try:
        async with desk_of(url, config, gateway, "credit-ledger reconcile") as desk:
            return await reconcile(desk, reading, days=days, settle=settle_intent)
    finally:
        await reading.dispose()
