"""``credit-ledger keys``: API keys, made and ended where the database is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import click
import msgspec
from sqlalchemy import create_engine, pool
from sqlalchemy.engine import Connection

from ledger.access import service
from ledger.cli.output import emit_json, json_option
from ledger.cli.where import database_option, database_url
from ledger.kit.db import sync_url

T = TypeVar("T")


@click.group()
def keys() -> None:
    """API keys: create, list, revoke."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(list(service.IMPLIED)),
    default=["write"],
    show_default=True,
    help="write implies read, admin implies both.",
)
@click.option(
    "--client",
    default="default",
    show_default=True,
    help="Keys of one client share their idempotency keys: name the old key's when you rotate.",
)
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="By default it does not expire.")
@database_option
@json_option
def create(
    name: str,
    scopes: tuple[str, ...],
    client: str,
    expires_in_days: int | None,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Create a key. It is shown once, and only a digest of it is kept."""
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    key = _with_database(
        database_url,
        lambda connection: service.create_key(
            connection, name=name, scopes=scopes, client=client, expires_at=expires_at
        ),
    )
    if as_json:
        emit_json({"id": key.key_id, "key": key.text})
    else:
        click.echo(key.text)


@keys.command("list")
@database_option
@json_option
def list_(database_url: str | None, as_json: bool) -> None:
    """All keys, without their secrets."""
    found = _with_database(database_url, service.list_keys)
    if as_json:
        emit_json([msgspec.to_builtins(key) for key in found])
        return
    for key in found:
        state = "revoked" if key.revoked_at else f"expires {key.expires_at:%Y-%m-%d}" if key.expires_at else "valid"
        click.echo(f"{key.key_id}  {key.name:<20} {key.client:<12} {','.join(key.scopes):<12} {state}")


@keys.command()
@click.argument("key_id", metavar="KEY")
@database_option
def revoke(key_id: str, database_url: str | None) -> None:
    """End KEY (key_…). Within five seconds no process takes it any more."""
    if not _with_database(database_url, lambda connection: service.revoke_key(connection, key_id)):
        raise click.ClickException(f"there is no key {key_id}")
    click.echo(f"{key_id} is revoked")


def _with_database(url: str | None, work: Callable[[Connection], T]) -> T:
    engine = create_engine(sync_url(database_url(url)), poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()
