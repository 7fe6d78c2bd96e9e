"""Reads that wait together share one query.

A caller may join a query only while it has not been sent: who was told of a write reads it. While one query is on
its way the next one gathers, so that there are at most two at a time, however many callers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from itertools import islice
from typing import Generic, TypeVar

from ledger.kit.db import as_unavailable

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SharedRead(Generic[K, T]):
    """``load`` gets the ids that gathered, ``batch_max`` at most, and gives what it found of them."""

    def __init__(self, load: Callable[[Sequence[K]], Awaitable[Mapping[K, T]]], *, batch_max: int = 500) -> None:
        self._load = load
        self._batch_max = batch_max
        self._gathering: dict[K, list[asyncio.Future[T | None]]] = {}
        self._sending: asyncio.Task[None] | None = None

    async def get(self, id_: K) -> T | None:
        """What is found for an id; None where there is nothing. Raises what the query raises."""
        future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._gathering.setdefault(id_, []).append(future)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="shared read")
        return await future

    async def _send(self) -> None:
        while self._gathering:
            batch = dict(islice(self._gathering.items(), self._batch_max))
            for id_ in batch:
                del self._gathering[id_]
            try:
                found = await self._load(list(batch))
            except Exception as error:
                _tell(batch, as_unavailable(error))
                continue
            for id_, futures in batch.items():
                for future in futures:
                    if not future.done():
                        future.set_result(found.get(id_))


def _tell(batch: dict[K, list["asyncio.Future[T | None]"]], error: Exception) -> None:
    for futures in batch.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
