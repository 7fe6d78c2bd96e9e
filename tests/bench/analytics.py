"""Analytics of a wallet with many events, beside the plain queries that add them up.

    python -m tests.bench.analytics [--events 1000000]        (make bench-analytics)

The events are posted through the door, over the last thirty days, twenty services and two hundred users, and rolled up
by the service's own code. Both sides then answer the same questions of the same thirty days: the one as the API does,
from rollups, up to the bytes that it sends; the other from the journal, by one statement over its keys.
"""

import argparse
import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import msgspec
import psycopg

from ledger.analytics.insights import insights
from ledger.analytics.service import Question, read
from ledger.analytics.shapes import analytics
from ledger.book.commands import Attempt, Inflow, Posted, Use
from ledger.cli import migrate
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rollups.roller import rebuild
from tests.bench.facts import facts
from tests.bench.growth import FILLING, cluster
from tests.bench.machine import FUNDED_MICRO, SETTINGS, door_of, open_wallets
from tests.bench.report import Row, table, write

EVENTS = 1_000_000
EVENTS_OF_QUICK = 20_000
"""In ``make bench ARGS=--quick``, where a million would take minutes."""

UNIT = 2_000
DAYS = 30
SERVICES = 20
USERS = 200
SESSION_EVENTS = 20
AIM = 50
ROUNDS = 5

STATEMENT_MS = 600_000
"""However busy the machine is, nothing is given up."""

_USED: Final = """
FROM transactions t JOIN postings p USING (wallet_id, number)
WHERE t.wallet_id = %s AND t.effective_at >= now() - interval '30 days' AND p.credit LIKE 'used:%%'"""

PLAIN: Final = {
    "service,day": f"""
        SELECT split_part(p.credit, ':', 2), date_trunc('day', t.effective_at), sum(p.amount), count(*)
        {_USED} GROUP BY 1, 2""",
    "hour": f"SELECT date_trunc('hour', t.effective_at), sum(p.amount), count(*) {_USED} GROUP BY 1",
    "user": f"""
        SELECT n.body::jsonb #>> '{{metadata,user_id}}', sum(p.amount), count(*)
        {_USED.replace("WHERE", "JOIN notes n USING (wallet_id, number) WHERE")} GROUP BY 1""",
}
"""What is asked for by, with the plain query for it."""


class Took(NamedTuple):
    """Seconds, at the median of interleaved rounds."""

    ours: float
    plain: float


async def fill(url: str, wallet_id: int, events: int) -> tuple[float, float]:
    """Uses over the last thirty days, in units as large as the door takes; gives the seconds of posting and of rolling
    up."""
    database = Database(url, role=SERVICE_ROLE, statement_timeout_ms=STATEMENT_MS)
    door = door_of(database)
    await door.start()
    pick = random.Random(7)
    now = datetime.now(UTC)
    began = time.monotonic()
    await door.submit([_attempt(Inflow(wallet_id=wallet_id, amount=FUNDED_MICRO, source="promotional"), 0)])
    for first in range(1, events + 1, UNIT):
        numbers = range(first, min(first + UNIT, events + 1))
        outcomes = await door.submit([_attempt(_use(wallet_id, number, now, pick), number) for number in numbers])
        assert all(isinstance(outcome, Posted) for outcome in outcomes)
    await door.stop()
    posted = time.monotonic()
    await rebuild(database, wallet_id)
    rolled = time.monotonic()
    await database.dispose()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    return posted - began, rolled - posted


def _use(wallet_id: int, number: int, now: datetime, pick: random.Random) -> Use:
    return Use(
        wallet_id=wallet_id,
        amount=pick.randrange(1, 1_000),
        service=f"service_{pick.randrange(SERVICES)}",
        effective_at=now - timedelta(seconds=pick.randrange(60, DAYS * 86_400)),
        facts={"session": f"session-{number // SESSION_EVENTS}"},
        metadata={"user_id": f"user-{pick.randrange(USERS)}"},
    )


def _attempt(command: Use | Inflow, number: int) -> Attempt:
    return Attempt(command=command, key=f"event-{number}", namespace="client:bench-analytics", actor="bench")


async def measure(url: str, wallet_id: int) -> dict[str, Took]:
    """Each question, asked of both in turn."""
    database = Database(url, role=SERVICE_ROLE, statement_timeout_ms=STATEMENT_MS)
    ours, plain = defaultdict(list), defaultdict(list)
    for by in PLAIN:
        await _answer(database, wallet_id, by)
    for _ in range(ROUNDS):
        for by in PLAIN:
            plain[by].append(await _timed(lambda by=by: asyncio.to_thread(_plain, url, wallet_id, by)))
            ours[by] += [await _timed(lambda by=by: _answer(database, wallet_id, by)) for _ in range(ROUNDS)]
    await database.dispose()
    return {by: Took(median(ours[by]), median(plain[by])) for by in PLAIN}


async def _answer(database: Database, wallet_id: int, by: str) -> None:
    found = await read(database, wallet_id, Question(f"{DAYS}d", None, None, by))
    assert msgspec.json.encode(analytics(wallet_id, found, insights(found.now, found.before), None))


def _plain(url: str, wallet_id: int, by: str) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute(PLAIN[by], [wallet_id]).fetchall()


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def rows(events: int, took: dict[str, Took]) -> list[Row]:
    """The table. The aim is that of a million events: a plain query takes as long as there are events, and an answer
    from rollups as long as there are days."""
    told = []
    for by, (ours, plain) in took.items():
        ratio = plain / ours
        aimed = events >= EVENTS
        told.append(
            Row(
                name=f"analytics of {events:,} events, by {by}",
                value=ours * 1000,
                unit="ms",
                baseline=plain * 1000,
                ratio=ratio,
                aim=f"ratio >= {AIM}" if aimed else None,
                holds=ratio >= AIM if aimed else None,
                against="the plain query over the journal",
            )
        )
    return told


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.analytics", description="Rollups beside a plain query."
    )
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where bench-analytics.json goes")
    asked = parser.parse_args()
    home = asked.data.absolute() / "bench-analytics"
    began = time.monotonic()
    print(f"{asked.events:,} events of one wallet", flush=True)
    with cluster(home, FILLING) as (postgres, _):
        migrate.upgrade(postgres.url())
        [wallet_id] = open_wallets(postgres.url(), 1)
        posted, rolled = asyncio.run(fill(postgres.url(), wallet_id, asked.events))
        print(f"  posted in {posted:.0f} s, rolled up in {rolled:.0f} s", flush=True)
    with cluster(home, SETTINGS) as (postgres, _):
        told = rows(asked.events, asyncio.run(measure(postgres.url(), wallet_id)))
        taken = facts(postgres.url(), home)
    told.append(Row(name="transactions rolled up", value=asked.events / rolled, unit="per second"))
    write(asked.data / "bench-analytics.json", told, taken, {})
    print(f"\n{table(told)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
