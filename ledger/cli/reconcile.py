"""``credit-ledger reconcile``: hold what Stripe has against what is here."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec

from ledger import settings
from ledger.cli import where
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option
from ledger.kit import telemetry
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.parts import make_door, make_gateway
from ledger.payments.desk import Desk
from ledger.payments.fulfil import settle_intent
from ledger.payments.gateway import Gateway, StripeAway, StripeRefused
from ledger.payments.reconcile.report import Reconciliation, text_of
from ledger.payments.reconcile.service import DAYS, reconcile
from ledger.settings import Settings

STATEMENT_MS = 600_000
"""The sum of all books takes as long as they are."""


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
    gateway = make_gateway(config) or _of_up()
    if gateway is None:
        raise click.ClickException("no key of Stripe: set LEDGER_STRIPE_API_KEY")
    try:
        report = asyncio.run(_reconcile(where.database_url(database_url), config, gateway, days))
    except (StripeAway, StripeRefused) as error:
        raise click.ClickException(f"Stripe cannot be asked: {error}") from error
    finally:
        gateway.close()
    if as_json:
        emit_json(msgspec.to_builtins(report))
    else:
        click.echo(text_of(report))
    sys.exit(0 if report.ok else 1)


def _of_up() -> Gateway | None:
    """The sandbox that ``up`` runs, which any test key opens."""
    sandbox = where.running().get("sandbox")
    return None if sandbox is None else Gateway("sk_test_reconcile", str(sandbox))


async def _reconcile(url: str, config: Settings, gateway: Gateway, days: int) -> Reconciliation:
    database = Database(url, pool_size=2, role=SERVICE_ROLE, application_name="credit-ledger reconcile")
    reading = Database(
        url,
        pool_size=1,
        role=SERVICE_ROLE,
        statement_timeout_ms=STATEMENT_MS,
        application_name="credit-ledger reconcile",
    )
    door = make_door(database, config)
    await door.start()
    try:
        return await reconcile(Desk(database, door, gateway, config), reading, days=days, settle=settle_intent)
    finally:
        await door.stop()
        await reading.dispose()
        await database.dispose()
