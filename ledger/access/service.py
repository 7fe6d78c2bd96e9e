"""API keys: create, list, revoke, and tell who presents one.

Whoever presented a valid key is remembered in this process for five seconds at most (by the SHA-256 of
what was presented), so that authentication costs no round trip under load and a revoked key ends
within five seconds everywhere. What is unknown is never remembered.
"""

import asyncio
import hmac
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Float, create_engine, func, insert, pool, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Select

from ledger.access.secrets import NewKey, digest, key_id_of, new_key
from ledger.access.tables import api_keys
from ledger.errors import Unauthenticated
from ledger.kit.db import Database, sync_url

IMPLIED = {
    "read": frozenset(["read"]),
    "write": frozenset(["read", "write"]),
    "admin": frozenset(["read", "write", "admin"]),
    "usage:backfill": frozenset(["usage:backfill"]),
}
"""The scopes, and what each of them lets its bearer do."""

REMEMBERED_S = 5.0
REMEMBERED_MAX = 10_000
_NOBODY = bytes(32)
_LAST_USED_EVERY = text("interval '1 minute'")
_now = func.ledger_now()


class Principal(msgspec.Struct, frozen=True):
    """Who is calling. ``client`` names the space of its idempotency keys; ``scopes`` has the implied."""

    key_id: str
    client: str
    scopes: frozenset[str]
    namespace: str
    """Where its idempotency keys live."""


class Key(msgspec.Struct, frozen=True):
    """A key as lists show it."""

    key_id: str
    name: str
    client: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class Access:
    """Tells who presents a key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._looking: dict[bytes, asyncio.Task[Principal]] = {}
        """Look-ups on their way: all who present one key wait for one."""
        self._marking: set[asyncio.Task[None]] = set()

    def recall(self, presented: bytes) -> Principal | None:
        """The principal of a key that was looked up a moment ago."""
        known = self._known.get(digest(presented))
        return known[0] if known is not None and known[1] > time.monotonic() else None

    async def authenticate(self, presented: bytes) -> Principal:
        """The principal of a key. Raises Unauthenticated, always with the same words."""
        known = self.recall(presented)
        if known is not None:
            return known
        hashed = digest(presented)
        key_id = key_id_of(presented)
        if key_id is None:
            raise _unauthenticated()
        looking = self._looking.get(hashed)
        if looking is None:
            looking = asyncio.create_task(self._look_up(key_id, hashed), name="access: look up")
            self._looking[hashed] = looking
            looking.add_done_callback(lambda _: self._looking.pop(hashed, None))
        return await asyncio.shield(looking)

    async def _look_up(self, key_id: str, hashed: bytes) -> Principal:
        async with self._database.transaction() as connection:
            row = (await connection.execute(_look_up(key_id))).one_or_none()
        same = hmac.compare_digest(row.secret_hash if row else _NOBODY, hashed)
        if row is None or not same or not row.valid:
            self._known.pop(hashed, None)
            raise _unauthenticated()
        scopes = frozenset().union(*(IMPLIED[s] for s in row.scopes))
        principal = Principal(key_id, row.client, scopes, f"client:{row.client}")
        self._remember(hashed, principal, row.left_s)
        if row.stale:
            self._mark_used(key_id)
        return principal

    def _remember(self, hashed: bytes, principal: Principal, left_s: float | None) -> None:
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        seconds = REMEMBERED_S if left_s is None else min(REMEMBERED_S, left_s)
        self._known[hashed] = (principal, time.monotonic() + seconds)

    def _mark_used(self, key_id: str) -> None:
        task = asyncio.create_task(self._write_used(key_id))
        self._marking.add(task)
        task.add_done_callback(self._marked)

    def _marked(self, task: asyncio.Task[None]) -> None:
        """Best effort: that it failed is read from the task, and forgotten."""
        self._marking.discard(task)
        if not task.cancelled():
            task.exception()

    async def _write_used(self, key_id: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at=_now))

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._marking, return_exceptions=True)


def _look_up(key_id: str) -> Select[Any]:
    key = api_keys.c
    return select(
        key.secret_hash,
        key.client,
        key.scopes,
        (key.revoked_at.is_(None) & func.coalesce(key.expires_at > _now, True)).label("valid"),
        func.extract("epoch", key.expires_at - _now).cast(Float).label("left_s"),
        func.coalesce(key.last_used_at < _now - _LAST_USED_EVERY, True).label("stale"),
    ).where(key.key_id == key_id)


def _unauthenticated() -> Unauthenticated:
    return Unauthenticated("the API key is not valid: unknown, expired or revoked")


def create_key(
    connection: Connection,
    *,
    name: str,
    scopes: Iterable[str],
    client: str = "default",
    expires_at: datetime | None = None,
) -> NewKey:
    """A new key; its ``text`` is never to be seen again. Raises ValueError for an unknown scope."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in IMPLIED]
    if unknown or not wanted:
        raise ValueError(f"scopes are {', '.join(IMPLIED)}; not {', '.join(unknown) or 'none'}")
    key = new_key()
    connection.execute(
        insert(api_keys).values(
            key_id=key.key_id,
            secret_hash=key.digest,
            name=name,
            client=client,
            scopes=wanted,
            expires_at=expires_at,
        )
    )
    return key


def list_keys(connection: Connection) -> list[Key]:
    """All keys, the oldest first."""
    columns = [api_keys.c[name] for name in Key.__struct_fields__]
    rows = connection.execute(select(*columns).order_by(api_keys.c.created_at, api_keys.c.key_id))
    return [Key(*row) for row in rows]


def revoke_key(connection: Connection, key_id: str) -> bool:
    """End a key. False where there is none of this id; a second time changes nothing."""
    revoked = connection.execute(
        update(api_keys)
        .where(api_keys.c.key_id == key_id)
        .values(revoked_at=func.coalesce(api_keys.c.revoked_at, _now))
        .returning(api_keys.c.key_id)
    )
    return revoked.first() is not None


def create_first_key(database_url: str) -> str:
    """An admin key named "first", for a ledger that was just set up. Gives its secret text."""
    engine = create_engine(sync_url(database_url), poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            return create_key(connection, name="first", scopes=["admin"]).text
    finally:
        engine.dispose()
