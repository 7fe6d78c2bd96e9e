"""``credit-ledger anchor``: keys, sealing now, and the anchors there are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.book.anchor import store
from ledger.book.anchor.keys import SigningKey, public_text, signing_key
from ledger.book.anchor.rules import Anchor, data_of
from ledger.book.anchor.service import seal_now
from ledger.cli import where
from ledger.cli.output import emit_json, emit_key, json_option
from ledger.cli.where import database_option
from ledger.kit.db import SERVICE_ROLE, Database

T = TypeVar("T")

PAGE = 500


@click.group()
def anchor() -> None:
    """Anchors: signed hashes over all books that moved."""


@anchor.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@json_option
def keygen(file: Path | None, as_json: bool) -> None:
    """Make a private key for LEDGER_ANCHOR_KEY, in FILE or on the terminal, and show its public key."""
    key = SigningKey.new()
    emit_key(file, "private_key", key.text, {"public_key": public_text(key.public)}, as_json=as_json)


@anchor.command()
@database_option
@json_option
def now(database_url: str | None, as_json: bool) -> None:
    """Seal everything that moved, whatever the hour."""
    url = where.database_url(database_url)
    key = signing_key(where.settings_of(url, "anchor_key"))
    if key is None:
        raise click.ClickException("LEDGER_ANCHOR_KEY is not set; `credit-ledger anchor keygen` makes a key")

    async def work() -> Anchor:
        database = Database(url, pool_size=1, role=SERVICE_ROLE, application_name="credit-ledger anchor")
        try:
            return await seal_now(database, key)
        finally:
            await database.dispose()

    _show(asyncio.run(work()), as_json=as_json)


@anchor.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@database_option
@json_option
def list_(limit: int, database_url: str | None, as_json: bool) -> None:
    """The newest anchors."""
    found = _with_database(database_url, lambda connection: store.newest_anchors(connection, None, limit))
    if as_json:
        emit_json([data_of(one) for one in found])
        return
    for one in found:
        click.echo(f"{one.number:>8}  {one.sealed_at:%Y-%m-%d %H:%M:%S}  {one.leaves:>9,} books  {one.hash.hex()}")


@anchor.command()
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@database_option
@json_option
def show(number: int, database_url: str | None, as_json: bool) -> None:
    """Anchor NUMBER with its hash, root and signature."""
    found = _with_database(database_url, lambda connection: store.anchors_after(connection, number - 1, 1))
    if not found or found[0].number != number:
        raise click.ClickException(f"there is no anchor {number}")
    _show(found[0], as_json=as_json)


@anchor.command()
@click.option("--after", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Only those above it.")
@database_option
def export(after: int, database_url: str | None) -> None:
    """All anchors, a JSON object a line: to be kept where the database's owner cannot write."""

    async def work(connection: AsyncConnection) -> None:
        last = after
        while page := await store.anchors_after(connection, last, PAGE):
            for one in page:
                click.echo(msgspec.json.encode(data_of(one)).decode())
            last = page[-1].number

    _with_database(database_url, work)


def _with_database(url: str | None, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(where.database_url(url), pool_size=1, application_name="credit-ledger anchor")
        try:
            async with database.transaction() as connection:
                return await work(connection)
        finally:
            await database.dispose()

    return asyncio.run(run())


def _show(found: Anchor, *, as_json: bool) -> None:
    if as_json:
        emit_json(data_of(found))
        return
    for name, value in data_of(found).items():
        click.echo(f"{name:<14} {value}")
