"""Prices decide inside the posting: free tiers, tiers and carries hold whatever is reported at the same time."""

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.book import commands as c
from ledger.book.door import Door
from ledger.book.verify import verify_now
from ledger.errors import DatabaseUnavailable
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rates.answers import NewMeter, NewPrice
from ledger.rates.part import Priced
from ledger.rates.participant import Pricing
from ledger.rates.service import Cards, add_meter, add_price
from ledger.rates.verify import verify_usage
from tests.rates.scene import charged, funded, use
from tests.support.book import CREDIT, attempt, check, codes, session
from tests.support.proxy import ChaosProxy

pytestmark = pytest.mark.anyio

WAITING = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


async def test_a_hundred_racers_share_one_free_tier(door: Door, database_url: str) -> None:
    """A free tier of 100 minutes is used once, whoever comes first."""
    wallet_id = await funded(door, database_url, 1_000)
    uses = [door.submit([attempt(use(wallet_id, "sandbox", "minutes", 3_50))]) for _ in range(100)]
    outcomes = [outcome for each in await asyncio.gather(*uses) for outcome in each]
    # 350 minutes, 250 of them billed at 0.01 USD, which is 0.1 credits.
    assert 25 * CREDIT == charged(outcomes)
    assert {0} < {len(o.transaction.postings) for o in outcomes if isinstance(o, c.Posted)}
    check(database_url, [wallet_id])


async def test_graduated_tiers_are_the_months_whatever_the_batch(door: Door, database_url: str) -> None:
    """Two batches and singles between them add up to one walk through the tiers."""
    wallet_id = await funded(door, database_url, 100)
    batch = [attempt(use(wallet_id, "tokens", "thousand", 1_500)) for _ in range(4)]
    outcomes = await door.submit(batch)
    outcomes += await door.submit([attempt(use(wallet_id, "tokens", "thousand", 3_000))])
    outcomes += await door.submit([attempt(use(wallet_id, "tokens", "thousand", 3_000))])
    # Twelve in all: ten at 1 credit, two at a half.
    assert 11 * CREDIT == charged(outcomes)


async def test_fractions_of_the_smallest_unit_are_carried(door: Door, database_url: str) -> None:
    """A thousand charges of a third of a micro-credit are 333 micro-credits, not none and not a thousand."""
    wallet_id = await funded(door, database_url, 1)
    outcomes = []
    for _ in range(4):
        outcomes += await door.submit([attempt(use(wallet_id, "third", "calls", 1)) for _ in range(250)])
    assert int(1000 * Fraction(333_333, 10**6)) == charged(outcomes)
    check(database_url, [wallet_id])


@pytest.mark.parametrize("before", [0, 40_00], ids=["its first event", "after others"])
async def test_what_cannot_be_paid_counts_nothing(door: Door, database_url: str, before: int) -> None:
    """A refused event leaves free tier and tiers as they were, alone and in an atomic batch."""
    wallet_id = await funded(door, database_url, 1)
    if before:
        assert 0 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", before))]))
    assert ["INSUFFICIENT_CREDITS"] == codes(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 200_00))]))
    fits, too_much = use(wallet_id, "sandbox", "minutes", 100_00 - before), use(wallet_id, "sandbox", "minutes", 50_00)
    group = [attempt(fits), attempt(too_much)]
    assert ["BATCH_REFUSED", "INSUFFICIENT_CREDITS"] == codes(await door.submit(group, atomic=True))
    assert 0 == charged(await door.submit([attempt(fits)]))
    assert CREDIT == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 10_00))]))


async def test_after_an_undone_batch_the_others_of_its_unit_are_priced_anew(door: Door, database_url: str) -> None:
    """What a group that is undone took of the free tier is free for the next request of the same unit."""
    wallet_id = await funded(door, database_url, 1)
    assert 0 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 1_00))]))
    group = [attempt(use(wallet_id, "sandbox", "minutes", 99_00)), attempt(use(wallet_id, "sandbox", "minutes", 50_00))]
    undone, posted = await asyncio.gather(
        door.submit(group, atomic=True), door.submit([attempt(use(wallet_id, "sandbox", "minutes", 99_00))])
    )
    assert ["BATCH_REFUSED", "INSUFFICIENT_CREDITS"] == codes(undone)
    assert 0 == charged(posted)
    check(database_url, [wallet_id])


async def test_a_void_gives_credits_and_counters_back(door: Door, database_url: str) -> None:
    """The free minutes of a voided event are free again; a second void is refused."""
    wallet_id = await funded(door, database_url, 10)
    [first] = await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 120_00))])
    assert isinstance(first, c.Posted) and 2 * CREDIT == first.detail.charge.micro
    void = c.Reverse(wallet_id=wallet_id, number=first.transaction.number, void=True, description="not ours")
    [voided] = await door.submit([attempt(void)])
    assert isinstance(voided, c.Posted) and ("void", 10 * CREDIT) == (
        voided.transaction.kind,
        voided.transaction.after.balance,
    )
    assert ["NOT_REVERSIBLE"] == codes(await door.submit([attempt(void)]))
    assert 0 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 100_00))]))
    with session(database_url) as connection:
        rows = connection.execute("SELECT number, voided_by FROM usage WHERE wallet_id = %s ORDER BY 1", [wallet_id])
        assert [(2, 3), (4, None)] == rows.fetchall()
    check(database_url, [wallet_id])


async def test_an_event_that_is_free_can_be_voided(door: Door, database_url: str) -> None:
    """No credits come back, but the free quantity does."""
    wallet_id = await funded(door, database_url, 1)
    [free] = await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 100_00))])
    assert isinstance(free, c.Posted) and () == free.transaction.postings
    void = c.Reverse(wallet_id=wallet_id, number=free.transaction.number, void=True)
    assert ["posted"] == codes(await door.submit([attempt(void)]))
    assert ["NOT_REVERSIBLE"] == codes(await door.submit([attempt(void)]))
    assert 0 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 100_00))]))
    check(database_url, [wallet_id])


async def test_late_usage_has_the_free_tier_of_its_own_month(door: Door, database_url: str) -> None:
    """What occurred last month uses last month's minutes, and none of this month's."""
    wallet_id = await funded(door, database_url, 100)
    now = datetime.now(UTC)
    last_month = now.replace(day=1) - timedelta(days=1)
    late = use(wallet_id, "sandbox", "minutes", 100_00, effective_at=last_month)
    today = use(wallet_id, "sandbox", "minutes", 100_00)
    assert 0 == charged(await door.submit([attempt(today), attempt(late)]))
    assert CREDIT == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 10_00))]))


async def test_late_usage_goes_on_where_its_month_stands(door: Door, database_url: str) -> None:
    """In units of its own: what was free, and how far the tiers were, is that of the month it occurred in."""
    wallet_id = await funded(door, database_url, 100)
    last_month = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    for service, meter, quantity, expected in (
        ("sandbox", "minutes", 70_00, 0),
        ("sandbox", "minutes", 70_00, 4 * CREDIT),
        ("tokens", "thousand", 8_000, 8 * CREDIT),
        ("tokens", "thousand", 4_000, 3 * CREDIT),
    ):
        late = use(wallet_id, service, meter, quantity, effective_at=last_month)
        assert expected == charged(await door.submit([attempt(late)]))
    assert 0 == charged(await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 100_00))]))
    check(database_url, [wallet_id])


async def test_a_key_and_an_event_id_charge_and_count_once(door: Door, database_url: str) -> None:
    """A replay changes no counter; an event under another key neither."""
    wallet_id = await funded(door, database_url, 100)
    event = use(wallet_id, "tokens", "thousand", 1_000, event_id="job-1")
    once = attempt(event)
    assert ["posted", "ALREADY_POSTED"] == codes(await door.submit([once, attempt(event)]))
    assert ["replayed"] == codes(await door.submit([once]))
    with session(database_url) as connection:
        rows = connection.execute("SELECT billed FROM meter_counters WHERE wallet_id = %s", [wallet_id])
        assert [(1_000,)] == rows.fetchall()


async def test_a_process_with_an_old_card_prices_by_the_new_one(door: Door, database_url: str, cards: Cards) -> None:
    """The number of the card is read under the lock; a unit that was decided by an older one is run again."""
    wallet_id = await funded(door, database_url, 100)
    assert CREDIT == charged(await door.submit([attempt(use(wallet_id, "tokens", "thousand", 1_000))]))
    with session(database_url) as connection:
        connection.execute("UPDATE rate_card SET version = version + 1")
    before = cards.current.version
    assert CREDIT == charged(await door.submit([attempt(use(wallet_id, "tokens", "thousand", 1_000))]))
    assert before + 1 == cards.current.version


async def test_a_price_that_begins_now_is_the_price_of_all_that_comes(
    door: Door, database_url: str, cards: Cards
) -> None:
    """What is reported while a change of the card is under way waits for its end, and pays what then is valid."""
    wallet_id = await funded(door, database_url, 100)
    service = f"changing-{wallet_id}"
    database = Database(database_url, pool_size=1, role=SERVICE_ROLE)
    by = {"rates": cards.rates, "actor": "test"}
    async with database.transaction() as connection:
        await add_meter(connection, NewMeter(service=service, meter="calls"), **by)
        await add_price(connection, NewPrice(service=service, asset="CREDIT", per_unit="1"), **by)
    assert CREDIT == charged(await door.submit([attempt(use(wallet_id, service, "calls", 1))]))
    async with database.transaction() as connection:
        await add_price(connection, NewPrice(service=service, asset="CREDIT", per_unit="2"), **by)
        reported = asyncio.create_task(door.submit([attempt(use(wallet_id, service, "calls", 1))]))
        with session(database_url) as looking:
            while not looking.execute(WAITING).fetchall():
                assert not reported.done()
                await asyncio.sleep(0.01)
    assert 2 * CREDIT == charged(await reported)
    await database.dispose()


async def test_a_quote_is_what_the_charge_then_is(door: Door, database_url: str) -> None:
    """A quote posts nothing and counts nothing, however often it is asked for."""
    wallet_id = await funded(door, database_url, 100)
    asked = attempt(use(wallet_id, "sandbox", "minutes", 150_00))
    quotes = [await door.quote(asked) for _ in range(3)]
    [posted] = await door.submit([asked])
    assert isinstance(posted, c.Posted) and isinstance(posted.detail, Priced)
    for quote in quotes:
        assert isinstance(quote, c.Posted) and posted.detail.line == quote.detail.line
        assert posted.transaction.postings == quote.transaction.postings
    poor = await funded(door, database_url, 1)
    refused = await door.quote(attempt(use(poor, "sandbox", "minutes", 150_00)))
    assert "INSUFFICIENT_CREDITS" == codes([refused])[0]


TAMPERINGS = {
    "a charge": "UPDATE usage SET micro = micro + 1 WHERE wallet_id = %s",
    "a line": """UPDATE usage SET line = replace(line, '"charged":"2"', '"charged":"3"') WHERE wallet_id = %s""",
    "a void": "UPDATE usage SET voided_by = number + 1 WHERE wallet_id = %s",
    "what was billed": "UPDATE meter_counters SET billed = billed + 1 WHERE wallet_id = %s AND selector <> ''",
    "what was free": "UPDATE meter_counters SET free = free - 1 WHERE wallet_id = %s AND free > 0",
    "the carry": "INSERT INTO meter_counters (wallet_id, service, meter, month, selector, carry)"
    " VALUES (%s, 'sandbox', 'minutes', '0001-01-01', '', 5)",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS.keys())
async def test_verify_finds_what_was_changed(door: Door, database_url: str, statement: str) -> None:
    """Each column that a price rests on is recounted."""
    wallet_id = await funded(door, database_url, 10)
    await door.submit([attempt(use(wallet_id, "sandbox", "minutes", 120_00))])
    check(database_url, [wallet_id])
    with session(database_url) as connection:
        connection.execute(statement, [wallet_id])
    report = verify_now(database_url, [wallet_id])
    verify_usage(database_url, report, [wallet_id])
    assert {"usage"} == {fault.kind for fault in report.faults}


async def test_a_card_that_cannot_be_read_anew_is_trouble_of_the_database(door: Door, database_url: str) -> None:
    """The database goes away between the unit that finds the card too old and the read of the newer one: 503 for all
    who waited together, and not 500."""
    wallet_id = await funded(door, database_url, 100)
    proxy = ChaosProxy(database_url)
    away, near = [Database(url, pool_size=2, role=SERVICE_ROLE) for url in (proxy.url, database_url)]
    cards = Cards(away)
    priced = Door(near, participants=[BalanceLevels(), Pricing(cards)])
    await priced.start()
    await cards.latest()
    proxy.close()
    with session(database_url) as connection:
        connection.execute("UPDATE rate_card SET version = version + 1")
    uses = [use(wallet_id, "tokens", "thousand", 1_000), c.Use(wallet_id=wallet_id, amount=CREDIT, service="chat")]
    told = await asyncio.gather(*(priced.submit([attempt(each)]) for each in uses), return_exceptions=True)
    await priced.stop()
    for database in (away, near):
        await database.dispose()
    assert [DatabaseUnavailable] * 2 == [type(each) for each in told]
