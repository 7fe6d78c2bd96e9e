"""Claiming outbox rows for publication, and marking them done.

``claim`` is safe with any number of relays at once: rows are taken with SKIP LOCKED and leased by their due time.
What was published and not done when the lease ends is claimed again, so nothing depends on the broker.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import structlog

from ledger.kit.arrays import numbers
from ledger.kit.db import Database

log = structlog.get_logger(__name__)

LEASE_S: Final = 60
ATTEMPTS_MAX: Final = 50

_CLAIM: Final = """
UPDATE outbox SET state = CASE WHEN attempts >= %(attempts_max)s THEN 'dead' ELSE 'published' END,
    attempts = attempts + 1, due_at = ledger_now() + make_interval(secs => %(lease)s)
WHERE (wallet_id, event) IN (
    SELECT wallet_id, event FROM outbox WHERE state IN ('new', 'published') AND due_at <= ledger_now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING wallet_id, event, task, state"""

_UNDONE: Final = """
SELECT o.wallet_id, o.event, o.type, o.payload
FROM unnest(%(wallets)s::bigint[], %(events)s::bigint[]) AS d(wallet_id, event) JOIN outbox o USING (wallet_id, event)
WHERE o.state <> 'done' ORDER BY o.wallet_id, o.event"""

_DONE: Final = """
UPDATE outbox o SET state = 'done' FROM unnest(%(wallets)s::bigint[], %(events)s::bigint[]) AS d(wallet_id, event)
WHERE o.wallet_id = d.wallet_id AND o.event = d.event AND o.state <> 'done'
RETURNING o.wallet_id"""

_WAITING: Final = """
SELECT count(*), coalesce(extract(epoch FROM ledger_now() - min(recorded_at)), 0)::float8
FROM outbox WHERE state IN ('new', 'published')"""


class Claimed(NamedTuple):
    """An outbox row to publish: its key, and the name of the task that takes it."""

    wallet_id: int
    event: int
    task: str


class Event(NamedTuple):
    """A row that is not done yet."""

    wallet_id: int
    event: int
    type: str
    payload: str


async def claim(database: Database, *, lease_s: float = LEASE_S, limit: int = 500) -> list[Claimed]:
    """Take rows that are due; they are due again after ``lease_s`` seconds if nobody marks them done."""
    params = {"limit": limit, "lease": lease_s, "attempts_max": ATTEMPTS_MAX}
    rows = await _run(database, _CLAIM, params)
    for wallet_id, event, task, state in rows:
        if state == "dead":
            log.error("outbox.dead", wallet_id=wallet_id, outbox_event=event, task=task, attempts=ATTEMPTS_MAX)
    return [Claimed(*row[:3]) for row in rows if row[3] != "dead"]


async def undone(database: Database, keys: Sequence[tuple[int, int]]) -> list[Event]:
    """Those of these rows that are not done. Do what they ask for first, and mark them ``done`` then."""
    return [Event(*row) for row in await _run(database, _UNDONE, _arrays(keys))]


async def done(database: Database, keys: Sequence[tuple[int, int]]) -> int:
    """Mark rows done; gives how many were not done before."""
    return len(await _run(database, _DONE, _arrays(keys)))


async def waiting(database: Database) -> tuple[int, float]:
    """How many rows wait, and the age of the oldest in seconds."""
    [(count, age_s)] = await _run(database, _WAITING, {})
    return count, age_s


def _arrays(keys: Sequence[tuple[int, int]]) -> dict[str, str]:
    return {"wallets": numbers(w for w, _ in keys), "events": numbers(e for _, e in keys)}


async def _run(database: Database, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        result = await connection.exec_driver_sql(sql, params)
        return [tuple(row) for row in result.fetchall()]
