"""``credit-ledger rates``: the rate card, shown, written to a file, and taken from one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import IO, TypeVar

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import settings
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option, database_url
from ledger.errors import InvalidRequest, LedgerError
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rates import service
from ledger.rates.answers import PriceVersion, rate_card
from ledger.rates.card_file import FILE_MAX, place_of, read_card, write_card
from ledger.rates.changes import Difference
from ledger.rates.checks import named
from ledger.rates.prices import Meter, Price, selector_of

T = TypeVar("T")

ACTOR = "cli"
"""Who changes the card from here: whoever can reach the database needs no key."""

TIMEOUT_MS = 60_000
"""For a card of thousands of prices, and for other writers to be done."""


class CheckOnly(Exception):
    """Rolls back what was only tried."""

    def __init__(self, changed: service.Changed) -> None:
        self.changed = changed


@click.group()
def rates() -> None:
    """The rate card: show, export, import."""


@rates.command()
@database_option
@json_option
def show(database_url: str | None, as_json: bool) -> None:
    """All meters, with all versions of their prices."""
    given = settings.load().rates
    edition = _with_card(database_url, lambda connection: service.read_card(connection, given))
    shown = rate_card(edition.version, edition.card, given)
    if as_json:
        emit_json(msgspec.to_builtins(shown))
        return
    click.echo(f"version {shown.version}")
    for meter in shown.meters:
        free = "" if meter.free_monthly is None else f", {meter.free_monthly} free each month"
        click.echo(f"{meter.service}/{meter.meter}  ({meter.unit or 'each'}{free})")
        for price in meter.prices:
            until = f" to {price.valid_to}" if price.valid_to else ""
            selector = selector_of(price.dimensions)
            click.echo(f"  {selector:<24} {price.version}  {_cost(price):<24} from {price.valid_from}{until}")


@rates.command()
@click.argument("file", type=click.File("w", encoding="utf-8", atomic=True), default="-")
@database_option
def export(file: IO[str], database_url: str | None) -> None:
    """Write the card to FILE, or to standard output, as YAML that `import` takes."""
    given = settings.load().rates
    edition = _with_card(database_url, lambda connection: service.read_card(connection, given))
    file.write(write_card(edition.card))


@rates.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--check", is_flag=True, help="Change nothing; say what would change, or what is wrong.")
@database_option
@json_option
def import_(file: IO[str], check: bool, database_url: str | None, as_json: bool) -> None:
    """Put the card in FILE (- is standard input) in the place of the one that is stored: wholly or not at all."""
    meters, prices = _read(file)
    given = settings.load().rates

    async def work(connection: AsyncConnection) -> service.Changed:
        changed = await service.import_card(connection, meters, prices, rates=given, actor=ACTOR)
        if check:
            raise CheckOnly(changed)
        return changed

    try:
        changed = _with_card(database_url, work)
    except CheckOnly as only:
        changed = only.changed
    except LedgerError as error:
        place = place_of(error.facts, meters, prices)
        raise click.ClickException(f"{place}: {error.detail}" if place else error.detail) from error
    lines = list(_lines(changed.difference))
    if as_json:
        emit_json({"version": changed.edition.version, "checked_only": check, "changes": lines})
        return
    for line in lines:
        click.echo(line)
    verdict = "would be" if check else "is"
    click.echo(
        f"The card {verdict} at version {changed.edition.version}" + ("." if lines else "; nothing is new in it.")
    )


def _read(file: IO[str]) -> tuple[list[Meter], list[Price]]:
    try:
        return read_card(file.read(FILE_MAX + 1))
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{file.name} is not UTF-8: {error.reason} at byte {error.start}") from error
    except InvalidRequest as error:
        raise click.ClickException(error.detail) from error


def _lines(difference: Difference) -> Iterator[str]:
    """What is new, a line for each."""
    for word, meters in (("new meter", difference.new_meters), ("changed meter", difference.changed_meters)):
        yield from (f"{word}  {named(meter)}" for meter in meters)
    for word, prices in (("new price", difference.new_prices), ("ended price", difference.ended_prices)):
        yield from (
            f"{word}  {named(price)} {selector_of(price.dimensions)} version {price.version}" for price in prices
        )


def _cost(price: PriceVersion) -> str:
    if price.per_unit is not None:
        return f"{price.per_unit} {price.asset}"
    if price.package is not None:
        return f"{price.package.amount} {price.asset} for {price.package.size}"
    tiers = price.graduated or price.volume or []
    return f"{price.asset} by {len(tiers)} tiers, {'graduated' if price.graduated else 'volume'}"


def _with_card(url: str | None, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """``work`` in a transaction, as the service's role."""
    found = database_url(url)

    async def go() -> T:
        database = Database(
            found,
            pool_size=1,
            role=SERVICE_ROLE,
            statement_timeout_ms=TIMEOUT_MS,
            lock_timeout_ms=TIMEOUT_MS,
            application_name="credit-ledger rates",
        )
        try:
            async with database.transaction() as connection:
                return await work(connection)
        finally:
            await database.dispose()

    try:
        return asyncio.run(go())
    except service.CardUnusable as error:
        raise click.ClickException(f"{error}. Look at LEDGER_CREDITS_PER_UNIT.") from error
