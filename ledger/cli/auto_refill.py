"""``credit-ledger auto-refill``: a wallet's auto-refill and the kill switch, straight in the database.

Settings go the way of the API: the same checks, the same consent, under the wallet's lock. Whoever can reach the
database needs no key, so who agreed to be charged has to be named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar, get_args
from uuid import uuid4

import click
import msgspec

from ledger import settings
from ledger.book.commands import Attempt, BookDue, Refused, Rider
from ledger.book.door import Door
from ledger.cli.output import emit_json, json_option
from ledger.cli.wallet import resolve
from ledger.cli.where import database_option, database_url
from ledger.errors import LedgerError
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.http.strict import decode
from ledger.parts import make_door
from ledger.refill import attempts, changes
from ledger.refill.answer import about, shape_of
from ledger.refill.shapes import (
    AttemptShape,
    AttemptState,
    AutoRefillShape,
    Settings,
    SwitchShape,
    attempt_shape,
    switch_shape,
)
from ledger.settings import Settings as Service
from ledger.wallets.service import get_wallet

T = TypeVar("T")

ACTOR: Final = "cli"
SCOPES: Final = ("write", "admin")
_settings: Final = msgspec.json.Decoder(Settings)


class At(NamedTuple):
    """What a command works with."""

    database: Database
    door: Door
    service: Service


@click.group("auto-refill")
def auto_refill() -> None:
    """A wallet that runs low buys credits by itself: settings, attempts, the kill switch."""


@auto_refill.command()
@click.argument("wallet", metavar="WALLET")
@click.option("--consent-by", required=True, help="Who agreed to be charged, as the platform knows them.")
@click.option("--threshold", help="In credits: below it a refill begins.")
@click.option("--amount-credits", help="How many credits a refill buys.")
@click.option("--amount-usd", help="What a refill costs, in dollars, instead.")
@click.option("--up-to-credits", help="Buy as much as is missing up to that, instead.")
@click.option("--maximum-per-month", type=int, help="Refills in a month at most; 10 unless it is given.")
@click.option("--monthly-spend-cap", help="Money in a month at most; the maximum times the amount unless it is given.")
@click.option("--cooldown-s", type=int, help="Seconds between two refills; 600 unless it is given.")
@click.option("--business-hours", metavar="HH:MM-HH:MM", help="Charge only then; `any` for any hour.")
@click.option("--weekends/--no-weekends", default=None, help="Whether cards are charged on Saturdays and Sundays.")
@click.option("--holiday", metavar="DATE", multiple=True, help="A day on which nothing is charged; may be repeated.")
@click.option("--time-zone", help="Of hours, days and months; the wallet's unless it is given.")
@click.option("--smart/--no-smart", default=None, help="Fire early where closed hours are ahead.")
@database_option
@json_option
def enable(
    wallet: str, consent_by: str, database_url: str | None, as_json: bool, holiday: tuple[str, ...], **given: Any
) -> None:
    """Switch auto-refill of WALLET (wal_… or user:<owner>) on, or change it; what is not given stays as it was."""
    hours, weekends, smart = given.pop("business_hours"), given.pop("weekends"), given.pop("smart")
    given |= {"weekend_refill": weekends, "smart_refill": smart, "holidays": holiday or None}
    if hours is not None:
        given["business_hours_only"] = hours != "any"
        if hours != "any":
            opens, _, closes = hours.partition("-")
            given["business_hours"] = {"opens": opens, "closes": closes}
    body = {name: value for name, value in given.items() if value is not None}
    body |= {"enabled": True, "consent": {"given_by": consent_by}}
    _set(wallet, body, database_url, as_json)


@auto_refill.command()
@click.argument("wallet", metavar="WALLET")
@database_option
@json_option
def disable(wallet: str, database_url: str | None, as_json: bool) -> None:
    """Switch auto-refill of WALLET off; its settings stay for when it is switched on again."""
    _set(wallet, {"enabled": False}, database_url, as_json)


@auto_refill.command()
@click.argument("wallet", metavar="WALLET")
@database_option
@json_option
def status(wallet: str, database_url: str | None, as_json: bool) -> None:
    """Settings of WALLET, what counts against its caps, and what is to be expected."""

    async def work(at: At) -> AutoRefillShape:
        return await _shown(at, await _known(at, wallet))

    _tell(_with(database_url, work), as_json)


@auto_refill.command()
@click.argument("wallet", metavar="WALLET")
@database_option
@json_option
def resume(wallet: str, database_url: str | None, as_json: bool) -> None:
    """End the pause of WALLET: it is charged again when it runs low, by the card that it has now."""

    async def work(at: At) -> AutoRefillShape:
        found = await _known(at, wallet)
        async with at.database.transaction() as connection:
            rider = await changes.resuming(connection, found)
        return await _changed(at, found, rider)

    _tell(_with(database_url, work), as_json)


@auto_refill.command("attempts")
@click.argument("wallet", metavar="WALLET")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--status", "state", type=click.Choice(get_args(AttemptState)), help="Only attempts in this state.")
@database_option
@json_option
def list_attempts(wallet: str, limit: int, state: str | None, database_url: str | None, as_json: bool) -> None:
    """The newest refills of WALLET, those that came to nothing included."""

    async def work(at: At) -> list[AttemptShape]:
        found = await _known(at, wallet)
        async with at.database.transaction() as connection:
            rows = await attempts.listed(connection, found, before=None, limit=limit, state=state)
        return [attempt_shape(row) for row in rows]

    shown = _with(database_url, work)
    if as_json:
        emit_json(msgspec.to_builtins(shown))
        return
    click.echo(f"{'began at':<20}  {'state':<10} {'credits':>12} {'amount':>14}  {'tries':>5}  why")
    for one in shown:
        money = f"{one.amount} {one.currency}"
        why = one.reason or one.cause
        click.echo(f"{one.began_at[:19]:<20}  {one.status:<10} {one.credits:>12} {money:>14}  {one.tries:>5}  {why}")


@auto_refill.command()
@click.option("--reason", required=True, help="Why, for whoever asks later.")
@database_option
@json_option
def stop(reason: str, database_url: str | None, as_json: bool) -> None:
    """The kill switch: stop all automatic charges, of all wallets, at once."""
    _switch(reason, database_url, as_json, stopped=True)


@auto_refill.command()
@database_option
@json_option
def start(database_url: str | None, as_json: bool) -> None:
    """Let automatic charges go on; what waited for it is charged."""
    _switch(None, database_url, as_json, stopped=False)


def _switch(reason: str | None, url: str | None, as_json: bool, *, stopped: bool) -> None:
    async def work(at: At) -> SwitchShape:
        return switch_shape(await changes.switch(at.database, stopped=stopped, reason=reason, actor=ACTOR))

    shown = _with(url, work)
    if as_json:
        emit_json(msgspec.to_builtins(shown))
    elif stopped:
        click.echo("Stopped: no card is charged until `credit-ledger auto-refill start`.")
    else:
        click.echo("Automatic charges go on.")


def _set(wallet: str, body: dict[str, Any], url: str | None, as_json: bool) -> None:
    async def work(at: At) -> AutoRefillShape:
        data = decode(msgspec.json.encode(body), _settings)
        found = await _known(at, wallet)
        kept = await get_wallet(at.database, found)
        async with at.database.transaction() as connection:
            rider = await changes.setting(connection, found, data, actor=ACTOR, wallet=kept, service=at.service)
        return await _changed(at, found, rider)

    _tell(_with(url, work), as_json)


async def _known(at: At, wallet: str) -> int:
    """The wallet. Raises NotFound or ClickException."""
    found = await resolve(at.database, wallet)
    await get_wallet(at.database, found)
    return found


async def _changed(at: At, wallet_id: int, rider: Rider | None) -> AutoRefillShape:
    """Carry out a change, then have it decided whether a refill is needed."""
    for riders in () if rider is None else ((rider,), ()):
        command = BookDue(wallet_id=wallet_id)
        tried = Attempt(command=command, key=uuid4().hex, namespace=ACTOR, actor=ACTOR, riders=riders)
        [outcome] = await at.door.submit([tried])
        if isinstance(outcome, Refused):
            raise outcome.error
    return await _shown(at, wallet_id)


async def _shown(at: At, wallet_id: int) -> AutoRefillShape:
    async with at.database.transaction() as connection:
        return shape_of(wallet_id, await about(connection, wallet_id), at.service.settlement_currency, SCOPES)


def _with(url: str | None, work: Callable[[At], Awaitable[T]]) -> T:
    """What ``work`` gives, with a door of its own. A refusal ends the command with what is wrong."""
    service = settings.load()

    async def run() -> T:
        database = Database(database_url(url), pool_size=2, role=SERVICE_ROLE, application_name="credit-ledger cli")
        door = make_door(database, service)
        await door.start()
        try:
            return await work(At(database, door, service))
        finally:
            await door.stop()
            await database.dispose()

    try:
        return asyncio.run(run())
    except LedgerError as error:
        raise click.ClickException(error.detail) from error


def _tell(shown: AutoRefillShape, as_json: bool) -> None:
    if as_json:
        emit_json(msgspec.to_builtins(shown))
        return
    for name, value in _lines(shown):
        click.echo(f"{name:<10} {value}")


def _lines(shown: AutoRefillShape) -> list[tuple[str, str]]:
    """A wallet's auto-refill as people read it."""
    lines = [("wallet", shown.wallet_id), ("status", shown.status)]
    if shown.paused is not None:
        lines.append(("paused", f"for {shown.paused.reason}, since {shown.paused.since}"))
    if shown.threshold is None:
        return lines
    what = f"up to {shown.up_to_credits}" if shown.up_to_credits else shown.credits_per_refill
    most = " at most" if shown.up_to_credits else ""
    lines.append(("refill", f"{what} credits for {shown.amount} {shown.currency}{most}, below {shown.threshold}"))
    month = shown.this_month
    assert month is not None, "what has a threshold has a month"
    made = f"{month.refills} of {shown.maximum_per_month} refills"
    spent = f"{month.spent} of {shown.monthly_spend_cap} {shown.currency}"
    lines.append(("this month", f"{made}, {spent}, until {month.ends_at}"))
    lines.append(("hours", _hours(shown)))
    card = shown.payment_method
    pays = "none: each refill becomes a link" if card is None else f"{card.brand or card.type} {card.last_four or ''}"
    lines.append(("pays by", pays.rstrip()))
    if shown.under_way is not None:
        lines.append(("under way", shown.under_way))
    if shown.consent is not None:
        lines.append(("consent", f"{shown.consent.given_by}, {shown.consent.given_at}"))
    return lines


def _hours(shown: AutoRefillShape) -> str:
    hours = shown.business_hours
    parts = ["any" if hours is None else f"{hours.opens} to {hours.closes}", str(shown.time_zone)]
    if not shown.weekend_refill:
        parts.append("not at weekends")
    if shown.holidays:
        parts.append(f"{len(shown.holidays)} holidays")
    return ", ".join(parts)
