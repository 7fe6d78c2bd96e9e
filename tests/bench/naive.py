"""Baselines over HTTP: the usage endpoint written naively, and a handler that does nothing.

Naive is what is usual: a transaction of its own for each request, out of a pool of sixteen connections, with a row for
the transaction, two entries and the balance updated. It has no lots, no idempotency look-up, no chain, no keys: it
does much less. Prepared statements and psycopg itself, so that it is not slow for a reason that has nothing to do with
its shape.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State

from ledger.kit.money import format_amount, parse_amount

POOL = 16

TABLES = """
CREATE TABLE balances (wallet text PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
CREATE TABLE transactions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE, kind text NOT NULL,
    service text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE entries (
    transaction_id bigint NOT NULL REFERENCES transactions, line smallint NOT NULL, account text NOT NULL,
    amount bigint NOT NULL, PRIMARY KEY (transaction_id, line));
CREATE INDEX ON entries (account, transaction_id);
"""

TRANSACTION = "INSERT INTO transactions (key, kind, service) VALUES (%s, 'usage', %s) RETURNING id"
ENTRIES = "INSERT INTO entries VALUES (%s, 1, %s, %s), (%s, 2, %s, %s)"
BALANCE = "UPDATE balances SET balance = balance - %s WHERE wallet = %s AND balance >= %s RETURNING balance"


class Usage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A usage event."""

    service: str
    credits: str


@post("/v1/wallets/{wallet:str}/usage")
async def charge(request: Request[Any, Any, State], wallet: str, data: Usage) -> dict[str, Any]:
    """Charge it, in a transaction of its own."""
    amount = parse_amount(data.credits)
    pool: asyncio.LifoQueue[psycopg.AsyncConnection[Any]] = request.app.state.pool
    connection = await pool.get()
    try:
        async with connection.transaction():
            cursor = await connection.execute(TRANSACTION, [request.headers["idempotency-key"], data.service])
            (number,) = await _one(cursor)
            used = f"used:{data.service}"
            await connection.execute(ENTRIES, [number, wallet, -amount, number, used, amount])
            cursor = await connection.execute(BALANCE, [amount, wallet, amount])
            (balance,) = await _one(cursor)
    finally:
        pool.put_nowait(connection)
    return {"transaction": {"id": str(number), "kind": "usage"}, "balance": format_amount(balance)}


async def _one(cursor: psycopg.AsyncCursor[Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = await cursor.fetchone()
    if row is None:
        raise RuntimeError("no row: the wallet cannot pay")
    return row


def naive_app() -> Litestar:
    """The naive endpoint over LEDGER_BENCH_NAIVE_URL."""

    @asynccontextmanager
    async def pooled(app: Litestar) -> AsyncIterator[None]:
        url = os.environ["LEDGER_BENCH_NAIVE_URL"]
        app.state.pool = asyncio.LifoQueue()
        for _ in range(POOL):
            connection = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
            app.state.pool.put_nowait(connection)
        yield

    return Litestar([charge], lifespan=[pooled], openapi_config=None, logging_config=None)


def bare_app() -> Litestar:
    """A handler that gives the bytes in the file LEDGER_BENCH_BODY, whatever it is asked."""
    body = Path(os.environ["LEDGER_BENCH_BODY"]).read_bytes()

    @get("/{wallet:str}", sync_to_thread=False)
    def same(wallet: str) -> Response[bytes]:
        return Response(body, media_type="application/json")

    return Litestar([same], openapi_config=None, logging_config=None)
