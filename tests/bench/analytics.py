"""Analytics of a wallet with a million events, beside the plain query that adds them up.

    python -m tests.bench.analytics [--events 1000000]        (make bench-analytics)

The events are posted through the door, over the last thirty days and twenty services, and rolled up by the service's
own code. Both sides then answer the same question of the same thirty days, by service and day: the one from rollups, as
the API reads them, tail included; the other from the journal, by one statement over its keys.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import psycopg

from ledger.analytics.service import Question, read
from ledger.book.commands import Attempt, Inflow, Posted, Use
from ledger.book.door import Door
from ledger.cli import migrate
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rollups.roller import rebuild
from tests.bench.facts import facts
from tests.bench.growth import cluster
from tests.bench.machine import FUNDED_MICRO, PARTICIPANTS, SETTINGS, open_wallets
from tests.bench.report import Row, table, write

EVENTS = 1_000_000
UNIT = 2_000
DAYS = 30
SERVICES = 20
AIM = 50

PLAIN = """
SELECT split_part(p.credit, ':', 2), date_trunc('day', t.effective_at), sum(p.amount), count(*)
FROM transactions t JOIN postings p USING (wallet_id, number)
WHERE t.wallet_id = %s AND t.effective_at >= now() - interval '30 days' AND p.credit LIKE 'used:%%'
GROUP BY 1, 2"""


async def fill(url: str, wallet_id: int, events: int) -> None:
    """Uses over the last thirty days, in units as large as the door takes."""
    database = Database(url, role=SERVICE_ROLE)
    door = Door(database, participants=PARTICIPANTS)
    await door.start()
    pick = random.Random(7)
    now = datetime.now(UTC)
    await door.submit([_attempt(Inflow(wallet_id=wallet_id, amount=FUNDED_MICRO, source="promotional"), 0)])
    for first in range(0, events, UNIT):
        uses = [
            Use(
                wallet_id=wallet_id,
                amount=pick.randrange(1, 1_000),
                service=f"service_{pick.randrange(SERVICES)}",
                effective_at=now - timedelta(seconds=pick.randrange(60, DAYS * 86_400)),
            )
            for _ in range(min(UNIT, events - first))
        ]
        outcomes = await door.submit([_attempt(use, first + place + 1) for place, use in enumerate(uses)])
        assert all(isinstance(outcome, Posted) for outcome in outcomes)
    await door.stop()
    await rebuild(database, wallet_id)
    await database.dispose()


def _attempt(command: Use | Inflow, number: int) -> Attempt:
    return Attempt(command=command, key=f"event-{number}", namespace="client:bench", actor="bench")


async def measure(url: str, wallet_id: int) -> tuple[float, float]:
    """Seconds of an answer by rollups, and of the plain query: medians of interleaved rounds."""
    database = Database(url, role=SERVICE_ROLE)
    question = Question(f"{DAYS}d", None, None, "service,day")

    async def plain() -> None:
        await asyncio.to_thread(_plain, url, wallet_id)

    async def answer() -> None:
        await read(database, wallet_id, question)

    await answer()
    ours, theirs = [], []
    for _ in range(5):
        theirs.append(await _timed(plain))
        ours += [await _timed(answer) for _ in range(5)]
    await database.dispose()
    return median(ours), median(theirs)


def _plain(url: str, wallet_id: int) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute(PLAIN, [wallet_id]).fetchall()


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.analytics", description="Rollups beside a plain query."
    )
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where bench-analytics.json goes")
    asked = parser.parse_args()
    home = asked.data.absolute() / "bench-analytics"
    began = time.monotonic()
    with cluster(home, SETTINGS) as (postgres, _):
        migrate.upgrade(postgres.url())
        [wallet_id] = open_wallets(postgres.url(), 1)
        print(f"{asked.events:,} events of one wallet", flush=True)
        asyncio.run(fill(postgres.url(), wallet_id, asked.events))
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        ours, theirs = asyncio.run(measure(postgres.url(), wallet_id))
        taken = facts(postgres.url(), home)
    ratio = theirs / ours
    rows = [
        Row(
            name=f"analytics of {asked.events:,} events",
            value=ours * 1000,
            unit="ms",
            baseline=theirs * 1000,
            ratio=ratio,
            aim=f"ratio >= {AIM}",
            holds=ratio >= AIM,
            against="the plain query over the journal",
        )
    ]
    write(asked.data / "bench-analytics.json", rows, taken, {})
    print(f"\n{table(rows)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
