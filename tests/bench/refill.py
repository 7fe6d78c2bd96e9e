"""Auto-refill: how soon a card is asked after the posting that ran a wallet low, and what looking for due wallets costs.

    python -m tests.bench.refill [--quick]        (make bench-refill)

One charger in a process of its own, as a worker has it, and the sandbox in another; the door that posts in this one. A
refill's time is from the crossing's own time in the journal until the request that confirms its intent is sent. At the
end the sandbox's list of charges must have one for each wallet, and no more.
"""

import argparse
import asyncio
import multiprocessing
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import psycopg
import stripe

from ledger.book.commands import Attempt, Inflow, Posted, Use
from ledger.book.door import Door
from ledger.book.verify import verify_now
from ledger.cli import migrate
from ledger.embedded.places import free_port
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.parts import participants
from ledger.payments.desk import Desk
from ledger.payments.gateway import Gateway
from ledger.rates.service import Cards
from ledger.refill.charge.charger import Charger, look_at_due
from ledger.refill.verify import verify_refills
from ledger.sandbox.serve import serve
from ledger.settings import Settings
from tests.bench.facts import facts
from tests.bench.growth import cluster
from tests.bench.machine import SETTINGS, open_wallets
from tests.bench.report import Row, table, write
from tests.support.waiting import until

KEY: Final = "sk_test_bench"
CREDIT: Final = 1_000_000
PATIENCE_S: Final = 120.0
STINT_S: Final = 3_600.0
THREADS: Final = 4
AIM_MS: Final = 1_000

_processes = multiprocessing.get_context("spawn")

_SET: Final = """
INSERT INTO refills (wallet_id, enabled, threshold_micro, credits_micro, amount, currency, least, up_to,
    maximum_per_month, monthly_spend_cap, cooldown_s, time_zone, opens_min, closes_min, business_hours_only, weekends,
    smart, consent)
SELECT w, true, 100000000, 500000000, 5000, 'USD', 1000, false, 10, 50000, 600, 'UTC', 0, 1440, false, true, false, 1
FROM unnest(%s::bigint[]) AS w"""

_CARDS: Final = """
WITH c AS (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS c(wallet_id, customer, method)),
    m AS (INSERT INTO payment_methods (wallet_id, method, type, is_default) SELECT wallet_id, method, 'card', true FROM c),
    o AS (INSERT INTO stripe_objects (object, wallet_id) SELECT customer, wallet_id FROM c)
INSERT INTO stripe_customers (wallet_id, customer) SELECT wallet_id, customer FROM c"""

_CROSSED: Final = """
SELECT a.intent, extract(epoch FROM t.recorded_at)::float8 FROM refill_attempts a
JOIN transactions t USING (wallet_id, number)"""

_OPEN: Final = "SELECT count(*) FROM refill_attempts WHERE ended_at IS NULL"

_SCANS: Final = """
SELECT relname, coalesce(seq_scan, 0), coalesce(seq_tup_read, 0), n_tup_upd, n_tup_hot_upd
FROM pg_stat_user_tables WHERE relname IN ('refills', 'wallets', 'refill_attempts', 'refill_months')"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """``crossing``: wallets that run low, within ``seconds``; ``kept``: wallets with auto-refill, ``due`` of them to be
    looked at."""

    crossing: int = 1_000
    seconds: float = 60.0
    kept: int = 100_000
    due: int = 1_000


QUICK: Final = Size(crossing=20, seconds=2.0, kept=500, due=50)

FIGURES: Final = ("charge_p50", "charge_p99", "sweep_s", "sweep_transactions", "sweep_rows_scanned", "wallets_not_hot")


class _Timed(stripe.RequestsClient):
    """Notes when each request is sent that confirms an intent."""

    def __init__(self) -> None:
        super().__init__(timeout=20)
        self.sent: dict[str, float] = {}

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if url.endswith("/confirm"):
            self.sent.setdefault(url.rsplit("/", 2)[1], time.time())
        return super().request(method, url, *args, **kwargs)


class _TimedGateway(Gateway):
    def __init__(self, base: str) -> None:
        super().__init__(KEY, base)
        self.http = _Timed()
        addresses: Any = dict.fromkeys(("api", "connect", "files", "meter_events"), base)
        self._client = stripe.StripeClient(KEY, base_addresses=addresses, http_client=self.http, max_network_retries=2)


@contextmanager
def sandbox() -> Iterator[str]:
    """A simulated Stripe in a process of its own; its address."""
    port = free_port()
    process = _processes.Process(target=serve, args=("127.0.0.1", port, None), daemon=True)
    process.start()
    base = f"http://127.0.0.1:{port}"
    client = stripe.StripeClient(KEY, base_addresses={"api": base})
    until(lambda: _answers(client), "the sandbox answers", patience_s=PATIENCE_S)
    try:
        yield base
    finally:
        process.terminate()
        process.join()


def _answers(client: stripe.StripeClient) -> bool:
    try:
        client.v1.balance.retrieve()
    except stripe.APIConnectionError:
        return False
    return True


@contextmanager
def charger(url: str, base: str) -> Iterator["SimpleQueue[dict[str, float]]"]:
    """A charger until the end of the block; then the queue has when it asked for each intent."""
    ready, over, told = _processes.Event(), _processes.Event(), _processes.SimpleQueue()
    process = _processes.Process(target=_charge, args=(url, base, ready, over, told), daemon=True)
    process.start()
    assert ready.wait(PATIENCE_S), "the charger did not start"
    try:
        yield told
    finally:
        over.set()
        process.join(PATIENCE_S)


def _charge(url: str, base: str, ready: Event, over: Event, told: "SimpleQueue[dict[str, float]]") -> None:
    async def work() -> None:
        desk, gateway = await _desk(url, base)
        ready.set()
        await Charger(desk).run(STINT_S, over.is_set)
        told.put(gateway.http.sent)
        await _leave(desk)

    asyncio.run(work())


async def _desk(url: str, base: str) -> tuple[Desk, _TimedGateway]:
    database = Database(url, pool_size=8, role=SERVICE_ROLE)
    door = Door(database, participants=participants(Cards(database)))
    await door.start()
    gateway = _TimedGateway(base)
    settings = Settings(database_url=url, stripe_api_key=KEY, stripe_api_base=base, public_url="https://c.example.com")
    return Desk(database, door, gateway, settings), gateway


async def _leave(desk: Desk) -> None:
    await desk.door.stop()
    desk.stripe.close()
    await desk.database.dispose()


def save_cards(url: str, base: str, wallet_ids: Sequence[int]) -> None:
    """A customer at Stripe with a card, for each of these wallets."""
    client = stripe.StripeClient(KEY, base_addresses={"api": base})

    def save(_: int) -> tuple[str, str]:
        customer = client.v1.customers.create().id
        return customer, client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id

    with ThreadPoolExecutor(THREADS) as threads:
        saved = list(threads.map(save, wallet_ids))
    with psycopg.connect(url) as connection:
        customers, methods = zip(*saved, strict=True)
        connection.execute(_CARDS, [list(wallet_ids), list(customers), list(methods)])


def keep_settings(url: str, wallet_ids: Sequence[int]) -> None:
    """Auto-refill on, below 100 credits, by 500."""
    with psycopg.connect(url) as connection:
        connection.execute(_SET, [list(wallet_ids)])


async def _post(door: Door, *commands: Inflow | Use) -> None:
    attempts = [
        Attempt(
            command=command,
            key=f"{command.wallet_id}:{type(command).__name__}",
            namespace="client:bench",
            actor="bench",
        )
        for command in commands
    ]
    outcomes = await door.submit(attempts)
    assert all(isinstance(outcome, Posted) for outcome in outcomes), outcomes


async def crossing(url: str, base: str, size: Size) -> list[float]:
    """Seconds from each crossing to its charge request."""
    wallet_ids = await asyncio.to_thread(open_wallets, url, size.crossing)
    await asyncio.to_thread(save_cards, url, base, wallet_ids)
    desk, _ = await _desk(url, base)
    given = [Inflow(wallet_id=w, amount=150 * CREDIT, source="promotional") for w in wallet_ids]
    for first in range(0, len(given), 500):
        await _post(desk.door, *given[first : first + 500])
    await asyncio.to_thread(keep_settings, url, wallet_ids)
    with charger(url, base) as told:
        began = time.perf_counter()
        posts = []
        for number, wallet_id in enumerate(wallet_ids):
            await asyncio.sleep(began + number * size.seconds / size.crossing - time.perf_counter())
            use = Use(wallet_id=wallet_id, amount=60 * CREDIT, service="jobs")
            posts.append(asyncio.create_task(_post(desk.door, use)))
        await asyncio.gather(*posts)
        await asyncio.to_thread(until, lambda: _rows(url, _OPEN) == [(0,)], "all have ended", patience_s=PATIENCE_S)
    sent = told.get()
    crossed = dict(_rows(url, _CROSSED))
    await _leave(desk)
    charges = [
        charge.payment_intent
        for charge in stripe.StripeClient(KEY, base_addresses={"api": base})
        .v1.charges.list({"limit": 100})
        .auto_paging_iter()
        if charge.paid
    ]
    assert sorted(map(str, charges)) == sorted(crossed), "not one charge for each crossing"
    return [sent[intent] - at for intent, at in crossed.items()]


async def sweeping(url: str, base: str, size: Size) -> dict[str, float]:
    """What looking at the due ones of many wallets costs."""
    wallet_ids = await asyncio.to_thread(open_wallets, url, size.kept)
    await asyncio.to_thread(keep_settings, url, wallet_ids)
    due = wallet_ids[:: max(1, len(wallet_ids) // size.due)][: size.due]
    with psycopg.connect(url, autocommit=True) as connection:
        # They have nothing, and rest since long ago.
        connection.execute(
            "UPDATE refills SET next_at = ledger_now(), rests_until = ledger_now() WHERE wallet_id = ANY(%s)", [due]
        )
        connection.execute("VACUUM (ANALYZE) refills, wallets")
    desk, _ = await _desk(url, base)
    await look_at_due(desk)  # connections, and prepared statements
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE refills SET next_at = ledger_now() WHERE wallet_id = ANY(%s)", [due])
        connection.execute("DELETE FROM refill_attempts WHERE wallet_id = ANY(%s)", [due])
        connection.execute("DELETE FROM refill_months WHERE wallet_id = ANY(%s)", [due])
        connection.execute("UPDATE refills SET under_way = NULL WHERE wallet_id = ANY(%s)", [due])
    before = _counters(url)
    began = time.perf_counter()
    looked = await look_at_due(desk)
    took = time.perf_counter() - began
    await _leave(desk)
    after = _counters(url)
    assert looked == len(due), (looked, len(due))
    assert _rows(url, _OPEN) == [(len(due),)], "not every one that was due has begun"
    return {
        "sweep_s": took,
        "sweep_transactions": after["transactions"] - before["transactions"],
        "sweep_rows_scanned": after["scanned"] - before["scanned"],
        "wallets_not_hot": after["not_hot"] - before["not_hot"],
    }


def _counters(url: str) -> dict[str, float]:
    """What PostgreSQL has counted: transactions, rows read by scanning tables, updates of wallets that were not HOT."""
    time.sleep(1.5)  # until every session has told what it counted
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        (transactions,) = found.fetchall()[0]
        tables = connection.execute(_SCANS).fetchall()
    scanned = sum(row[2] for row in tables)
    not_hot = sum(row[3] - row[4] for row in tables if row[0] == "wallets")
    return {"transactions": transactions, "scanned": scanned, "not_hot": not_hot}


def _rows(url: str, sql: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


async def measure(url: str, size: Size) -> dict[str, float]:
    """All FIGURES."""
    with sandbox() as base:
        waits = sorted(await crossing(url, base, size))
        found = await sweeping(url, base, size)
    report = verify_now(url)
    verify_refills(url, report)
    assert report.ok, report.faults[:3]
    return {"charge_p50": _ms(waits, 50), "charge_p99": _ms(waits, 99), **found}


def _ms(times: Sequence[float], place: int) -> float:
    return times[min(len(times) - 1, len(times) * place // 100)] * 1000


def rows(found: Mapping[str, float], size: Size) -> list[Row]:
    """The table of FIGURES."""
    pace = f"{size.crossing:,} wallets in {size.seconds:g} s"
    of = f"{size.due:,} due of {size.kept:,}"
    p99 = found["charge_p99"]
    return [
        Row(name=f"auto-refill, crossing to charge request, p50, {pace}", value=found["charge_p50"], unit="ms"),
        Row(
            name=f"auto-refill, crossing to charge request, p99, {pace}",
            value=p99,
            unit="ms",
            aim=f"value < {AIM_MS:,}",
            holds=p99 < AIM_MS,
        ),
        Row(name=f"auto-refill, sweep, {of}", value=found["sweep_s"], unit="s"),
        Row(name=f"auto-refill, sweep, {of}: transactions", value=found["sweep_transactions"], unit="transactions"),
        Row(
            name=f"auto-refill, sweep, {of}: rows read by scans of whole tables",
            value=found["sweep_rows_scanned"],
            unit="rows",
            aim="value = 0",
            holds=found["sweep_rows_scanned"] == 0,
        ),
        Row(
            name=f"auto-refill, sweep, {of}: updates of wallets that were not HOT",
            value=found["wallets_not_hot"],
            unit="updates",
            aim="value = 0",
            holds=found["wallets_not_hot"] == 0,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.refill", description="How soon a card is asked.")
    parser.add_argument("--quick", action="store_true", help="little of it: shows that it works, not how fast")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where bench-refill.json goes")
    asked = parser.parse_args()
    home = asked.data.absolute() / "bench-refill"
    shutil.rmtree(home, ignore_errors=True)
    size = QUICK if asked.quick else Size()
    began = time.monotonic()
    with cluster(home, SETTINGS) as (postgres, _):
        migrate.upgrade(postgres.url())
        found = asyncio.run(measure(postgres.url(), size))
        taken = facts(postgres.url(), home)
    told = rows(found, size)
    write(asked.data / "bench-refill.json", told, taken, {name: [value] for name, value in found.items()})
    print(f"{table(told)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
