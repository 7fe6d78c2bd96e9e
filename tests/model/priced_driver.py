"""The drivers of the priced machine: what they can besides is to quote, to change the card, and to make budgets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ledger.book.commands import Attempt, BookDue, Posted, Refused, Use
from ledger.book.participants import Participant
from ledger.budgets import service as budgets
from ledger.budgets.shapes import NewBudget
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.ids import parse_row, wallet_public
from ledger.kit.money import parse_amount
from ledger.parts import participants
from ledger.rates import service as rates
from ledger.rates.answers import NewPrice
from ledger.rates.card import RATES
from ledger.rates.service import Cards
from tests.model.driver import Answer, DoorDriver, State, refusal
from tests.model.http import REASON, HttpDriver, problem_of, request_of
from tests.model.tariff import METERS
from tests.support.book import attempt as test_attempt

_USAGE = """
SELECT wallet_id, number, service, meter, month, quantity, micro, free, billed, voided_by FROM usage
WHERE wallet_id = ANY(%s)"""

_SPENT = """
SELECT wallet_id, budget, start, spent_micro FROM budget_spent WHERE wallet_id = ANY(%s) AND spent_micro <> 0"""


class PricedDoorDriver(DoorDriver):
    """Doors with every participant that a process has."""

    def __init__(self, url: str, *, doors: int = 2) -> None:
        super().__init__(url, doors=doors)
        self.office = Database(url, pool_size=2, role=SERVICE_ROLE)

    def participants(self, database: Database) -> list[Participant]:
        return participants(Cards(database))

    async def stop(self) -> None:
        await self.office.dispose()
        await super().stop()

    def reset(self) -> None:
        """And a card with meters alone. (The service itself can take nothing out of it.)"""
        super().reset()
        for statement in ("DELETE FROM prices", "DELETE FROM meters", "UPDATE rate_card SET version = version + 1"):
            self.owner.execute(statement)

    async def add_meters(self) -> None:
        async with self.office.transaction() as connection:
            for meter in METERS:
                await rates.add_meter(connection, meter, rates=RATES, actor="key_model")

    async def add_price(self, body: dict[str, Any], valid_from: datetime | None) -> datetime:
        """From when it is valid."""
        new = msgspec.convert({**body, "valid_from": valid_from}, NewPrice)
        async with self.office.transaction() as connection:
            changed = await rates.add_price(connection, new, rates=RATES, actor="key_model")
        return changed.difference.new_prices[0].valid_from

    async def make_budget(self, wallet_id: int, body: dict[str, Any]) -> int:
        """Its number."""
        number = budgets.number_of("", None)
        async with self.office.transaction() as connection:
            riders = await budgets.plan_new(connection, wallet_id, "UTC", number, NewBudget(**body))
        due = BookDue(wallet_id=wallet_id)
        for attempt in (test_attempt(due, riders=riders), test_attempt(due)):
            await self.doors[0].submit([attempt])
        return number

    async def quote(self, attempt: Attempt) -> Answer:
        """What it would be charged, out of which lots."""
        self.turn += 1
        outcome = await self.doors[self.turn % len(self.doors)].quote(attempt)
        if isinstance(outcome, Refused):
            return refusal(outcome.error.code, outcome.error.facts, replayed=False)
        assert isinstance(outcome, Posted)
        lines = [line for line in outcome.transaction.postings if line.credit.startswith("used:")]
        lots = [(line.lot, line.amount) for line in lines if line.lot is not None]
        return {"charged": sum(line.amount for line in lines), "lots": lots}

    def state(self, wallet_ids: Sequence[int]) -> State:
        return with_prices(self, super().state(wallet_ids))


class PricedHttpDriver(HttpDriver):
    """The same by way of the API."""

    def reset(self) -> None:
        super().reset()
        for statement in ("DELETE FROM prices", "DELETE FROM meters", "UPDATE rate_card SET version = version + 1"):
            self.owner.execute(statement)

    async def add_meters(self) -> None:
        for meter in METERS:
            await self._post("/v1/meters", msgspec.to_builtins(meter))

    async def add_price(self, body: dict[str, Any], valid_from: datetime | None) -> datetime:
        given = {} if valid_from is None else {"valid_from": valid_from.isoformat()}
        return datetime.fromisoformat((await self._post("/v1/prices", {**body, **given}))["valid_from"])

    async def make_budget(self, wallet_id: int, body: dict[str, Any]) -> int:
        made = await self._post(f"/v1/wallets/{wallet_public(wallet_id)}/budgets", body)
        return parse_row("bud", made["id"], "budget")[1]

    async def quote(self, attempt: Attempt) -> Answer:
        self.turn += 1
        _, path, body = request_of(attempt.command)
        response = await self.clients[self.turn % 2].post(f"{path}/quote", json=body)
        said = response.json()
        if response.is_error or not said["would_post"]:
            return problem_of(said if response.is_error else said["problem"])
        lots = [(parse_row("lot", lot["lot_id"], "lot")[1], micro(lot["credits"])) for lot in said["charge"]["lots"]]
        return {"charged": micro(said["charge"]["credits"]), "lots": lots}

    async def submit(self, attempts: Sequence[Attempt], *, atomic: bool = False) -> list[Answer]:
        last = attempts[-1].command
        if isinstance(last, Use) and last.measure is not None and last.measure.amends is not None:
            return await self._amend(attempts[-1], last)
        return await super().submit(attempts, atomic=atomic)

    async def _amend(self, attempt: Attempt, use: Use) -> list[Answer]:
        """Both answers of one request: where it is refused, the API says by which of the two only in its code."""
        self.turn += 1
        _, path, body = request_of(use)
        client = self.clients[self.turn % 2]
        body = {"quantity": body["quantity"], "reason": REASON}
        response = await client.post(path, json=body, headers={"Idempotency-Key": attempt.key})
        said = response.json()
        if response.is_error:
            answers: list[Answer] = [{"code": "BATCH_REFUSED"}, problem_of(said)]
            return answers[::-1] if said["code"] in ("NOT_REVERSIBLE", "NOT_FOUND", "WALLET_CLOSED") else answers
        replayed = response.headers.get("idempotency-replayed") == "true"
        numbers = [parse_row("txn", said[name]["id"], "transaction")[1] for name in ("void", "transaction")]
        return [{"number": number, "wallet_id": use.wallet_id, "replayed": replayed} for number in numbers]

    def state(self, wallet_ids: Sequence[int]) -> State:
        return with_prices(self, super().state(wallet_ids))

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self.clients[0].post(path, json=body)
        assert response.status_code == 201, response.text
        return dict(response.json())


PricedDriver = PricedDoorDriver | PricedHttpDriver


def micro(amount: str) -> int:
    return 0 if amount == "0" else parse_amount(amount)


def with_prices(driver: DoorDriver, state: State) -> State:
    """What is stored of priced events and of budgets."""
    for of_wallet in state.values():
        of_wallet |= {"usage": {}, "spent": {}}
    for wallet_id, number, *facts in driver.owner.execute(_USAGE, [list(state)]):
        state[wallet_id]["usage"][number] = tuple(facts)
    for wallet_id, budget, start, spent in driver.owner.execute(_SPENT, [list(state)]):
        state[wallet_id]["spent"][budget, start] = spent
    return state
