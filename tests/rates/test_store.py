"""The rate card in the database: whole in one snapshot, changed by one writer at a time, kept by each process."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from ledger.errors import InvalidPrice, UnknownMeter
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.rates import service
from ledger.rates.answers import NewMeter, NewPrice
from ledger.rates.card import RATES, make_card
from ledger.rates.card_file import read_card, shipped
from ledger.rates.prices import Meter, Price, key_of
from ledger.rates.service import Cards, CardUnusable, Changed, Edition
from tests.rates.cards import LATER, START, graduated, meter_with, package, per_unit, price_with, volume
from tests.support.api import fresh, run_sql
from tests.support.book import session
from tests.support.servers import create_database, drop_database
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=3, role=SERVICE_ROLE, lock_timeout_ms=20_000, statement_timeout_ms=20_000)
    yield found
    await found.dispose()


async def stored(database: Database) -> Edition:
    return await database.retrying(service.read_card)


async def add(database: Database, *meters: Meter, prices: tuple[Price, ...] = ()) -> Changed:
    """The stored card with these too, as an import."""
    before = (await stored(database)).card
    wanted = [*before.meters.values(), *meters], [*before.prices, *prices]
    return await database.retrying(
        lambda connection: service.import_card(connection, *wanted, rates=RATES, actor="key_test")
    )


async def add_price(database: Database, service_: str, amount: str, **fields: Any) -> Price:
    new = NewPrice(service=service_, asset="CREDIT", per_unit=amount, **fields)
    changed = await database.retrying(
        lambda connection: service.add_price(connection, new, rates=RATES, actor="key_test")
    )
    return changed.difference.new_prices[0]


@contextmanager
def whole_reads(database: Database) -> Iterator[list[str]]:
    """The statements that read a whole card meanwhile."""
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        if "JOIN prices" in arguments[2]:
            seen.append(arguments[2])

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def test_a_new_database_has_the_card_that_ships(template_database: str, postgres_url: str) -> None:
    """The migration's own copy is the file, whose table is in the docs; and it is the first version."""
    name = f"r_{uuid.uuid4().hex[:12]}"
    new = Database(create_database(postgres_url, name, template=template_database), pool_size=1)
    version, card = await stored(new)
    await new.dispose()
    drop_database(postgres_url, name)
    expected = make_card(*read_card(shipped()))
    assert (1, dict(expected.meters), expected.prices) == (version, dict(card.meters), card.prices)


async def test_a_card_that_is_stored_is_read_back(database: Database) -> None:
    """All models, ends, selectors and kinds of dimensions; the version grows by one with the whole of it."""
    name = fresh("job")
    meter = meter_with(service=name, decimals=2, free="1.25", dimensions={"size": ("a", "ü'\""), "tag": None})
    end = {"valid_from": START + DAY, "valid_to": START + 2 * DAY}
    prices = (
        price_with(per_unit("0.000000000001"), service=name),
        price_with(package("1.5", 250), service=name, version=2, asset="USD", **end),
        price_with(graduated(("5", "1", "0"), (None, "0.5", "2")), service=name, dimensions={"size": "ü'\""}),
        price_with(volume((None, "3", "0")), service=name, dimensions={"size": "a", "tag": "x\\y"}),
    )
    before = (await stored(database)).version
    changed = await add(database, meter, meter_with(service=name, meter="each", unit=None), prices=prices)
    after = await stored(database)
    assert before + 1 == changed.edition.version == after.version
    assert meter == after.card.meters[name, "minutes"]
    assert sorted(prices, key=key_of) == [price for price in after.card.prices if price.service == name]
    assert changed.edition.card.meters == after.card.meters


async def test_what_is_no_change_is_no_version(database: Database) -> None:
    """The same card again."""
    before = await stored(database)
    changed = await add(database)
    assert changed.difference.is_empty
    assert before.version == changed.edition.version == (await stored(database)).version


async def test_a_refused_change_stores_nothing(database: Database) -> None:
    """Neither the part of it that was right nor a version."""
    before, name = await stored(database), fresh("job")
    with pytest.raises(InvalidPrice):
        await add(database, meter_with(service=name), prices=(price_with(per_unit("1"), service=name, asset="EUR"),))
    with pytest.raises(UnknownMeter):
        await add_price(database, name, "1")
    after = await stored(database)
    assert (before.version, before.card.meters) == (after.version, after.card.meters)


async def test_who_changed_it_is_kept(database: Database, database_url: str) -> None:
    """With each price who added it, with a meter who was the last to change it."""
    name = fresh("job")

    async def by(actor: str, *meters: Meter) -> None:
        async with database.transaction() as connection:
            card = (await service.read_card(connection)).card
            kept = [meter for meter in card.meters.values() if meter.service != name]
            await service.import_card(connection, [*kept, *meters], card.prices, rates=RATES, actor=actor)

    await by("key_one", meter_with(service=name))
    await add_price(database, name, "1")
    await by("key_two", meter_with(service=name, free="5"))
    query = "SELECT meters.actor, prices.actor FROM meters JOIN prices USING (service, meter) WHERE service = %s"
    assert [("key_two", "key_test")] == run_sql(database_url, query, name)


async def test_two_writers_at_once(database: Database, database_url: str) -> None:
    """The second waits for the first, has its price before it, and begins when it came to its turn."""
    name = fresh("job")
    await add(database, meter_with(service=name))
    async with database.transaction() as connection:
        new = NewPrice(service=name, asset="CREDIT", per_unit="1")
        first = await service.add_price(connection, new, rates=RATES, actor="key_test")
        second = asyncio.create_task(add_price(database, name, "2"))
        with session(database_url) as watcher:
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')"
            blocked = lambda: watcher.execute(waits).fetchone() == (True,)  # noqa: E731
            await asyncio.to_thread(until, blocked, "the second writer waits", patience_s=20)
        assert not second.done()
    later = await second
    earlier = first.difference.new_prices[0]
    assert (1, 2) == (earlier.version, later.version)
    assert earlier.valid_from < later.valid_from
    assert first.edition.version + 1 == (await stored(database)).version


async def test_a_new_price_leaves_what_occurred_before(database: Database) -> None:
    """In the middle of a month: the old version ends where the new one begins, and nobody had to end it."""
    name = fresh("job")
    await add(database, meter_with(service=name), prices=(price_with(per_unit("1"), service=name),))
    new = await add_price(database, name, "2")
    card = (await stored(database)).card
    meter = card.meter(name)
    moment = timedelta(microseconds=1)
    assert 1 == card.terms(meter, {}, new.valid_from - moment).price.version
    assert 2 == card.terms(meter, {}, new.valid_from).price.version
    assert new.valid_from == card.terms(meter, {}, START + DAY).valid_to
    with pytest.raises(InvalidPrice, match="before now"):
        await add_price(database, name, "3", valid_from=new.valid_from + moment)


async def test_the_first_price_may_begin_in_the_past(database: Database) -> None:
    """A meter may be used before somebody said what it costs; with the second that is over."""
    name = fresh("job")
    await add(database, meter_with(service=name, dimensions={"size": None}))
    await add_price(database, name, "1", valid_from=START)
    await add_price(database, name, "2", valid_from=START, dimensions={"size": "large"})
    with pytest.raises(InvalidPrice, match="before now"):
        await add_price(database, name, "3", valid_from=START + DAY)


async def test_an_open_end_can_be_set(database: Database) -> None:
    """By an import of the same card with an end."""
    name, end = fresh("job"), datetime(2100, 1, 1, tzinfo=UTC)
    await add(database, meter_with(service=name), prices=(price_with(per_unit("1"), service=name),))
    card = (await stored(database)).card
    ended = price_with(per_unit("1"), service=name, valid_to=end)
    prices = [ended if price.service == name else price for price in card.prices]
    async with database.transaction() as connection:
        changed = await service.import_card(connection, list(card.meters.values()), prices, rates=RATES, actor="x")
    assert (ended,) == changed.difference.ended_prices
    assert ended in (await stored(database)).card.prices


async def test_the_service_may_not_take_anything_out(database_url: str) -> None:
    """What was charged by stays: no meter and no price can be deleted by it."""
    with session(database_url, role=SERVICE_ROLE) as connection:
        for table in ("meters", "prices", "rate_card"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]


async def test_a_process_with_an_old_card_notices(database: Database) -> None:
    """It keeps its card until it is asked for a newer version, and reads once, however many ask."""
    cards, name = Cards(database), fresh("job")
    assert (0, {}) == (cards.current.version, cards.current.card.meters)
    first = await cards.fresh(1)
    changed = await add(database, meter_with(service=name))
    newer = changed.edition.version
    assert first is cards.current is await cards.fresh(first.version)
    with whole_reads(database) as reads:
        found = await asyncio.gather(*(cards.fresh(newer) for _ in range(10)))
    assert 1 == len(reads)
    assert {id(cards.current)} == {id(edition) for edition in found}
    assert (newer, name) == (cards.current.version, cards.current.card.meter(name).service)
    with whole_reads(database) as reads:
        assert cards.current is (await cards.latest())[0]
    assert [] == reads


async def test_a_read_that_began_before_is_not_enough(database: Database) -> None:
    """Who joins a read that does not find what it knows to be there reads once more; not for ever."""
    cards = Cards(database)
    newest = (await stored(database)).version
    with whole_reads(database) as reads:
        early = asyncio.create_task(cards.fresh(newest))
        await asyncio.sleep(0)
        with pytest.raises(CardUnusable, match=f"is at version {newest}, not at {newest + 1}"):
            await cards.fresh(newest + 1)
    assert 2 == len(reads)
    assert newest == (await early).version


async def test_a_reader_that_goes_away_takes_no_other_along(database: Database) -> None:
    """Whoever of them began the read; and one that nobody waits for ends with the process."""
    cards = Cards(database)
    readers = [asyncio.create_task(cards.fresh(1)) for _ in range(2)]
    await asyncio.sleep(0)
    readers[0].cancel()
    assert (await readers[1]).version >= 1
    alone = Cards(database)
    reader = asyncio.create_task(alone.fresh(1))
    await asyncio.sleep(0)
    reader.cancel()
    await alone.close()
    assert 0 == alone.current.version


async def test_a_currency_without_a_rate_is_said(database: Database) -> None:
    """A card with prices in it cannot be used by a process whose settings lack it; one that had one keeps it."""
    with pytest.raises(CardUnusable, match="there is no rate of credits per USD"):
        await Cards(database, {"EUR": "11"}).latest()
    cards = Cards(database, {"USD": "12.5"})
    (_, card), now = await cards.latest()
    assert now.utcoffset() == timedelta(0)
    assert 12_500_000_000 == card.terms(card.meter("storage"), {}, LATER).rate_nano


async def test_a_meter_is_added_once(database: Database) -> None:
    new = NewMeter(service=fresh("job"), meter="minutes")
    for refused in (False, True):
        work = database.retrying(lambda connection: service.add_meter(connection, new, rates=RATES, actor="x"))
        if refused:
            with pytest.raises(service.InvalidMeter, match="in the card already"):
                await work
        else:
            assert new.service == (await work).difference.new_meters[0].service
