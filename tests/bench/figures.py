"""What is measured, in rounds that are interleaved, and what is claimed of it.

Each round measures every figure once, for a few seconds, one after the other; a figure is the median of its rounds,
and a ratio is of medians. Claims are ratios to what is measured in the same rounds.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median

from tests.bench import analytics, door, webhooks
from tests.bench.load import Answered, Load, run
from tests.bench.lots import LotWallets, measure_lots, prepare_lots
from tests.bench.machine import Machine, open_wallets
from tests.bench.peers import Peers
from tests.bench.report import Row
from tests.bench.verified import run_verify, verify_rate

BATCH_ITEMS = 1_000
NAIVE_MIN = 0.2
"""A naive endpoint below this share of TPC-B is a straw man."""

SQL_MIN, SQL_HUNDREDS_MIN = 0.8, 1.6
"""A SQL ledger below these shares of TPC-B, one and a hundred transfers a call, is written badly."""


@dataclass
class Measured:
    """All values of all rounds, by name."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, value: float) -> None:
        self.values[name].append(value)

    def __getitem__(self, name: str) -> float:
        return median(self.values[name])


class Bench:
    """Measures on one machine. ``say`` is told of each figure."""

    def __init__(self, machine: Machine, peers: Peers, seconds: float, say: Callable[[str], None]) -> None:
        self.machine = machine
        self.peers = peers
        self.seconds = seconds
        self.measured = Measured()
        self._say = say
        self._runs = 0
        self._lot_wallets: LotWallets

    def prepare(self, open_lots: int) -> None:
        """Make the wallets with many lots."""
        self._say(f"a wallet of {open_lots:,} open lots")
        self._lot_wallets = prepare_lots(self.machine.url, open_lots)

    def verify(self) -> list[str]:
        """Measure verify over all that was posted; the faults it finds."""
        verified, rate = verify_rate(self.machine)
        few = run_verify(self.machine.url, len(self.machine.wallet_ids) // 10)
        m = self.measured
        m.add("verify", rate)
        m.add("verify_memory", verified.memory_mb)
        m.add("verify_memory_few", few.memory_mb)
        m.add("verify_transactions", verified.transactions)
        m.add("verify_faults", len(verified.faults))
        self._say(f"{'verify':16} {rate:10,.0f} postings/s and core, {verified.memory_mb:.0f} MB")
        return verified.faults

    def round(self) -> None:
        """Measure everything once."""
        peers, seconds = self.peers, self.seconds
        self.machine.checkpoint()
        self._rate("tpcb_1", lambda: peers.tpcb(1, seconds))
        self._posts("posts_1", connections=1)
        self._rate("tpcb_8", lambda: peers.tpcb(8, seconds))
        self._posts("posts_64", connections=64, cpu=True)
        # What is compared is measured one after the other: machines drift.
        self._posts("one_service_64", connections=64, services=["code_completion"])
        self._posts("one_wallet_64", connections=64, wallets=self.machine.wallets[:1])
        self._posts("priced_64", connections=64, priced=True)
        self._posts("naive_64", connections=64, port=self.machine.naive_port)
        self._posts("posts_16", connections=16)
        self._posts("posts_256", connections=256)
        self._rate("sql_8", lambda: peers.sql_ledger(8, seconds))
        self._rate("sql_hundreds", lambda: peers.sql_ledger_hundreds(1, seconds))
        self._batch()
        self._reads("balance_64", self.machine.api_port, "/v1/wallets/{}/balance")
        self._reads("bare_64", self.machine.bare_port, "/{}")
        for name, rate in measure_lots(self.machine.url, self._lot_wallets, seconds).items():
            self._told(name, rate)

    def units(self, units: int) -> None:
        """Measure the posting path without HTTP."""
        for size in (1, 64):
            unit = asyncio.run(door.measure(self.machine, size, max(4, units // size)))
            self.measured.add(f"unit_{size}_trips", unit.round_trips)
            self.measured.add(f"unit_{size}_wal", unit.wal_bytes_per_post)
            self.measured.add(f"unit_{size}_ms", unit.milliseconds)

    def analytics(self, events: int) -> None:
        """Measure questions about one wallet of so many events."""
        (wallet_id,) = open_wallets(self.machine.url, 1)
        asyncio.run(analytics.fill(self.machine.url, wallet_id, events))
        self.measured.add("analytics_events", events)
        for by, took in asyncio.run(analytics.measure(self.machine.url, wallet_id)).items():
            self.measured.add(f"analytics_{by}", took.ours)
            self.measured.add(f"analytics_{by}_plain", took.plain)
            self._say(f"analytics by {by}: {took.ours * 1000:.1f} ms, {took.plain / took.ours:.0f} times as fast")

    def webhooks(self, size: webhooks.Size) -> None:
        """Measure what one courier delivers."""
        for name, value in asyncio.run(webhooks.measure(self.machine.url, size)).items():
            self.measured.add(f"webhooks_{name}", value)
            self._say(f"webhooks {name:18} {value:10,.1f}")

    def _posts(
        self,
        name: str,
        *,
        connections: int,
        port: int | None = None,
        wallets: list[str] | None = None,
        services: list[str] | None = None,
        cpu: bool = False,
        priced: bool = False,
    ) -> None:
        load = Load(
            port=port or self.machine.api_port,
            kind="usage",
            connections=connections,
            seconds=self.seconds,
            token=self.machine.key,
            wallets=wallets or self.machine.wallets,
            services=services or self.machine.services,
            priced=priced,
        )
        before = self.machine.api_cpu_s(), self.machine.database_cpu_s()
        answered = self._answered(name, load)
        if cpu:
            # The load's warm-up is in the time and not in the count: the share is taken by rate.
            sent = answered.per_second * (load.seconds + load.warmup_s)
            after = self.machine.api_cpu_s(), self.machine.database_cpu_s()
            self.measured.add(f"{name}_api_cpu", (after[0] - before[0]) / sent * 1e6)
            self.measured.add(f"{name}_database_cpu", (after[1] - before[1]) / sent * 1e6)

    def _batch(self) -> None:
        load = Load(
            port=self.machine.api_port,
            kind="batch",
            connections=4,
            seconds=self.seconds,
            token=self.machine.key,
            wallets=self.machine.wallets,
            services=self.machine.services,
            items=BATCH_ITEMS,
        )
        self._answered("batch_items", load, each=BATCH_ITEMS)

    def _reads(self, name: str, port: int, path: str) -> None:
        paths = [path.format(wallet) for wallet in self.machine.wallets]
        load = Load(port=port, kind="get", connections=64, seconds=self.seconds, token=self.machine.key, paths=paths)
        self._answered(name, load)

    def _answered(self, name: str, load: Load, each: int = 1) -> Answered:
        self._runs += 1
        answered = run(replace(load, run=f"{name}-{self._runs}"))
        self.measured.add(name, answered.per_second * each)
        self.measured.add(f"{name}_p50", answered.p50_ms)
        self.measured.add(f"{name}_p99", answered.p99_ms)
        self._say(f"{name:16} {answered.per_second * each:10,.0f}/s  p99 {answered.p99_ms:.1f} ms")
        return answered

    def _rate(self, name: str, measure: Callable[[], float]) -> None:
        self._told(name, measure())

    def _told(self, name: str, rate: float) -> None:
        self.measured.add(name, rate)
        self._say(f"{name:16} {rate:10,.0f}/s")


def rows(measured: Measured) -> list[Row]:
    """The table, and what holds."""
    m = measured
    weak = _weak(m)
    table = [
        _ratio(
            m, "http posts, 64 connections, to TPC-B", "posts_64", "tpcb_8", 1.5, "TPC-B, 8 clients; reaching for 2"
        ),
        _ratio(
            m,
            "http posts, 64 connections, to naive",
            "posts_64",
            "naive_64",
            6,
            "the endpoint written naively",
            weak["naive"],
        ),
        _most(m, "http posts, 64 connections, the slowest of 100", "posts_64_p99", 25, "ms"),
        _ratio(m, "http posts, 1 connection, to TPC-B", "posts_1", "tpcb_1", 0.5, "TPC-B, 1 client"),
        _ratio(m, "http posts into one wallet", "one_wallet_64", "posts_64", 0.7, "over 1,000 wallets"),
        _ratio(m, "http posts to one service", "one_service_64", "posts_64", 0.95, "over 50 services"),
        _ratio(m, "http posts that are priced", "priced_64", "posts_64", 0.85, "with an amount"),
        _ratio(
            m,
            "batch items, 1,000 a request",
            "batch_items",
            "sql_hundreds",
            2.5,
            "SQL function, 100 a call",
            weak["sql"],
        ),
        _least(m, "batch items, 1,000 a request, at least", "batch_items", 15_000, "per second"),
        _ratio(m, "balance reads, 64 connections", "balance_64", "bare_64", 0.4, "a bare handler, the same bytes"),
        _ratio(m, "uses of a wallet with many open lots", "open_lots", "one_lot", 0.5, "a wallet with one lot"),
        _ratio(m, "lines of a use over 1,000 dust lots", "dust", "one_lot", 0.5, "a wallet with one lot"),
        _least(m, "verify, postings a core", "verify", 100_000, "per second"),
        _most_of(
            m,
            "verify, memory",
            "verify_memory",
            "verify_memory_few",
            1.5,
            "MB",
            "a tenth of the wallets, those of most lots",
        ),
        _most(m, "faults that verify finds", "verify_faults", 0, "faults"),
        _most(m, "round trips of a unit of 1", "unit_1_trips", 6, "round trips"),
        _most(m, "round trips of a unit of 64", "unit_64_trips", 6, "round trips"),
    ]
    asked = {by: analytics.Took(m[f"analytics_{by}"], m[f"analytics_{by}_plain"]) for by in analytics.PLAIN}
    table += analytics.rows(int(m["analytics_events"]), asked)
    table += webhooks.rows({name: m[f"webhooks_{name}"] for name in webhooks.FIGURES})
    for connections in (1, 16, 64, 256):
        for part, unit in (("", "per second"), ("_p50", "ms"), ("_p99", "ms")):
            of = f", {part[1:]}" if part else ""
            name = f"http posts, {connections} connection{'s' if connections > 1 else ''}{of}"
            table.append(Row(name=name, value=m[f"posts_{connections}{part}"], unit=unit))
    table += [
        Row(name="balance reads, 64 connections, p50", value=m["balance_64_p50"], unit="ms"),
        Row(name="balance reads, 64 connections, p99", value=m["balance_64_p99"], unit="ms"),
        Row(name="batch request of 1,000, p99", value=m["batch_items_p99"], unit="ms"),
        Row(name="WAL of a post, units of 1", value=m["unit_1_wal"], unit="bytes"),
        Row(name="WAL of a post, units of 64", value=m["unit_64_wal"], unit="bytes"),
        Row(name="a unit of 1, without HTTP", value=m["unit_1_ms"], unit="ms"),
        Row(name="a unit of 64, without HTTP", value=m["unit_64_ms"], unit="ms"),
        Row(name="processor of a post, 64 connections, API", value=m["posts_64_api_cpu"], unit="µs"),
        Row(name="processor of a post, 64 connections, PostgreSQL", value=m["posts_64_database_cpu"], unit="µs"),
        Row(name="transactions that verify read", value=m["verify_transactions"], unit="transactions"),
        _ratio(m, "calibration: naive endpoint", "naive_64", "tpcb_8", NAIVE_MIN, "TPC-B, 8 clients"),
        _ratio(m, "calibration: SQL function", "sql_8", "tpcb_8", SQL_MIN, "TPC-B, 8 clients"),
        _ratio(
            m, "calibration: SQL function, 100 a call", "sql_hundreds", "tpcb_8", SQL_HUNDREDS_MIN, "TPC-B, 8 clients"
        ),
    ]
    return table


def _weak(m: Measured) -> dict[str, str | None]:
    """Why a baseline is not one; None where it is."""
    naive = None if m["naive_64"] >= NAIVE_MIN * m["tpcb_8"] else f"the naive endpoint is below {NAIVE_MIN} × TPC-B"
    sql = None
    if m["sql_8"] < SQL_MIN * m["tpcb_8"]:
        sql = f"the SQL function is below {SQL_MIN} × TPC-B"
    elif m["sql_hundreds"] < SQL_HUNDREDS_MIN * m["tpcb_8"]:
        sql = f"the SQL function in batches is below {SQL_HUNDREDS_MIN} × TPC-B"
    return {"naive": naive, "sql": sql}


def _ratio(m: Measured, name: str, value: str, baseline: str, aim: float, against: str, weak: str | None = None) -> Row:
    ratio = m[value] / m[baseline]
    return Row(
        name=name,
        value=m[value],
        unit="per second",
        baseline=m[baseline],
        ratio=ratio,
        aim=f"ratio >= {aim:g}",
        holds=None if weak else ratio >= aim,
        note=weak,
        against=against,
    )


def _most_of(m: Measured, name: str, value: str, baseline: str, aim: float, unit: str, against: str) -> Row:
    ratio = m[value] / m[baseline]
    return Row(
        name=name,
        value=m[value],
        unit=unit,
        baseline=m[baseline],
        ratio=ratio,
        aim=f"ratio <= {aim:g}",
        holds=ratio <= aim,
        against=against,
    )


def _least(m: Measured, name: str, value: str, aim: float, unit: str) -> Row:
    return Row(name=name, value=m[value], unit=unit, aim=f"value >= {aim:g}", holds=m[value] >= aim)


def _most(m: Measured, name: str, value: str, aim: float, unit: str) -> Row:
    return Row(name=name, value=m[value], unit=unit, aim=f"value <= {aim:g}", holds=m[value] <= aim)
