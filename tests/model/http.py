"""The HTTP driver: the whole application over ASGI, in this process."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

import httpx
from msgspec import structs
from sqlalchemy import create_engine, pool

from ledger.access.service import create_key
from ledger.app import create_app
from ledger.book.commands import (
    Attempt,
    BookDue,
    Capture,
    Command,
    Inflow,
    Metadata,
    PlaceHold,
    Release,
    Reverse,
    SetOverdraft,
    SetStatus,
    Transfer,
    Use,
    Withdraw,
)
from ledger.kit.db import sync_url
from ledger.kit.http.fields import shown
from ledger.kit.ids import parse_row, row_public, wallet_public
from ledger.kit.money import format_amount
from ledger.rates.numbers import format_decimal
from ledger.settings import Settings
from tests.model.driver import Answer, DoorDriver, refusal
from tests.model.tariff import DECIMALS

REASON = "the model says so"
VERBS = {"active": "unfreeze", "frozen": "freeze", "closed": "close"}


class HttpDriver(DoorDriver):
    """Two applications on one database. What the model's commands can say and the API cannot is left out
    by ``adapt``; the clock and what is stored are reached as the owner of the database."""

    def __init__(self, url: str) -> None:
        super().__init__(url, doors=0)
        engine = create_engine(sync_url(url), poolclass=pool.NullPool)
        with engine.begin() as connection:
            self.key = create_key(connection, name="model", scopes=["admin"], client="model")
        engine.dispose()
        self.settings = Settings(database_url=url, db_pool_size=6, log_level="error")
        self.actor = self.key.key_id
        self.keys_once = True

    async def start(self) -> None:
        """An application must end in the task in which it began: one task runs them all."""
        self.ready, self.over = asyncio.Event(), asyncio.Event()
        self.running = asyncio.create_task(self._run())
        await self.ready.wait()

    async def stop(self) -> None:
        self.over.set()
        await self.running
        self.owner.close()

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            self.clients = []
            for _ in range(2):
                app = create_app(self.settings)
                await stack.enter_async_context(app.lifespan())
                client = httpx.AsyncClient(
                    transport=httpx.ASGITransport(app, raise_app_exceptions=False),
                    base_url="http://ledger",
                    headers={"Authorization": f"Bearer {self.key.text}"},
                )
                self.clients.append(await stack.enter_async_context(client))
            self.ready.set()
            await self.over.wait()

    async def submit(self, attempts: Sequence[Attempt], *, atomic: bool = False) -> list[Answer]:
        self.turn += 1
        client = self.clients[self.turn % 2]
        if len(attempts) > 1 or atomic:
            return await self._batch(client, attempts, atomic)
        attempt = attempts[0]
        method, path, body = request_of(attempt.command)
        response = await client.request(method, path, json=body, headers={"Idempotency-Key": attempt.key})
        return [answer_of(response)]

    async def _batch(self, client: httpx.AsyncClient, attempts: Sequence[Attempt], atomic: bool) -> list[Answer]:
        items = []
        for attempt in attempts:
            _, _, body = request_of(attempt.command)
            items.append({**body, "key": attempt.key, "wallet_id": wallet_public(attempt.command.wallet_id)})
        response = await client.post("/v1/usage/batch", json={"items": items, "atomic": atomic})
        said = response.json()
        results = said["results"] if "results" in said else said["details"]["results"]
        answers: list[Answer] = []
        for result in results:
            if result["status"] == "refused":
                answers.append(problem_of(result["problem"]))
                continue
            wallet_id, number = parse_row("txn", result["transaction_id"], "transaction")
            if result["status"] == "replayed":
                answers.append({"stands": (wallet_id, number)})
            else:
                answers.append({"number": number, "wallet_id": wallet_id, "replayed": False})
        return answers

    def adapt(self, command: Command, *, in_batch: bool) -> Command:
        if in_batch and not isinstance(command, Use):
            command = Use(wallet_id=command.wallet_id, amount=getattr(command, "amount", None) or 5, service="chat")
        match command:
            case Use():
                return structs.replace(command, facts=facts_of(command))
            case Inflow(of_kind="purchase"):
                plain: dict[str, Any] = {"source": "promotional", "of_kind": "grant", "cost": 0, "currency": None}
                return structs.replace(command, description=REASON, join=True, money=(), **plain)
            case Inflow():
                return structs.replace(command, description=REASON, join=True)
            case Transfer() | Withdraw() | Reverse():
                return structs.replace(command, description=REASON, effective_at=None)
            case BookDue():
                return SetOverdraft(wallet_id=command.wallet_id, limit=10)
        return structs.replace(command, effective_at=None)


def facts_of(use: Use) -> Metadata:
    """What the API keeps of a use besides."""
    facts: Metadata = {}
    if use.measure is not None:
        quantity = format_decimal(use.measure.quantity, DECIMALS[use.service, use.measure.meter])
        facts |= {"service": use.service, "meter": use.measure.meter, "quantity": quantity}
        facts |= {f"dimension:{name}": value for name, value in use.measure.dimensions.items()}
    if use.effective_at is not None:
        facts["occurred_at"] = shown(use.effective_at)
    return facts


def request_of(command: Command) -> tuple[str, str, dict[str, Any]]:
    """Method, path and body. Fields that are None are not sent."""
    wallet = f"/v1/wallets/{wallet_public(command.wallet_id)}"
    given = getattr(command, "amount", None)
    amount = {} if given is None else {"amount": format_amount(given)}
    match command:
        case Inflow():
            times = {"expires_at": _time(command.expires_at), "effective_at": _time(command.effective_at)}
            body = {"source": command.source, "reason": REASON, "priority": command.priority, **amount, **times}
            return "POST", f"{wallet}/credits", _sent(body)
        case Use(measure=measure) if measure is not None:
            if measure.amends is not None:
                path = f"/v1/usage/{row_public('txn', command.wallet_id, measure.amends)}/amend"
            else:
                path = f"{wallet}/usage"
            quantity = format_decimal(measure.quantity, DECIMALS[command.service, measure.meter])
            counted = {"meter": measure.meter, "quantity": quantity, "dimensions": measure.dimensions}
            facts = {"event_id": command.event_id, "occurred_at": _time(command.effective_at)}
            return "POST", path, _sent({"service": command.service, **counted, **facts})
        case Use():
            body = {"service": command.service, "credits": amount["amount"], "event_id": command.event_id}
            return "POST", f"{wallet}/usage", _sent({**body, "occurred_at": _time(command.effective_at)})
        case PlaceHold():
            body = {"expires_in_s": command.expires_in_s, "service": command.service, **amount}
            return "POST", f"{wallet}/holds", body
        case Capture():
            hold = row_public("hld", command.wallet_id, command.hold)
            body = {"final": command.final, "service": command.service, **amount}
            return "POST", f"/v1/holds/{hold}/capture", _sent(body)
        case Release():
            return "POST", f"/v1/holds/{row_public('hld', command.wallet_id, command.hold)}/release", {}
        case Transfer():
            sides = {"from_wallet_id": command.wallet_id, "to_wallet_id": command.payee_id}
            named = {side: wallet_public(wallet_id) for side, wallet_id in sides.items()}
            return "POST", "/v1/transfers", {**named, "reason": REASON, **amount}
        case Withdraw():
            return "POST", f"{wallet}/adjustments", {"direction": "debit", "reason": REASON, **amount}
        case Reverse():
            name = row_public("txn", command.wallet_id, command.number)
            if command.void:
                return "POST", f"/v1/usage/{name}/void", {"reason": REASON}
            verb = "refund" if command.refund else "reverse"
            return "POST", f"/v1/transactions/{name}/{verb}", {"reason": REASON, **amount}
        case SetStatus():
            return "POST", f"{wallet}/{VERBS[command.status]}", {}
        case SetOverdraft():
            return "PATCH", wallet, {"overdraft_limit": format_amount(command.limit)}
    raise AssertionError(command)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _sent(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def answer_of(response: httpx.Response) -> Answer:
    """A response in the model's words."""
    replayed = response.headers.get("idempotency-replayed") == "true"
    body = response.json()
    if response.is_error:
        assert response.headers["content-type"] == "application/problem+json"
        return {**problem_of(body), "replayed": replayed}
    if response.status_code == 200:
        return {"status": body["status"]}
    name = response.headers["location"].rpartition("/")[2]
    wallet_id, number = parse_row(name[:3], name, "row")
    return {"number": number, "wallet_id": wallet_id, "replayed": replayed}


def problem_of(problem: dict[str, Any]) -> Answer:
    answer = refusal(problem["code"], {**problem, **problem.get("details", {})}, replayed=False)
    del answer["replayed"]
    return answer
