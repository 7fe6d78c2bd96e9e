"""A desk for a command: the database, a door of its own, and Stripe, or the sandbox of the ``up`` that runs here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import click

from ledger.cli import where
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.parts import make_door, make_gateway
from ledger.payments.desk import Desk
from ledger.payments.gateway import Gateway, StripeAway, StripeRefused
from ledger.settings import Settings


@contextmanager
def gateway_of(config: Settings) -> Iterator[Gateway]:
    """The way to Stripe. A command that cannot go it ends with one line that says why."""
    gateway = make_gateway(config) or _of_up()
    if gateway is None:
        raise click.ClickException("no key of Stripe: set LEDGER_STRIPE_API_KEY")
    try:
        yield gateway
    except (StripeAway, StripeRefused) as error:
        raise click.ClickException(f"Stripe cannot be asked: {error}") from error
    finally:
        gateway.close()


@asynccontextmanager
async def desk_of(url: str, config: Settings, gateway: Gateway, name: str) -> AsyncIterator[Desk]:
    """All that working on payments needs; ``name`` is how it shows in pg_stat_activity."""
    database = Database(url, pool_size=2, role=SERVICE_ROLE, application_name=name)
    door = make_door(database, config)
    await door.start()
    try:
        yield Desk(database, door, gateway, config)
    finally:
        await door.stop()
        await database.dispose()


def _of_up() -> Gateway | None:
    """The sandbox that ``up`` runs, which any test key opens."""
    sandbox = where.running().get("sandbox")
    return None if sandbox is None else Gateway("sk_test_of_a_command", str(sandbox))
