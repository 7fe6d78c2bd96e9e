"""Prices at their edges: the instant of a change, the end of a month, the smallest and the largest quantity."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from ledger.book import commands as c
from ledger.book.door import Door
from ledger.errors import InvalidQuantity
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rates.answers import NewMeter, NewPrice
from ledger.rates.numbers import QUANTITY_MAX
from ledger.rates.service import Cards, add_meter, add_price
from tests.rates.scene import BEGAN, charged, funded, use
from tests.support.book import CREDIT, attempt, check, codes

pytestmark = pytest.mark.anyio

MOMENT = timedelta(microseconds=1)


async def meter_of(url: str, cards: Cards, *amounts: str, **fields: object) -> tuple[str, list[datetime]]:
    """A new service with one meter, the versions of its price one after the other, and when each began."""
    database = Database(url, pool_size=1, role=SERVICE_ROLE)
    service, begins = f"job-{uuid.uuid4().hex[:8]}", []
    by = {"rates": cards.rates, "actor": "test"}
    async with database.transaction() as connection:
        new = NewMeter(service=service, meter="each", **fields)  # type: ignore[arg-type]
        await add_meter(connection, new, **by)  # type: ignore[arg-type]
    for amount in amounts:
        async with database.transaction() as connection:
            new_price = NewPrice(service=service, asset="CREDIT", per_unit=amount, valid_from=None if begins else BEGAN)
            changed = await add_price(connection, new_price, **by)  # type: ignore[arg-type]
            begins.append(changed.difference.new_prices[0].valid_from)
    await database.dispose()
    return service, begins


async def test_a_price_changes_at_its_first_microsecond(door: Door, database_url: str, cards: Cards) -> None:
    """What occurred right before has the old one, in whatever order it is reported, in one unit or in several."""
    service, (_, change) = await meter_of(database_url, cards, "1", "3")
    wallet_id = await funded(door, database_url, 100)
    at = [(change, 3), (change - MOMENT, 1), (change + MOMENT, 3), (change - MOMENT, 1)]
    uses = [use(wallet_id, service, "each", 1, effective_at=instant) for instant, _ in at]
    together = await door.submit([attempt(each) for each in uses])
    alone = [charged(await door.submit([attempt(each)])) for each in uses]
    assert [credits * CREDIT for _, credits in at] == [charged([outcome]) for outcome in together] == alone
    assert 3 * CREDIT == charged(await door.submit([attempt(use(wallet_id, service, "each", 1))]))
    check(database_url, [wallet_id])


async def test_a_month_ends_with_its_last_microsecond(door: Door, database_url: str, cards: Cards) -> None:
    """In UTC, for every wallet: what is free in one month is not in the other."""
    service, _ = await meter_of(database_url, cards, "1", unit="job", free_monthly="2")
    wallet_id = await funded(door, database_url, 100)
    begins = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = [
        charged(await door.submit([attempt(use(wallet_id, service, "each", 2, effective_at=instant))]))
        for instant in (begins - MOMENT, begins, begins - MOMENT, begins)
    ]
    assert [0, 0, 2 * CREDIT, 2 * CREDIT] == found


async def test_the_smallest_quantity_adds_up(door: Door, database_url: str, cards: Cards) -> None:
    """A thousand thousand-millionths of a unit at a credit are one micro-credit, and not before they are all there."""
    service, _ = await meter_of(database_url, cards, "1", decimals=9)
    wallet_id = await funded(door, database_url, 1)
    last = attempt(use(wallet_id, service, "each", 1))
    assert 0 == charged(await door.submit([attempt(use(wallet_id, service, "each", 1)) for _ in range(999)]))
    assert 1 == charged(await door.submit([last]))
    check(database_url, [wallet_id])


async def test_a_month_takes_the_largest_quantity_and_no_more(door: Door, database_url: str, cards: Cards) -> None:
    """The event that is beyond it is refused and counts nothing; nothing of its month is lost."""
    service, _ = await meter_of(database_url, cards, "0.000000000001", decimals=9)
    wallet_id = await funded(door, database_url, 1)
    for quantity, expected in ((QUANTITY_MAX - 1, ["posted"]), (2, [InvalidQuantity.code]), (1, ["posted"])):
        assert expected == codes(await door.submit([attempt(use(wallet_id, service, "each", quantity))]))
    assert [InvalidQuantity.code] == codes(await door.submit([attempt(use(wallet_id, service, "each", 1))]))
    check(database_url, [wallet_id])


@pytest.mark.parametrize("how", ["alone", "in an atomic batch", "quoted"])
async def test_a_price_may_take_many_lots(door: Door, database_url: str, how: str) -> None:
    """Fifty of sixty, as a use of so many credits does."""
    wallet_id = await funded(door, database_url, 1)
    soon = datetime.now(UTC) + timedelta(days=1)
    lots = [
        c.Inflow(wallet_id=wallet_id, amount=CREDIT, source="promotional", expires_at=soon + timedelta(hours=hour))
        for hour in range(60)
    ]
    await door.submit([attempt(lot) for lot in lots])
    # Ten thousand tokens at a credit a thousand, eighty thousand at a half.
    asked = attempt(use(wallet_id, "tokens", "thousand", 90_000))
    outcomes = [await door.quote(asked)] if how == "quoted" else await door.submit([asked], atomic="batch" in how)
    assert 50 * CREDIT == charged(outcomes)
    assert isinstance(outcomes[0], c.Posted) and 50 == len(outcomes[0].transaction.postings)


async def test_of_a_large_atomic_batch_with_one_bad_line_nothing_counts(door: Door, database_url: str) -> None:
    """A thousand lines, the last of which cannot be priced: free tier and keys are as they were."""
    wallet_id = await funded(door, database_url, 1_000)
    good = [attempt(use(wallet_id, "sandbox", "minutes", 10)) for _ in range(999)]
    bad = attempt(use(wallet_id, "sandbox", "hours", 10))
    assert ["BATCH_REFUSED"] * 999 + ["UNKNOWN_METER"] == codes(await door.submit([*good, bad], atomic=True))
    assert ["posted"] * 999 == codes(await door.submit(good, atomic=True))
    assert 0 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 10))]))
    assert CREDIT // 10 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 1_00))]))
    check(database_url, [wallet_id])
