"""Fill books through the door, in large units: what customers do all day, in a mix that stays the same.

Everything is posted by the kernel itself, so that the books are what years of posting leave, and ``verify`` accepts
them. Two processes with doors of their own fill the halves of the wallets, so that both cores have work. It can be
stopped and called again: what is posted stays posted, and the next call goes on from the number of postings it finds.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import psycopg

from ledger.book.commands import Attempt, Capture, Command, Inflow, PlaceHold, Posted, Reverse, Transfer, Use
from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from tests.bench.machine import SERVICES, door_of

UNIT = 2_000
"""Attempts of one unit of work."""

FEEDERS = 2
"""Processes that fill at the same time."""

USE, HOLD, INFLOW, TRANSFER = 88, 4, 2, 2
"""Of a hundred new commands; the rest are refunds. Every hold is captured in the next unit."""


def postings_in(url: str) -> int:
    """How many postings the books have."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM postings").fetchone()
    assert row is not None
    return int(row[0])


def fill(url: str, wallet_ids: Sequence[int], postings: int, say: Callable[[str], None]) -> None:
    """Post until the books have at least so many postings."""
    while (missing := postings - postings_in(url)) > 0:
        began = time.monotonic()
        say(f"{missing:,} postings to write")
        feeders = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.fill", url, str(-(-missing // FEEDERS))],
                stdin=subprocess.PIPE,
                text=True,
            )
            for _ in range(FEEDERS)
        ]
        for number, feeder in enumerate(feeders):
            assert feeder.stdin is not None
            feeder.stdin.write(" ".join(map(str, wallet_ids[number::FEEDERS])))
            feeder.stdin.close()
        ended = [feeder.wait() for feeder in feeders]
        if any(ended):
            raise RuntimeError("a feeder failed")
        say(f"{missing / (time.monotonic() - began):,.0f} postings/s")


class Feeder:
    """One process's share: posts into its wallets until ``postings`` are written."""

    def __init__(self, door: Door, wallet_ids: Sequence[int], seed: int) -> None:
        self._door = door
        self._wallets = wallet_ids
        self._pick = random.Random(seed)
        self._name = f"fill-{seed}"
        self._count = 0
        self._holds: list[tuple[int, int]] = []
        self._used: deque[tuple[int, int]] = deque(maxlen=10_000)

    async def feed(self, postings: int) -> None:
        """Units of ``UNIT`` new commands, and the captures of the holds of the unit before."""
        written = 0
        while written < postings:
            captures = [self._attempt(Capture(wallet_id=wallet, hold=hold)) for wallet, hold in self._holds]
            self._holds = []
            outcomes = await self._door.submit([*captures, *map(self._attempt, self._commands(UNIT))])
            for outcome in outcomes:
                if not isinstance(outcome, Posted):
                    raise RuntimeError(f"refused: {outcome}")
                written += len(outcome.transaction.postings)
                self._remember(outcome)

    def _remember(self, outcome: Posted) -> None:
        transaction = outcome.transaction
        place = (transaction.wallet_id, transaction.number)
        if transaction.kind == "hold":
            self._holds.append(place)
        elif transaction.kind == "usage":
            self._used.append(place)

    def _attempt(self, command: Command) -> Attempt:
        self._count += 1
        return Attempt(command=command, key=f"{self._name}-{self._count}", namespace="client:bench", actor="bench")

    def _commands(self, count: int) -> Iterator[Command]:
        pick = self._pick
        for _ in range(count):
            wallet_id = pick.choice(self._wallets)
            what = pick.randrange(100)
            service = f"service_{pick.randrange(SERVICES)}"
            amount = pick.randrange(1, 5) * 1_000
            if what < USE or not self._used:
                yield Use(wallet_id=wallet_id, amount=amount, service=service)
            elif what < USE + HOLD:
                yield PlaceHold(wallet_id=wallet_id, amount=amount, service=service, expires_in_s=3_600)
            elif what < USE + HOLD + INFLOW:
                yield Inflow(wallet_id=wallet_id, amount=amount * 40, source="promotional")
            elif what < USE + HOLD + INFLOW + TRANSFER:
                payee_id = pick.choice(self._wallets)
                if payee_id != wallet_id:
                    yield Transfer(wallet_id=wallet_id, payee_id=payee_id, amount=amount)
            else:
                wallet_id, number = self._used.popleft()
                yield Reverse(wallet_id=wallet_id, number=number, refund=True)


async def _feed(url: str, postings: int, wallet_ids: Sequence[int]) -> None:
    database = Database(url, role=SERVICE_ROLE)
    door = door_of(database)
    await door.start()
    try:
        await Feeder(door, wallet_ids, time.time_ns()).feed(postings)
    finally:
        await door.stop()
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(_feed(sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.stdin.read().split()]))
