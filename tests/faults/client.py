"""A client as our docs ask for one: the key is on its disk before it is sent, and sent again until it is settled.

Plain sockets, so that nothing tries again behind our back and every lost answer is seen as one.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.faults.asks import Ask
from tests.faults.journal import Asked, Journal, Told

ANSWER_S = 30.0
"""How long an answer is waited for: longer than the service may take for one."""

PATIENCE_S = 90.0
UNSETTLED = frozenset((429, 500, 502, 503, 504))


class Unanswered(Exception):
    """The connection failed, or nothing came in time: whether the request was carried out is not known."""


class Unsettled(AssertionError):
    """After all the patience there is still no answer."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    took_s: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One caller with one connection, which does one thing at a time. ``seen`` is told of each answer and of each
    request without one (None)."""

    def __init__(
        self,
        api: str,
        key: str,
        journal: Journal,
        seen: Callable[[Answer | None], None] = lambda _: None,
        *,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._answer_s = answer_s
        self._at = urlsplit(api)
        self._key = key
        self._journal = journal
        self._seen = seen
        self._wire: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def settle(self, ask: Ask, *, patience_s: float = PATIENCE_S) -> list[Told]:
        """Ask until every item is posted or refused; what was told last. Raises Unsettled."""
        await self._journal.keep(ask.items)
        deadline = time.monotonic() + patience_s
        wait_s = 0.02
        while True:
            told = await self.tell(ask)
            if all(one.outcome != "ambiguous" for one in told):
                return told
            if time.monotonic() > deadline:
                raise Unsettled(f"{ask.path} {ask.key or ask.items[0].key}: after {patience_s:.0f} s {told[0]}")
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, 1.0)

    async def once(self, ask: Ask) -> list[Told]:
        """Ask a single time, whatever comes of it."""
        await self._journal.keep(ask.items)
        return await self.tell(ask)

    async def tell(self, ask: Ask) -> list[Told]:
        """Send what is in the journal already, and keep what is told."""
        try:
            told = told_of(ask, await self.request("POST", ask.path, ask.body, ask.key))
        except Unanswered:
            told = [_of(item, outcome="ambiguous") for item in ask.items]
        await self._journal.keep(told)
        return told

    async def get(self, path: str) -> Answer:
        """Read. Raises Unanswered."""
        return await self.request("GET", path)

    async def request(self, method: str, path: str, body: bytes = b"", key: str | None = None) -> Answer:
        """One request over the wire. Raises Unanswered."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._answer_s):
                status, headers, data = await self._exchange(_head(self._at.netloc, self._key, method, path, body, key))
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            self.close()
            self._seen(None)
            raise Unanswered(f"{method} {path}: {type(error).__name__} {error}") from error
        except BaseException:
            self.close()
            raise
        answer = Answer(status, headers, data, time.monotonic() - began)
        if headers.get("connection") == "close":
            self.close()
        self._seen(answer)
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._wire is not None:
            self._wire[1].close()
            self._wire = None

    async def _exchange(self, message: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._wire is None:
            self._wire = await asyncio.open_connection(self._at.hostname, self._at.port)
        reader, writer = self._wire
        writer.write(message)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        status = int(head[0].split()[1])
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, await _chunks(reader)
        return status, headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        data += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return data


def _head(host: str, api_key: str, method: str, path: str, body: bytes, key: str | None) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {api_key}"]
    if key is not None:
        lines.append(f"Idempotency-Key: {key}")
    if method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def told_of(ask: Ask, answer: Answer) -> list[Told]:
    """What an answer says of each item that was asked for."""
    if answer.status == 200:
        return [_item(*pair) for pair in zip(ask.items, answer.json["results"], strict=True)]
    if answer.status == 201:
        replayed = answer.headers.get("idempotency-replayed") == "true"
        return [_posted(ask.items[0], answer.json, replayed)]
    code = _code(answer)
    unsettled = answer.status in UNSETTLED or code == "IDEMPOTENCY_IN_FLIGHT"
    outcome = "ambiguous" if unsettled else "refused"
    return [_of(item, outcome=outcome, status=answer.status, code=code) for item in ask.items]


def _code(answer: Answer) -> str:
    """The problem's code; what is no problem of ours (a server's own words) has none, and the judge will say so."""
    return (
        str(answer.json["code"]) if answer.headers.get("content-type") == "application/problem+json" else "NO_PROBLEM"
    )


def _posted(item: Asked, body: dict[str, Any], replayed: bool) -> Told:
    shown = body.get("transaction", body)
    if "transaction_id" in body:  # a transfer, which has no receipt of its own
        name, amount = body["transaction_id"], body["amount"]
        return _of(item, outcome="posted", status=201, transaction=name, amount=amount, replayed=replayed)
    return _of(
        item,
        outcome="posted",
        status=201,
        transaction=shown["id"],
        amount=shown["amount"],
        hash=shown["hash"],
        balance=shown["balance_after"],
        replayed=replayed,
    )


def _item(item: Asked, result: dict[str, Any]) -> Told:
    if result["status"] == "refused":
        problem = result["problem"]
        return _of(item, outcome="refused", status=problem["status"], code=problem["code"])
    replayed = result["status"] == "replayed"
    return _of(item, outcome="posted", status=200, transaction=result["transaction_id"], replayed=replayed)


def _of(item: Asked, **told: Any) -> Told:
    return Told(key=item.key, wallet=item.wallet, client=item.client, **told)


async def settle_all(clients: Sequence[Client], asks: Sequence[Ask]) -> list[list[Told]]:
    """All of them settled, each client taking the next one; in their order."""
    waiting = iter(enumerate(asks))
    answers: list[list[Told]] = [[] for _ in asks]

    async def work(client: Client) -> None:
        for place, ask in waiting:
            answers[place] = await client.settle(ask)

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(work(client))
    return answers
