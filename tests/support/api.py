"""The real application over its real database, called without a network."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import psycopg
from sqlalchemy import create_engine, pool

from ledger.access.service import create_key
from ledger.app import create_app
from ledger.kit.db import sync_url
from ledger.kit.http.edge import EdgedLitestar
from ledger.settings import Settings

_number = itertools.count(1)

JOURNAL = ("transactions", "postings", "lots", "holds", "refusals", "outbox", "wallets", "owners", "idempotency_keys")


def fresh(word: str) -> str:
    """A name that no other test of this process has: `owner-7`."""
    return f"{word}-{next(_number)}"


def make_key(
    database_url: str, *scopes: str, client: str = "default", expires_at: datetime | None = None
) -> tuple[str, str]:
    """The public id and the text of a new key."""
    engine = create_engine(sync_url(database_url), poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            key = create_key(connection, name="test", scopes=scopes, client=client, expires_at=expires_at)
    finally:
        engine.dispose()
    return key.key_id, key.text


def run_sql(database_url: str, statement: str, *params: Any) -> list[Any]:
    """One statement as the database's owner; its rows, if it has any."""
    url = "postgresql://" + database_url.partition("://")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def counts(database_url: str) -> dict[str, int]:
    """How many rows the tables have that a request can write to."""
    query = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in JOURNAL)
    return dict(run_sql(database_url, query))


@asynccontextmanager
async def running(database_url: str, settings: Settings | None = None) -> AsyncIterator[EdgedLitestar]:
    """The application, started and stopped."""
    app = create_app(settings or Settings(database_url=database_url))
    async with app.lifespan():
        yield app


class Api:
    """A client with a key. ``post`` gives each call an Idempotency-Key of its own, unless told one."""

    def __init__(self, app: Any, key: str | None, database_url: str) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.database_url = database_url
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://ledger.test", headers=headers
        )

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params)

    async def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers={"Idempotency-Key": key or fresh("key")})

    async def send(self, method: str, path: str, **given: Any) -> httpx.Response:
        """The request exactly as given."""
        return await self.client.request(method, path, **given)

    async def wallet(self, credits: str | None = None, **fields: Any) -> str:
        """A new wallet, with these credits; its id."""
        opened = await self.post("/v1/wallets", {"owner_id": fresh("owner")} | fields)
        assert opened.status_code == 201, opened.text
        wallet_id = str(opened.json()["id"])
        if credits is not None:
            await self.grant(wallet_id, credits)
        return wallet_id

    async def grant(self, wallet_id: str, amount: str, **fields: Any) -> dict[str, Any]:
        body = {"amount": amount, "source": "promotional", "reason": "a gift"} | fields
        given = await self.post(f"/v1/wallets/{wallet_id}/credits", body)
        assert given.status_code == 201, given.text
        return dict(given.json())

    async def available(self, wallet_id: str) -> str:
        return str((await self.get(f"/v1/wallets/{wallet_id}/balance")).json()["available"])
