"""A wallet with budgets: one line to make one, to use, and to see what is spent and what was told."""

import json
from datetime import datetime, timedelta
from typing import Any

from ledger.book.commands import BookDue, Command, Inflow, Outcome, Posted, Reverse, Use
from ledger.book.door import Door
from ledger.budgets import service
from ledger.budgets.shapes import Budget, BudgetChange, NewBudget, budget
from ledger.kit.db import Database
from ledger.wallets.service import plan_change as plan_wallet
from ledger.wallets.shapes import WalletChange
from tests.support.book import CREDIT, attempt, new_wallets, session


class Scene:
    """A door with budgets in it and what is behind it."""

    def __init__(self, url: str, database: Database, door: Door) -> None:
        self.url = url
        self.database = database
        self.door = door
        self.wallets: list[int] = []
        """Those that were made, to be verified."""

    async def wallet(self, credits: int = 1_000_000) -> int:
        (wallet_id,) = new_wallets(self.url)
        self.wallets.append(wallet_id)
        await self.post(Inflow(wallet_id=wallet_id, amount=credits * CREDIT, source="promotional"))
        return wallet_id

    async def make(self, wallet_id: int, zone: str = "UTC", **fields: Any) -> int:
        """A budget, a month's of 100 credits unless ``fields`` say otherwise; its number."""
        with session(self.url) as connection:
            connection.execute("UPDATE wallet_settings SET time_zone = %s WHERE wallet_id = %s", [zone, wallet_id])
        number = service.number_of("", None)
        new = NewBudget(**{"period": "month", "limit": 100} | fields)
        async with self.database.transaction() as connection:
            riders = await service.plan_new(connection, wallet_id, zone, number, new)
        for attempted in (attempt(BookDue(wallet_id=wallet_id), riders=riders), attempt(BookDue(wallet_id=wallet_id))):
            await self.door.submit([attempted])
        return number

    async def change(self, wallet_id: int, number: int, **fields: Any) -> None:
        async with self.database.transaction() as connection:
            seen = await service.find(connection, wallet_id, number)
        assert seen is not None
        riders = service.plan_change(wallet_id, seen.kept, BudgetChange(**fields))
        for attempted in (attempt(BookDue(wallet_id=wallet_id), riders=riders), attempt(BookDue(wallet_id=wallet_id))):
            await self.door.submit([attempted])

    async def move(self, wallet_id: int, zone: str) -> None:
        """The wallet's time zone is another from now on."""
        plan = await plan_wallet(self.database, wallet_id, WalletChange(time_zone=zone))
        await self.door.submit([attempt(plan.command, riders=plan.riders)])

    async def show(self, wallet_id: int, number: int) -> Budget:
        async with self.database.transaction() as connection:
            seen = await service.find(connection, wallet_id, number)
        assert seen is not None
        return budget(seen)

    async def post(self, *commands: Command, atomic: bool = False) -> list[Outcome]:
        return await self.door.submit([attempt(command) for command in commands], atomic=atomic)

    async def use(self, wallet_id: int, credits: int, **fields: Any) -> Outcome:
        return (await self.post(use(wallet_id, credits, **fields)))[0]

    async def undo(self, used: Outcome, credits: int | None = None) -> Outcome:
        """Give back what was used, or so much of it."""
        assert isinstance(used, Posted)
        transaction = used.transaction
        amount = None if credits is None else credits * CREDIT
        command = Reverse(wallet_id=transaction.wallet_id, number=transaction.number, amount=amount, refund=True)
        return (await self.post(command))[0]

    def spent(self, wallet_id: int) -> list[tuple[datetime, int]]:
        """What is kept of the wallet's budgets: (start of the period, credits), without what is zero."""
        with session(self.url) as connection:
            rows = connection.execute(
                "SELECT start, spent_micro FROM budget_spent WHERE wallet_id = %s AND spent_micro > 0 ORDER BY 1, 2",
                [wallet_id],
            ).fetchall()
        return [(start, micro // CREDIT) for start, micro in rows]

    def told(self, wallet_id: int) -> list[tuple[int, str]]:
        """What events told, in their order: (level, spent)."""
        return [(data["level"], data["spent"]) for data in self.events(wallet_id, "budget.threshold_reached")]

    def events(self, wallet_id: int, kind: str) -> list[dict[str, Any]]:
        """The data of the wallet's events of a type."""
        with session(self.url) as connection:
            rows = connection.execute(
                "SELECT payload FROM outbox WHERE wallet_id = %s AND type = %s ORDER BY event", [wallet_id, kind]
            ).fetchall()
        return [json.loads(payload)["data"] for (payload,) in rows]

    def now(self) -> datetime:
        with session(self.url) as connection:
            row = connection.execute("SELECT ledger_now()").fetchone()
        assert row is not None
        found: datetime = row[0]
        return found

    def move_clock(self, to: datetime) -> None:
        with session(self.url) as connection:
            ahead = (to - self.now()) // timedelta(microseconds=1)
            connection.execute("UPDATE clock SET ahead_us = ahead_us + %s", [ahead])


def use(wallet_id: int, credits: int, **fields: Any) -> Use:
    return Use(**{"wallet_id": wallet_id, "amount": credits * CREDIT, "service": "chat"} | fields)
