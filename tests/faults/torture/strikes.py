"""What breaks: each strike breaks one thing, waits, sets it right, and says when it was set right.

Weights are like those of TigerBeetle's Vortex: what heals by itself or at once is drawn more often than what takes
everything down.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import redis

from ledger.kit import failpoints
from tests.faults.stack import LINES, Part, Stack, wait_until_gone

HELD_S = (0.3, 3.0)
"""How long something stays broken that does not break for a moment only."""

HALF_OPEN_S = (2.0, 8.0)


class Strikes:
    """Draws strikes and carries them out, one at a time."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack = stack
        self._chance = random.Random(f"{seed} strikes")
        self._kinds: dict[str, tuple[int, Callable[[], Awaitable[float]]]] = {
            "kill API": (3, self._kill_api),
            "kill API's worker process": (2, self._kill_api_child),
            "kill API at a failpoint": (3, self._kill_api_at_failpoint),
            "kill backend": (2, self._kill_backend),
            "kill postmaster": (1, lambda: self._end_postgres(signal.SIGKILL)),
            "immediate stop of PostgreSQL": (1, lambda: self._end_postgres(signal.SIGQUIT)),
            "restart PostgreSQL": (1, lambda: self._end_postgres(signal.SIGINT)),
            "kill Valkey": (2, lambda: self._kill(stack.valkey)),
            "FLUSHALL": (2, self._flush),
            "kill worker": (2, lambda: self._kill(stack.worker)),
            "kill worker's child": (2, self._kill_worker_child),
            "kill beat": (1, lambda: self._kill(stack.beat)),
            "pause API": (2, lambda: self._pause(stack.api)),
            "pause worker": (2, lambda: self._pause(stack.worker)),
            "pause backend": (1, self._pause_backend),
            "cut line": (4, lambda: self._line("cut")),
            "reset line": (3, lambda: self._line("reset")),
            "slow line": (3, lambda: self._line("slow")),
            "dripping line": (1, lambda: self._line("drip")),
            "silent line": (2, lambda: self._line("freeze")),
            "half-open line": (2, lambda: self._line("abandon")),
            "cut at COMMIT": (3, self._cut_at_commit),
        }

    def draw(self) -> tuple[str, float]:
        """What breaks next, and after how many seconds."""
        kind = self._chance.choices(list(self._kinds), [weight for weight, _ in self._kinds.values()])[0]
        return kind, self._chance.uniform(0.3, 2.5)

    async def carry_out(self, kind: str) -> float:
        """Break it, and set it right; the moment when that was done (time.monotonic)."""
        return await self._kinds[kind][1]()

    def heal(self) -> list[str]:
        """Set everything right that is not; what was dead though nobody had killed it."""
        stack, dead = self._stack, []
        for proxy in stack.proxy.values():
            proxy.heal()
        for name in ("postgres", "valkey", "api", "worker", "beat"):
            part: Part = getattr(stack, name)
            if not part.alive:
                dead.append(name)
                part.start(wait=False)
        return dead

    async def _held(self, bounds: tuple[float, float] = HELD_S) -> None:
        await asyncio.sleep(self._chance.uniform(*bounds))

    async def _kill(self, part: Part) -> float:
        await asyncio.to_thread(part.kill)
        await self._held((0.0, 1.0))
        return await self._again(part)

    async def _again(self, part: Part) -> float:
        """Start it; the time that takes counts as recovery."""
        began = time.monotonic()
        await asyncio.to_thread(part.start)
        return began

    async def _kill_api(self) -> float:
        return await self._kill(self._stack.api)

    async def _kill_api_child(self) -> float:
        """Granian starts it again."""
        await asyncio.to_thread(self._stack.api.signal, signal.SIGKILL, whom="children")
        return time.monotonic()

    async def _kill_api_at_failpoint(self) -> float:
        """Started anew with a trap; as soon as it has sprung, without."""
        api = self._stack.api
        points = [point for point in failpoints.POINTS if point.startswith(("unit.", "door."))]
        trap = f"{self._chance.choice(points)}:kill@{self._chance.randint(1, 50)}"
        await asyncio.to_thread(api.kill)
        await asyncio.to_thread(api.start, LEDGER_FAILPOINTS=trap)
        for child in api.children():
            await asyncio.to_thread(wait_until_gone, child)
        await asyncio.to_thread(api.kill)
        return await self._again(api)

    async def _kill_worker_child(self) -> float:
        children = self._stack.worker.children()
        if children:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(children), signal.SIGKILL)
        return time.monotonic()

    async def _kill_backend(self) -> float:
        return await asyncio.to_thread(self._stack.kill_backend, self._chance)

    async def _end_postgres(self, number: signal.Signals) -> float:
        postgres = self._stack.postgres
        await asyncio.to_thread(postgres.signal, number)
        await asyncio.to_thread(wait_until_gone, postgres.pid)
        return await self._again(postgres)

    async def _flush(self) -> float:
        def flush() -> None:
            with redis.Redis.from_url(self._stack.redis_url, socket_timeout=5) as client:
                client.flushall()

        await asyncio.to_thread(flush)
        return time.monotonic()

    async def _pause(self, part: Part) -> float:
        await asyncio.to_thread(part.signal, signal.SIGSTOP, whom="all")
        await self._held()
        await asyncio.to_thread(part.signal, signal.SIGCONT, whom="all")
        return time.monotonic()

    async def _pause_backend(self) -> float:
        victims = await asyncio.to_thread(self._stack.backends, "credit-ledger api")
        if victims:
            with suppress(ProcessLookupError):
                victim = self._chance.choice(victims)
                os.kill(victim, signal.SIGSTOP)
                await self._held()
                os.kill(victim, signal.SIGCONT)
        return time.monotonic()

    async def _line(self, how: str) -> float:
        proxy = self._stack.proxy[self._chance.choice(LINES)]
        if how in ("cut", "reset"):
            getattr(proxy, how)()
            return time.monotonic()
        if how == "slow":
            proxy.delay_s = self._chance.uniform(0.01, 0.2)
        elif how == "drip":
            proxy.drip = True
        else:
            getattr(proxy, how)()
        await self._held(HALF_OPEN_S if how == "abandon" else HELD_S)
        await asyncio.to_thread(proxy.heal)
        return time.monotonic()

    async def _cut_at_commit(self) -> float:
        proxy = self._stack.proxy[self._chance.choice(("api-postgres", "worker-postgres"))]
        proxy.cut_at = b"COMMIT\x00"
        await self._held((0.05, 0.5))
        await asyncio.to_thread(proxy.heal)
        return time.monotonic()
