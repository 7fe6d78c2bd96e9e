"""A door with all participants of the service, what it told, and the ledger's clock."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ledger.book.commands import Command, Outcome
from ledger.book.door import Door
from ledger.events.catalogue import checked
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.parts import participants
from ledger.rates.service import Cards
from tests.support.api import run_sql
from tests.support.book import attempt


class Teller:
    """Posts commands, and shows what was told of it."""

    def __init__(self, url: str, database: Database, door: Door) -> None:
        self.url = url
        self.database = database
        self.door = door

    async def post(self, *commands: Command, atomic: bool = False) -> list[Outcome]:
        return await self.door.submit([attempt(command) for command in commands], atomic=atomic)

    def told(self, wallet_id: int, pattern: str = "%") -> list[tuple[str, dict[str, Any]]]:
        """Types and data of the wallet's events, in order; each is what the catalogue says."""
        rows = run_sql(
            self.url,
            "SELECT payload FROM outbox WHERE wallet_id = %s AND type LIKE %s ORDER BY event",
            wallet_id,
            pattern,
        )
        events = [checked(payload) for (payload,) in rows]
        return [(envelope.type, msgspec.to_builtins(data)) for envelope, data in events]

    def advance(self, by: timedelta) -> None:
        run_sql(self.url, "UPDATE clock SET ahead_us = ahead_us + %s", by // timedelta(microseconds=1))


@pytest.fixture
async def teller(database_url: str) -> AsyncIterator[Teller]:
    database = Database(database_url, pool_size=5, role=SERVICE_ROLE)
    door = Door(database, participants=participants(Cards(database)))
    await door.start()
    yield Teller(database_url, database, door)
    await door.stop()
    await database.dispose()
    run_sql(database_url, "UPDATE clock SET ahead_us = 0")
