"""Webhooks: how soon an event is sent, how many go out in a second, and what receivers that fail do to the others.

    python -m tests.bench.webhooks [--quick]        (make bench-webhooks)

One courier in a process of its own; the door that posts, and the receivers, in this one. All on one clock, since all is
on one machine: an event's time is from the answer to its posting until it stands at a receiver the first time.
"""

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from ledger.book.commands import Attempt, Inflow, Posted
from ledger.cli import migrate
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import event_public
from ledger.kit.secret_keys import keys_of, new_key
from ledger.webhooks.endpoints import service
from ledger.webhooks.endpoints.shapes import NewEndpoint
from tests.bench.couriers import client_rate, courier
from tests.bench.facts import facts
from tests.bench.growth import cluster
from tests.bench.machine import SETTINGS, door_of, open_wallets, owner_of
from tests.bench.receiver import ENDS, Receiver, receiving
from tests.bench.report import Row, table, write

WALLETS = 100
MANY = 20
PATIENCE_S = 120.0
BACKLOG_S = 40.0
"""A backlog that is not gone by then is not waited for: its rate is known."""

WARM = 10
"""Events before the first that counts: connections, prepared statements."""

UNIT = 500
STREAM_PER_S = 50
AIM = 2

_TOLD: Final = """
SELECT wallet_id, event, recorded_at, payload::jsonb #>> '{data,reason}' FROM outbox
WHERE type = 'credits.granted' AND wallet_id = ANY(%s)"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured. ``stream_s``: of one stream; ``rounds`` of both streams, in turn."""

    single: int = 200
    backlog: int = 2_000
    client_s: float = 3.0
    stream_s: float = 10.0
    rounds: int = 3


QUICK: Final = Size(single=50, backlog=300, client_s=1.0, stream_s=4.0, rounds=1)


FIGURES: Final = ("single_p50", "single_p99", "backlog_1", "backlog_20", "client", "well_p99", "beside_failing_p99")
"""Names of what is measured: times in milliseconds, deliveries and calls a second."""


class Stage:
    """The door, the receivers and the endpoints of a measurement."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self.url = url
        self.receiver = receiver
        self.secret_keys = new_key()
        self._wallets = open_wallets(url, WALLETS)
        self._database = Database(url, role=SERVICE_ROLE)
        self._door = door_of(self._database)
        self._grants = 0

    async def begin(self) -> None:
        await self._door.start()

    async def end(self) -> None:
        await self._door.stop()
        await self._database.dispose()

    @asynccontextmanager
    async def endpoints(self, ends: Sequence[str], *, owned: bool = False) -> AsyncIterator[list[str]]:
        """An endpoint for each of these ends, of the platform or, ``owned``, of one owner after the other; gives the
        names of those that answer well."""
        self.receiver.came.clear()
        self.receiver.count = 0
        numbers = []
        for place, end in enumerate(ends):
            new = NewEndpoint(
                url=self.receiver.url(f"r{place}", end),
                events=("credits.granted",),
                owner_id=owner_of(self._wallets[place]) if owned else None,
            )
            numbers.append(await self._made(new))
        try:
            yield [f"r{place}" for place, end in enumerate(ends) if end == "well"]
        finally:
            for number in numbers:
                await service.delete(self._database, number)

    async def _made(self, new: NewEndpoint) -> int:
        keys, secret = keys_of(self.secret_keys), service.checked_secret(None)
        made = await self._database.retrying(lambda connection: service.make(connection, keys, new, secret))
        return made.endpoint

    async def grant(self, count: int = 1, *, wallets: int = WALLETS) -> dict[str, float]:
        """Post so many grants as one unit, to the first wallets in turn; gives when each was answered, by its reason."""
        attempts = []
        for _ in range(count):
            self._grants += 1
            reason = f"grant-{self._grants}"
            wallet_id = self._wallets[self._grants % wallets]
            command = Inflow(wallet_id=wallet_id, amount=1_000, source="promotional", description=reason)
            attempts.append(Attempt(command=command, key=reason, namespace="client:bench-webhooks", actor="bench"))
        outcomes = await self._door.submit(attempts)
        answered = time.perf_counter()
        assert all(isinstance(outcome, Posted) for outcome in outcomes)
        return {attempt.key: answered for attempt in attempts}

    async def arrived(self, names: Sequence[str], events: int) -> None:
        """Wait until so many events have come to each of these."""
        deadline = time.perf_counter() + PATIENCE_S
        while any(len(self.receiver.came[name]) < events for name in names):
            assert time.perf_counter() < deadline, f"not all of {events} events came within {PATIENCE_S:g} s"
            await asyncio.sleep(0.01)

    def waits(self, names: Sequence[str], answered: dict[str, float]) -> list[float]:
        """Seconds from the answer to the arrival, of each event at those of these that it came to."""
        with psycopg.connect(self.url) as connection:
            told = connection.execute(_TOLD, [self._wallets]).fetchall()
        at = {event_public(wallet_id, event, at): answered.get(reason) for wallet_id, event, at, reason in told}
        came = [each for name in names for each in self.receiver.came[name].items()]
        return [arrived - began for id_, arrived in came if (began := at.get(id_)) is not None]


async def measure(url: str, size: Size) -> dict[str, float]:
    """All FIGURES, one after the other; the streams in turn."""
    async with receiving() as receiver:
        stage = Stage(url, receiver)
        await stage.begin()
        single = await _single(stage, size.single)
        client = await asyncio.to_thread(client_rate, receiver.url("client"), size.client_s)
        one, many = await _backlog(stage, size.backlog, 1), await _backlog(stage, size.backlog, MANY)
        well, beside = [], []
        half = MANY // 2
        failing = [ENDS[place % len(ENDS)] for place in range(half)]
        for _ in range(size.rounds):
            well += await _stream(stage, ["well"] * MANY, size.stream_s)
            beside += await _stream(stage, ["well"] * half + failing, size.stream_s)
        await stage.end()
    found = (_ms(single, 50), _ms(single, 99), one, many, client, _ms(well, 99), _ms(beside, 99))
    return dict(zip(FIGURES, found, strict=True))


async def _single(stage: Stage, events: int) -> list[float]:
    """One event at a time, at odd moments."""
    pick = random.Random(7)
    answered: dict[str, float] = {}
    async with stage.endpoints(["well"]) as names:
        with courier(stage.url, stage.secret_keys) as go:
            go()
            for number in range(-WARM, events):
                said = await stage.grant()
                if number >= 0:
                    answered |= said
                await asyncio.sleep(pick.uniform(0.01, 0.03))
            await stage.arrived(names, WARM + events)
        return stage.waits(names, answered)


async def _backlog(stage: Stage, events: int, endpoints: int) -> float:
    """Deliveries a second, from the start of the courier until the last is there, or BACKLOG_S later."""
    async with stage.endpoints(["well"] * endpoints):
        for first in range(0, events, UNIT):
            await stage.grant(min(UNIT, events - first))
        with courier(stage.url, stage.secret_keys) as go:
            began = time.perf_counter()
            go()
            while stage.receiver.count < events * endpoints:
                if time.perf_counter() > began + BACKLOG_S:
                    break
                await asyncio.sleep(0.01)
            return stage.receiver.count / (stage.receiver.last - began)


async def _stream(stage: Stage, ends: Sequence[str], seconds: float) -> list[float]:
    """Events at a steady pace, whatever becomes of them, each for one receiver in turn: the times of those that answer
    well. With every event to every receiver the courier would be the one who is late, and not for the others' sake."""
    answered: dict[str, float] = {}
    each = int(seconds * STREAM_PER_S) // len(ends)
    async with stage.endpoints(ends, owned=True) as names:
        with courier(stage.url, stage.secret_keys) as go:
            go()
            await stage.grant(len(ends), wallets=len(ends))
            await stage.arrived(names, 1)
            began = time.perf_counter()
            posts = []
            for number in range(each * len(ends)):
                await asyncio.sleep(began + number / STREAM_PER_S - time.perf_counter())
                posts.append(asyncio.create_task(stage.grant(wallets=len(ends))))
            for said in await asyncio.gather(*posts):
                answered |= said
            await stage.arrived(names, 1 + each)
        return stage.waits(names, answered)


def _ms(times: Sequence[float], place: int) -> float:
    """The ``place``-th of a hundred of these seconds, in milliseconds."""
    return sorted(times)[min(len(times) - 1, len(times) * place // 100)] * 1000


def rows(found: Mapping[str, float]) -> list[Row]:
    """The table of FIGURES."""
    told = [
        Row(name=f"webhooks, commit to first attempt, p{place}", value=found[f"single_p{place}"], unit="ms")
        for place in (50, 99)
    ]
    client = found["client"]
    for name, rate in (("1 endpoint", found["backlog_1"]), (f"{MANY} endpoints", found["backlog_20"])):
        told.append(
            Row(
                name=f"webhooks, deliveries of a backlog to {name}",
                value=rate,
                unit="per second",
                baseline=client,
                ratio=rate / client,
                against="the client alone, 16 at a time, without a database",
            )
        )
    ratio = found["beside_failing_p99"] / found["well_p99"]
    told.append(
        Row(
            name=f"webhooks, first attempt where half of {MANY} fail, p99",
            value=found["beside_failing_p99"],
            unit="ms",
            baseline=found["well_p99"],
            ratio=ratio,
            aim=f"ratio <= {AIM}",
            holds=ratio <= AIM,
            against=f"{MANY} that answer, {STREAM_PER_S} events a second",
        )
    )
    return told


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.webhooks", description="How fast webhooks go out.")
    parser.add_argument("--quick", action="store_true", help="little of it: shows that it works, not how fast")
    parser.add_argument("--data", type=Path, default=Path(".credit-ledger"), help="where bench-webhooks.json goes")
    asked = parser.parse_args()
    home = asked.data.absolute() / "bench-webhooks"
    began = time.monotonic()
    with cluster(home, SETTINGS) as (postgres, _):
        migrate.upgrade(postgres.url())
        found = asyncio.run(measure(postgres.url(), QUICK if asked.quick else Size()))
        taken = facts(postgres.url(), home)
    told = rows(found)
    write(asked.data / "bench-webhooks.json", told, taken, {name: [value] for name, value in found.items()})
    print(f"{table(told)}\n\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
