"""Posts on books that are full, beside posts on an empty database: does a post cost more as history grows?

    python -m tests.bench.growth [--postings 20000000] [--rounds 5] [--seconds 8]        (make bench-growth)

The books are filled through the door (tests/bench/fill.py) and kept, so a later run has less to fill, and one that was
stopped goes on. Twenty million postings take 14 GB, and half an hour to an hour of two cores. Both databases are in
one cluster and each has an API of its own; the load goes to the one and the other in turn. Beside the rate stand the
pages that a post touches, which are the same on a busy machine: they grow by the depth of the indexes only.
"""

import argparse
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psycopg
from psycopg import sql

from ledger.access.service import create_first_key
from ledger.cli import migrate
from ledger.embedded import places
from ledger.embedded.postgres import Postgres
from ledger.embedded.process import Child
from ledger.kit.ids import wallet_public
from tests.bench.facts import facts
from tests.bench.fill import fill, postings_in
from tests.bench.load import Load, run
from tests.bench.machine import SERVICES, SETTINGS, WALLETS, cpu_s, family, fund, open_wallets, serve
from tests.bench.report import Row, table, write
from tests.bench.verified import run_verify

POSTINGS = 20_000_000
FULL_WALLETS = 10_000
"""Wallets that share the postings of the full books; a thousand of them are posted to."""

AIM = 0.9
FILLING = {
    **SETTINGS,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "8GB",
}
"""A fill that is cut off by a crash of the machine is thrown away, so it need not be durable."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A database, its API, and the wallets that are posted to."""

    name: str
    url: str
    port: int
    key: str
    wallets: list[str]
    api: Child


@contextmanager
def cluster(home: Path, settings: Mapping[str, str]) -> Iterator[tuple[Postgres, Child]]:
    """The cluster that is kept, started with these settings."""
    places.make_directory(home)
    postgres = Postgres(home, dict(settings))
    postgres.prepare()
    child = Child(postgres.program())
    try:
        postgres.wait_ready(child)
        yield postgres, child
    finally:
        child.stop()


def fill_books(home: Path, postings: int) -> None:
    """Bring the full books to so many postings, and leave them as a server that has been running for long has them."""
    with cluster(home, FILLING) as (postgres, _):
        migrate.upgrade(postgres.url())
        wallet_ids = _wallets(postgres.url())
        if len(wallet_ids) < FULL_WALLETS:
            wallet_ids += open_wallets(postgres.url(), FULL_WALLETS - len(wallet_ids))
        _fund_empty(postgres.url())
        fill(postgres.url(), wallet_ids, postings, lambda line: print("  " + line, flush=True))
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")


@contextmanager
def sides(home: Path, postgres: Postgres) -> Iterator[list[Side]]:
    """The full and the empty database with an API each."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier("empty")))
    postgres.create_database("empty")
    empty = postgres.url("empty")
    migrate.upgrade(empty)
    fund(empty, open_wallets(empty, WALLETS))
    with ExitStack() as stack:
        found = []
        for name, url in (("empty", empty), ("full", postgres.url())):
            port = places.free_port()
            key = create_first_key(url)
            wallets = [wallet_public(wallet_id) for wallet_id in _wallets(url)[:WALLETS]]
            api = serve("api", port, home, postgres, url)
            stack.callback(api.stop)
            found.append(Side(name=name, url=url, port=port, key=key, wallets=wallets, api=api))
        yield found


class Growth:
    """Measures both sides in turn."""

    def __init__(self, seconds: float, database: Child) -> None:
        self.seconds = seconds
        self.values: dict[str, list[float]] = {}
        self._database = database
        self._runs = 0

    def round(self, both: list[Side]) -> None:
        """Each side once; who is first changes with every round."""
        self._runs += 1
        for side in both if self._runs % 2 else reversed(both):
            self._measure(side)

    def warm_up(self, both: list[Side]) -> None:
        """A round that does not count. After a checkpoint the first change of a page writes the whole page to the
        WAL, and full books have more pages; that is over within seconds, and a checkpoint comes every 15 minutes."""
        self.round(both)
        self.values.clear()

    def _measure(self, side: Side) -> None:
        load = Load(
            port=side.port,
            kind="usage",
            connections=64,
            seconds=self.seconds,
            token=side.key,
            wallets=side.wallets,
            services=[f"service_{number}" for number in range(SERVICES)],
            run=f"growth-{side.name}-{self._runs}-{time.time_ns()}",
        )
        before = self._counted(side)
        answered = run(load)
        after = self._counted(side)
        posted = after[0] - before[0]
        self._add(f"{side.name}_posts", answered.per_second)
        self._add(f"{side.name}_p99", answered.p99_ms)
        for what, first, last in zip(("pages", "api_cpu", "database_cpu"), before[1:], after[1:], strict=True):
            self._add(f"{side.name}_{what}", (last - first) / posted)
        print(
            f"  {side.name:6} {answered.per_second:8,.0f}/s  p99 {answered.p99_ms:.1f} ms"
            f"  {self.values[f'{side.name}_pages'][-1]:.1f} pages a post",
            flush=True,
        )

    def _counted(self, side: Side) -> tuple[float, float, float, float]:
        """So far: transactions, pages touched, and microseconds of processor of API and PostgreSQL."""
        api, database = cpu_s(family(side.api.pid)) * 1e6, cpu_s(family(self._database.pid)) * 1e6
        return (*_pages(side.url), api, database)

    def _add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)

    def rows(self) -> list[Row]:
        """The table."""
        m = {name: median(values) for name, values in self.values.items()}
        ratio = m["full_posts"] / m["empty_posts"]
        told = [
            Row(
                name="http posts, 64 connections, full books",
                value=m["full_posts"],
                unit="per second",
                baseline=m["empty_posts"],
                ratio=ratio,
                aim=f"ratio >= {AIM:g}",
                holds=ratio >= AIM,
                against="an empty database",
            )
        ]
        for what, unit in (("p99", "ms"), ("pages", "pages"), ("api_cpu", "µs"), ("database_cpu", "µs")):
            full, empty = m[f"full_{what}"], m[f"empty_{what}"]
            told.append(Row(name=f"{what} a post", value=full, unit=unit, baseline=empty, ratio=full / empty))
        return told


def _wallets(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [wallet_id for (wallet_id,) in connection.execute("SELECT wallet_id FROM wallets ORDER BY 1")]


def _fund_empty(url: str) -> None:
    with psycopg.connect(url) as connection:
        poor = [w for (w,) in connection.execute("SELECT wallet_id FROM wallets WHERE wallet = 0 ORDER BY 1")]
    for start in range(0, len(poor), 1_000):
        fund(url, poor[start : start + 1_000], key=f"growth-fund-{time.time_ns()}")


def _pages(url: str) -> tuple[int, int]:
    """Transactions, and pages of tables and indexes that were touched. Sessions tell of it once a second: wait for it."""
    last, same_since = (-1, -1), time.monotonic()
    while time.monotonic() < same_since + 2.5:
        with psycopg.connect(url) as connection:
            row = connection.execute(_TOUCHED).fetchone()
        assert row is not None
        if row != last:
            last, same_since = row, time.monotonic()
        time.sleep(0.2)
    return last


_TOUCHED = """
SELECT (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'transactions'),
    sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit + idx_blks_read, 0))::bigint
FROM pg_statio_user_tables WHERE relname <> 'outbox'"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description="Does history make posts slower?")
    parser.add_argument("--postings", type=int, default=POSTINGS, help=f"in the full books  [{POSTINGS:,}]")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="of a side in a round  [8]")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where bench-growth.json goes")
    parser.add_argument("--no-verify", action="store_true", help="leave out the check of all books at the end")
    asked = parser.parse_args()
    home = asked.data.absolute() / "bench-growth"
    began = time.monotonic()
    print(f"full books of {asked.postings:,} postings, kept in {home}", flush=True)
    fill_books(home, asked.postings)
    with cluster(home, SETTINGS) as (postgres, child):
        taken = facts(postgres.url(), home)
        growth = Growth(asked.seconds, child)
        with sides(home, postgres) as both:
            print("warm-up", flush=True)
            growth.warm_up(both)
            for number in range(asked.rounds):
                print(f"round {number + 1} of {asked.rounds}", flush=True)
                growth.round(both)
        told = growth.rows()
        told.append(Row(name="postings in the full books", value=postings_in(postgres.url()), unit="postings"))
        if not asked.no_verify:
            verified = run_verify(postgres.url())
            faults = len(verified.faults)
            told.append(
                Row(name="faults that verify finds", value=faults, unit="faults", aim="value <= 0", holds=not faults)
            )
    write(asked.data / "bench-growth.json", told, taken, growth.values)
    print(f"\n{table(told)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
