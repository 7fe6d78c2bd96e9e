"""A process's card and door over this module's database, with three meters besides those that ship."""

from collections.abc import AsyncIterator

import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.book.door import Door
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rates.participant import Pricing
from ledger.rates.service import Cards, import_card
from tests.rates.scene import METERS, PRICES


@pytest.fixture
async def cards(database_url: str) -> AsyncIterator[Cards]:
    database = Database(database_url, pool_size=3, role=SERVICE_ROLE)
    found = Cards(database)
    edition, _ = await found.latest()
    meters = [m for m in METERS if (m.service, m.meter) not in edition.card.meters]
    if meters:
        async with database.transaction() as connection:
            wanted = [*edition.card.meters.values(), *METERS], [*edition.card.prices, *PRICES]
            await import_card(connection, *wanted, rates=found.rates, actor="test")
    yield found
    await found.close()
    await database.dispose()


@pytest.fixture
async def door(database_url: str, cards: Cards) -> AsyncIterator[Door]:
    database = Database(database_url, pool_size=5, role=SERVICE_ROLE)
    found = Door(database, participants=[BalanceLevels(), Pricing(cards)])
    await found.start()
    yield found
    await found.stop()
    await database.dispose()
