"""Clients that post over HTTP and write down what they asked, and what was answered: their journal.

A request has a key of its own, so that it can be sent again, as it was, to a restored ledger.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.serving import Served


@dataclass
class Sent:
    """A request, when it was sent, and its answer, once there was one."""

    key: str
    path: str
    body: dict[str, Any]
    sent_s: float
    answered_s: float | None = None
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def transaction_ids(self) -> list[str]:
        """Of a usage or a grant the one in the answer, of a transfer both legs."""
        if "transaction" in self.answer:
            return [str(self.answer["transaction"]["id"])]
        return [str(self.answer["transaction_id"]), str(self.answer["linked_transaction_id"])]


@dataclass
class Clients:
    """``count`` clients over the same wallets; each draws its own requests from the seed."""

    served: Served
    wallets: list[str]
    seed: int
    count: int = 8
    journal: list[Sent] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def acknowledged(self) -> list[Sent]:
        return [sent for sent in self.journal if sent.answered_s is not None]

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self.count)]

    async def stop(self) -> None:
        """No new requests; every one that was sent is answered."""
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def more(self, count: int) -> None:
        """Return when as many more were acknowledged; fail if nobody is left to do it."""
        target = len(self.acknowledged) + count
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < target:
            for task in self._tasks:
                if task.done():
                    task.result()
            assert time.monotonic() < deadline, (
                f"{len(self.acknowledged)} of {target} after 60 s; refused: {self.refused[-3:]}"
            )
            await asyncio.sleep(0.02)

    async def _client(self, number: int) -> None:
        draw = random.Random(f"{self.seed}/{number}")
        async with client(self.served) as http:
            while not self._over.is_set():
                await self._one(http, draw, f"c{number}-{len(self.journal)}-{draw.randrange(2**32)}")

    async def _one(self, http: httpx.AsyncClient, draw: random.Random, key: str) -> None:
        path, body = request(draw, self.wallets)
        sent = Sent(key, path, body, time.monotonic())
        self.journal.append(sent)
        answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
        if answer.status_code == 201:
            sent.answer = answer.json()
            sent.answered_s = time.monotonic()
        else:
            self.refused.append(f"{answer.status_code} {answer.text}")

    def write(self, file: Path) -> Path:
        """The answers, as a client that keeps them has them: one JSON document a line."""
        file.write_text("".join(json.dumps(sent.answer) + "\n" for sent in self.acknowledged))
        return file


def client(served: Served) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=served.api, headers=served.headers, timeout=30)


def request(draw: random.Random, wallets: list[str]) -> tuple[str, dict[str, Any]]:
    """Mostly usage; grants that join or open lots; transfers, which have two books."""
    payer, payee = draw.sample(wallets, 2)
    kind = draw.random()
    if kind < 0.6:
        return f"/v1/wallets/{payer}/usage", {"service": "chat", "credits": str(draw.randrange(1, 4))}
    if kind < 0.8:
        return f"/v1/wallets/{payer}/credits", {"amount": "5", "source": "promotional", "reason": "a gift"}
    return "/v1/transfers", {
        "from_wallet_id": payer,
        "to_wallet_id": payee,
        "amount": str(draw.randrange(1, 3)),
        "reason": "shared",
    }


async def open_wallets(served: Served, count: int, credits: str) -> list[str]:
    """Wallets with enough in them that nothing is refused for want of credits."""
    made = []
    async with client(served) as http:
        for number in range(count):
            opened = await http.post(
                "/v1/wallets", json={"owner_id": f"drill-{number}"}, headers={"Idempotency-Key": f"open-{number}"}
            )
            made.append(str(opened.raise_for_status().json()["id"]))
            given = await http.post(
                f"/v1/wallets/{made[-1]}/credits",
                json={"amount": credits, "source": "promotional", "reason": "to begin with"},
                headers={"Idempotency-Key": f"grant-{number}"},
            )
            given.raise_for_status()
    return made


async def send_again(served: Served, lost: list[Sent]) -> list[tuple[int, str | None]]:
    """The same requests under the same keys; status and whether each was a replay."""
    places = asyncio.Semaphore(16)

    async def again(http: httpx.AsyncClient, sent: Sent) -> tuple[int, str | None]:
        async with places:
            answer = await http.post(sent.path, json=sent.body, headers={"Idempotency-Key": sent.key})
        return answer.status_code, answer.headers.get("Idempotency-Replayed")

    async with client(served) as http:
        return await asyncio.gather(*(again(http, sent) for sent in lost))
