"""Reads that wait together share one query.

A caller may join a query only while it has not been sent: who was told of a write reads it. While one query is on
its way the next one gathers, so that there are at most two at a time, however many callers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """``load`` gets the ids that gathered and gives what it found of them."""

    def __init__(self, load: Callable[[Sequence[int]], Awaitable[dict[int, T]]]) -> None:
        self._load = load
        self._gathering: dict[int, list[asyncio.Future[T | None]]] = {}
        self._sending: asyncio.Task[None] | None = None

    async def get(self, id_: int) -> T | None:
        """What is found for an id; None where there is nothing. Raises what the query raises."""
        future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._gathering.setdefault(id_, []).append(future)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="shared read")
        return await future

    async def _send(self) -> None:
        while self._gathering:
            batch, self._gathering = self._gathering, {}
            try:
                found = await self._load(list(batch))
            except Exception as error:
                _tell(batch, error)
                continue
            for id_, futures in batch.items():
                for future in futures:
                    if not future.done():
                        future.set_result(found.get(id_))


def _tell(batch: dict[int, list["asyncio.Future[T | None]"]], error: Exception) -> None:
    for futures in batch.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
