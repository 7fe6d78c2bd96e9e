"""Wallets with many lots beside a wallet with one, through the door: a hundred thousand open lots, and dust.

A hundred thousand open lots: uses that the first lot covers. Dust: one use that takes a thousand lots, a line each;
what is compared is lines a second, since a line is what a post on one lot writes.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.book.commands import Attempt, Command, Inflow, Posted, Use
from ledger.kit.db import SERVICE_ROLE, Database
from tests.bench.machine import FUNDED_MICRO, door_of, open_wallets

OPEN_LOTS = 100_000
DUST_LOTS = 1_000
"""As many as one use may take: a transaction has 1,000 lines at most, and one of them is kept for a debt."""
DUST_MICRO = 1_000
UNIT = 64
"""Uses of one unit of work: as many as connections wait together."""


@dataclass(frozen=True, kw_only=True)
class LotWallets:
    """The three wallets, by what is in them."""

    one: int
    many: int
    dust: int


def prepare_lots(url: str, open_lots: int = OPEN_LOTS) -> LotWallets:
    """Wallets with one lot, with many, and an empty one for dust."""
    wallets = LotWallets(**dict(zip(("one", "many", "dust"), open_wallets(url, 3), strict=True)))

    async def work() -> None:
        async with _Spender(url) as spender:
            await spender.post([_inflow(wallets.one, FUNDED_MICRO)])
            for _ in range(open_lots // 1_000):
                await spender.post([_inflow(wallets.many, 10**9)] * 1_000)

    asyncio.run(work())
    return wallets


def measure_lots(url: str, wallets: LotWallets, seconds: float) -> dict[str, float]:
    """Lines a second of each of the three."""
    return asyncio.run(_measure(url, wallets, seconds))


async def _measure(url: str, wallets: LotWallets, seconds: float) -> dict[str, float]:
    async with _Spender(url) as spender:
        found = {}
        for name, wallet_id in (("one_lot", wallets.one), ("open_lots", wallets.many)):
            found[name] = await spender.rate([_use(wallet_id, 1_000)] * UNIT, seconds)
        dust, lines, began = 0.0, 0, time.perf_counter()
        while not lines or time.perf_counter() < began + seconds:
            await spender.post([_inflow(wallets.dust, DUST_MICRO)] * DUST_LOTS)
            lines += DUST_LOTS
            dust += await spender.post([_use(wallets.dust, DUST_LOTS * DUST_MICRO)])
        return {**found, "dust": lines / dust}


class _Spender:
    """A door of its own, and keys."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, role=SERVICE_ROLE)
        self._door = door_of(self._database)

    async def __aenter__(self) -> "_Spender":
        await self._door.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._door.stop()
        await self._database.dispose()

    async def post(self, commands: Sequence[Command]) -> float:
        """Post one unit; the seconds it took."""
        name = f"lots-{time.perf_counter_ns()}"
        attempts = [
            Attempt(command=command, key=f"{name}-{place}", namespace="client:bench", actor="bench")
            for place, command in enumerate(commands)
        ]
        began = time.perf_counter()
        outcomes = await self._door.submit(attempts)
        took = time.perf_counter() - began
        refused = [outcome for outcome in outcomes if not isinstance(outcome, Posted)]
        if refused:
            raise RuntimeError(f"refused: {refused[0]}")
        return took

    async def rate(self, commands: Sequence[Command], seconds: float) -> float:
        """Posts a second of such units, one after the other; those that prepare statements are left out."""
        for _ in range(8):
            await self.post(commands)
        units, began = 0, time.perf_counter()
        while time.perf_counter() < began + seconds:
            await self.post(commands)
            units += 1
        return units * len(commands) / (time.perf_counter() - began)


def _inflow(wallet_id: int, amount: int) -> Inflow:
    return Inflow(wallet_id=wallet_id, amount=amount, source="promotional", join=False)


def _use(wallet_id: int, amount: int) -> Use:
    return Use(wallet_id=wallet_id, amount=amount, service="code_completion")
