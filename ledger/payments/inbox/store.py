"""The rows of the inbox, ``stripe_events``.

    new      to be worked on at ``due_at``; while somebody does, that is when the lease ends
    done     all that it asked for was done
    ignored  it asked for nothing
    failed   given up after three days of tries; an operator has it tried again (``retry``)

Each statement is a transaction of its own. What was claimed by somebody who died is due again when the lease ends.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from ledger.kit.arrays import numbers, texts, times
from ledger.kit.db import Database
from ledger.payments.inbox.told import Told

Via = Literal["webhook", "poll"]

KEPT_DAYS: Final = 90
PROBLEM_MAX: Final = 500
PIECE: Final = 1_000
"""Events that one statement deletes."""

_PUT: Final = """
INSERT INTO stripe_events (event, type, object, created_at, payload, via, state, due_at)
SELECT event, type, object, created_at, payload, %(via)s, state, CASE state WHEN 'new' THEN ledger_now() END
FROM unnest(%(events)s::text[], %(types)s::text[], %(objects)s::text[], %(created)s::timestamptz[],
    %(payloads)s::text[], %(states)s::text[]) AS t(event, type, object, created_at, payload, state)
ON CONFLICT (event) DO NOTHING
RETURNING event"""

_CLAIM: Final = """
UPDATE stripe_events SET tries = tries + 1, due_at = ledger_now() + make_interval(secs => %(lease)s)
WHERE event IN (
    SELECT event FROM stripe_events WHERE state = 'new' AND due_at <= ledger_now()
    ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING event, type, tries, payload"""

_DONE: Final = """
UPDATE stripe_events SET state = 'done', due_at = NULL, problem = NULL WHERE event = ANY(%(events)s::text[])"""

_AGAIN: Final = """
UPDATE stripe_events e SET problem = a.problem, tries = a.tries,
    state = CASE WHEN a.pause_s IS NULL THEN 'failed' ELSE 'new' END,
    due_at = ledger_now() + make_interval(secs => a.pause_s)
FROM unnest(%(events)s::text[], %(tries)s::int[], %(pauses)s::int[], %(problems)s::text[])
    AS a(event, tries, pause_s, problem)
WHERE e.event = a.event AND e.state = 'new'"""

_RETRY: Final = """
UPDATE stripe_events SET state = 'new', tries = 0, due_at = ledger_now()
WHERE state = 'failed' AND (%(events)s::text[] IS NULL OR event = ANY(%(events)s::text[]))
RETURNING event"""

_FORGET: Final = """
DELETE FROM stripe_events WHERE event IN (
    SELECT event FROM stripe_events WHERE state IN ('done', 'ignored')
        AND received_at < ledger_now() - make_interval(days => %(days)s) LIMIT %(limit)s)
RETURNING event"""

_LIST: Final = """
SELECT event, type, object, via, state, tries, received_at, due_at, problem FROM stripe_events
WHERE %(state)s::text IS NULL OR state = %(state)s ORDER BY received_at DESC, event LIMIT %(limit)s"""


class Letter(NamedTuple):
    """An event to store: what was read of it, as which text it came, and whether it asks for anything."""

    told: Told
    text: str
    wanted: bool


class Claimed(NamedTuple):
    """An event to work on. ``tries`` counts this one."""

    event: str
    type: str
    tries: int
    payload: str


class Again(NamedTuple):
    """An event that is not done. ``pause_s`` None gives it up."""

    event: str
    tries: int
    pause_s: int | None
    problem: str | None


class Seen(NamedTuple):
    """A row, for people."""

    event: str
    type: str
    object: str | None
    via: Via
    state: str
    tries: int
    received_at: datetime
    due_at: datetime | None
    problem: str | None


async def put(database: Database, letters: Sequence[Letter], via: Via) -> int:
    """Store what is not there yet; gives how many that were."""
    told = [letter.told for letter in letters]
    params = {
        "via": via,
        "events": texts([each.id for each in told]),
        "types": texts([each.type for each in told]),
        "objects": texts([each.about for each in told]),
        "created": times([each.created_at for each in told]),
        "payloads": texts([letter.text for letter in letters]),
        "states": texts(["new" if letter.wanted else "ignored" for letter in letters]),
    }
    return len(await _run(database, _PUT, params))


async def claim(database: Database, lease_s: float, limit: int) -> list[Claimed]:
    """Take events that are due; they are due again after ``lease_s`` seconds unless they are marked before."""
    return [Claimed(*row) for row in await _run(database, _CLAIM, {"lease": lease_s, "limit": limit})]


async def done(database: Database, events: Sequence[str]) -> None:
    if events:
        await _run(database, _DONE, {"events": texts(events)})


async def again(database: Database, events: Sequence[Again]) -> None:
    """Have these tried again later, or not any more."""
    if events:
        params = {
            "events": texts([each.event for each in events]),
            "tries": numbers([each.tries for each in events]),
            "pauses": numbers([each.pause_s for each in events]),
            "problems": texts([None if each.problem is None else _storable(each.problem) for each in events]),
        }
        await _run(database, _AGAIN, params)


async def retry(database: Database, events: Sequence[str] | None) -> list[str]:
    """Have failed events tried again now, all of them where none is named; gives which."""
    return [row[0] for row in await _run(database, _RETRY, {"events": None if events is None else texts(events)})]


async def listed(database: Database, state: str | None, limit: int) -> list[Seen]:
    """The newest events, of one state where that is named."""
    return [Seen(*row) for row in await _run(database, _LIST, {"state": state, "limit": limit})]


async def forget(database: Database) -> int:
    """Delete events that are done and older than KEPT_DAYS; gives how many. What is not done stays."""
    gone = 0
    while True:
        piece = len(await _run(database, _FORGET, {"days": KEPT_DAYS, "limit": PIECE}))
        gone += piece
        if piece < PIECE:
            return gone


def _storable(problem: str) -> str:
    return problem.replace("\0", "")[:PROBLEM_MAX]


async def _run(database: Database, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    """One statement, in autocommit: one round trip."""
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        result = await alone.exec_driver_sql(sql, params)
        return [tuple(row) for row in result.fetchall()] if result.returns_rows else []
