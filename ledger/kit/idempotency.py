"""Idempotency of calls that post nothing: one row per key, in the transaction of the effect.

(What posts is idempotent in the book itself.) The row is inserted first: a second request under the
same key waits for the first one's transaction, and then finds its answer or, where that was rolled
back, takes its place. The row's lock dies with its session, and that is the only proof that a first
attempt is dead; no time limit is. A refusal leaves the key free.
"""

import hashlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import IdempotencyConflict, IdempotencyInFlight
from ledger.kit.db import Database, sqlstate
from ledger.kit.tables import metadata

LOCK_TIMEOUT = "55P03"

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_hash", Uuid, primary_key=True),
    Column("fingerprint", Uuid, nullable=False),
    Column("status", SmallInteger),
    Column("location", Text),
    Column("body", LargeBinary),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("ledger_now()")),
    Index("idempotency_keys_recorded_at_idx", "recorded_at"),
)

_encode = msgspec.json.Encoder(order="deterministic").encode
_keys = idempotency_keys.c


class Done(msgspec.Struct, frozen=True):
    """An answer that was given, as bytes. ``replayed``: it is given once more."""

    status: int
    body: bytes
    location: str | None = None
    replayed: bool = False


KEPT_DAYS = 30
"""How long an answer is kept under its key."""


async def forget(database: Database) -> int:
    """Delete answers that are no longer kept; gives how many."""
    old = text("recorded_at < ledger_now() - make_interval(days => :days)").bindparams(days=KEPT_DAYS)
    async with database.transaction() as connection:
        return (await connection.execute(delete(idempotency_keys).where(old))).rowcount


Work = Callable[[AsyncConnection], Awaitable[Done]]


async def once(
    database: Database, *, namespace: str, operation: str, key: str | None, request: Any, work: Work
) -> Done:
    """Do ``work`` in one transaction, at most once under ``key``; without a key, each time.

    ``request`` is what must be equal for a repetition to be one. Raises IdempotencyConflict,
    IdempotencyInFlight, and whatever ``work`` raises.
    """
    if key is None:
        return await database.retrying(work)
    name = _digest(f"{namespace}\x00{operation}\x00{key}".encode())
    fingerprint = _digest(_encode(request))

    async def unit(connection: AsyncConnection) -> Done:
        if not await _claim(connection, name, fingerprint):
            return await _repeat(connection, name, fingerprint)
        done = await work(connection)
        await connection.execute(
            update(idempotency_keys)
            .where(_keys.key_hash == name)
            .values(status=done.status, location=done.location, body=done.body)
        )
        return done

    return await database.retrying(unit)


async def _claim(connection: AsyncConnection, name: uuid.UUID, fingerprint: uuid.UUID) -> bool:
    """Whether the key is ours now. Waits for whoever has it, at most the lock timeout."""
    statement = (
        insert(idempotency_keys)
        .values(key_hash=name, fingerprint=fingerprint)
        .on_conflict_do_nothing(index_elements=[_keys.key_hash])
        .returning(_keys.key_hash)
    )
    try:
        return (await connection.execute(statement)).first() is not None
    except DBAPIError as error:
        if sqlstate(error) == LOCK_TIMEOUT:
            raise _in_flight() from None
        raise


async def _repeat(connection: AsyncConnection, name: uuid.UUID, fingerprint: uuid.UUID) -> Done:
    row = (await connection.execute(select(idempotency_keys).where(_keys.key_hash == name))).one_or_none()
    if row is None or row.body is None:
        raise _in_flight()
    if row.fingerprint != fingerprint:
        raise IdempotencyConflict("this Idempotency-Key was used for another request; take a new one")
    return Done(row.status, row.body, row.location, replayed=True)


def _in_flight() -> IdempotencyInFlight:
    return IdempotencyInFlight("the first request under this key is still running; try again")


def _digest(text: bytes) -> uuid.UUID:
    return uuid.UUID(bytes=hashlib.sha256(text).digest()[:16])
