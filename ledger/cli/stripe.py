"""``credit-ledger stripe``: what Stripe told, what of it could not be done, and taking on an account."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import click

from ledger import settings
from ledger.cli import where
from ledger.cli.desk import desk_of, gateway_of
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option
from ledger.errors import LedgerError
from ledger.kit.db import SERVICE_ROLE, Database, as_unavailable
from ledger.kit.http.fields import shown
from ledger.kit.money import format_amount
from ledger.payments.gateway import Gateway
from ledger.payments.inbox import store
from ledger.payments.inbox.store import Seen
from ledger.payments.money.opening import Opening
from ledger.payments.money.takeon import NotTakenOn, take_on

T = TypeVar("T")


@click.group()
def stripe() -> None:
    """Events of Stripe: what came, and what of it failed; and an account that was in use before."""


@stripe.command("events")
@click.option("--failed", is_flag=True, help="Only those that were given up.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many at most.")
@database_option
@json_option
def events(failed: bool, limit: int, database_url: str | None, as_json: bool) -> None:
    """List the newest events of Stripe."""
    found = _run(database_url, lambda database: store.listed(database, "failed" if failed else None, limit))
    if as_json:
        emit_json([event._asdict() for event in found])
        return
    for event in found:
        click.echo(_line(event))
    if not found:
        click.echo("no event was given up" if failed else "no event of Stripe has come")


@stripe.command("retry")
@click.argument("events", metavar="[EVENT]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that were given up.")
@database_option
@json_option
def retry(events: tuple[str, ...], every: bool, database_url: str | None, as_json: bool) -> None:
    """Have events that were given up (evt_…) tried again at once."""
    if every == bool(events):
        raise click.UsageError("name the events, or say --all")
    again = _run(database_url, lambda database: store.retry(database, None if every else events))
    if as_json:
        emit_json({"retried": again})
        return
    for event in sorted(set(events) - set(again)):
        click.echo(f"{event} was not given up")
    click.echo(f"{len(again):,} {'event is' if len(again) == 1 else 'events are'} tried again")


@stripe.command("take-on")
@click.option("--at", metavar="INSTANT", help="Since when; by default behind all that the account has done.")
@database_option
@json_option
def take_on_command(at: str | None, database_url: str | None, as_json: bool) -> None:
    """Take on an account that was in use before: what it held becomes one entry, once."""
    config, since = settings.load(), _instant(at)

    async def work(gateway: Gateway) -> Opening:
        async with desk_of(where.database_url(database_url), config, gateway, "credit-ledger stripe") as desk:
            return await take_on(desk, since)

    with gateway_of(config) as gateway:
        try:
            found = asyncio.run(work(gateway))
        except (NotTakenOn, LedgerError) as error:
            raise click.ClickException(str(error)) from error
    begins, balance = shown(found.at.astimezone(UTC)), format_amount(found.balance, found.currency)
    if as_json:
        emit_json({"currency": found.currency, "at": begins, "balance": balance})
    else:
        click.echo(f"the books begin at {begins}, with {balance} {found.currency} at Stripe")


def _instant(text: str | None) -> datetime | None:
    """A whole second that is past."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at.microsecond or at > datetime.now(UTC):
        raise click.UsageError("--at is a past instant in whole seconds with its offset, such as 2026-11-01T00:00:00Z")
    return at


def _line(event: Seen) -> str:
    problem = "" if event.problem is None else f"  {event.problem}"
    about = event.object or "–"
    return f"{event.received_at:%Y-%m-%d %H:%M:%S}  {event.event}  {event.state}  {event.type}  {about}{problem}"


def _run(url: str | None, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(
            where.database_url(url), pool_size=1, role=SERVICE_ROLE, application_name="credit-ledger stripe"
        )
        try:
            return await work(database)
        except Exception as error:
            raise as_unavailable(error) from error
        finally:
            await database.dispose()

    try:
        return asyncio.run(run())
    except LedgerError as error:
        raise click.ClickException(error.detail) from error
