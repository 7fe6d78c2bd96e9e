"""``credit-ledger secrets``: the keys that secrets in the database are encrypted with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.cli import where
from ledger.cli.output import emit_json, emit_key, json_option
from ledger.cli.where import database_option
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.secret_keys import SecretKeys, keys_of, new_key

P = TypeVar("P")

PAGE = 500


@click.group()
def secrets() -> None:
    """Keys that secrets in the database are encrypted with."""


@secrets.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@json_option
def keygen(file: Path | None, as_json: bool) -> None:
    """Make a key for LEDGER_SECRET_KEYS, in FILE or on the terminal, and show its id."""
    key = new_key()
    emit_key(file, "key", key, {"id": keys_of(key).ids[0]}, as_json=as_json)


@secrets.command()
@database_option
@json_option
def reencrypt(database_url: str | None, as_json: bool) -> None:
    """Encrypt by the first of LEDGER_SECRET_KEYS what another of them encrypted."""
    from ledger.parts import make_secret_keys

    url = where.database_url(database_url)
    keys = make_secret_keys(where.settings_of(url, "secret_keys"))
    if keys is None:
        raise click.ClickException("LEDGER_SECRET_KEYS is not set; `credit-ledger secrets keygen` makes a key")
    changed, failed = asyncio.run(_reencrypt(url, keys))
    if as_json:
        emit_json({"key": keys.ids[0], "reencrypted": changed, "failed": failed})
    else:
        click.echo(f"{changed:,} {'secret was' if changed == 1 else 'secrets were'} encrypted anew")
        for one in failed:
            click.echo(f"not decrypted: {one}")
    if failed:
        raise SystemExit(1)


async def _reencrypt(url: str, keys: SecretKeys) -> tuple[int, list[str]]:
    """How many were changed, and what could not be decrypted."""
    from ledger.notifications.store import reencrypt as reencrypt_urls
    from ledger.webhooks.endpoints.store import reencrypt as reencrypt_secrets

    database = Database(url, pool_size=1, role=SERVICE_ROLE, application_name="credit-ledger secrets")
    try:
        secrets = await _all(database, keys, reencrypt_secrets, (0, 0))
        urls = await _all(database, keys, reencrypt_urls, 0)
    finally:
        await database.dispose()
    return secrets[0] + urls[0], secrets[1] + urls[1]


async def _all(
    database: Database,
    keys: SecretKeys,
    some: Callable[[AsyncConnection, SecretKeys, P, int], Awaitable[tuple[P | None, int, list[str]]]],
    first: P,
) -> tuple[int, list[str]]:
    """Page by page, from ``first`` on."""
    changed, failed = 0, list[str]()
    place: P | None = first
    while place is not None:
        async with database.transaction() as connection:
            place, more, wrong = await some(connection, keys, place, PAGE)
        changed += more
        failed += wrong
    return changed, failed
