"""Whatever is posted, in whatever order and however often it is rolled up: the sums are those of a recount."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import Capture, Command, Inflow, Measure, PlaceHold, Posted, Reverse, Transfer, Use
from ledger.book.door import Door
from ledger.errors import NotFound
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.kit.http.fields import shown
from ledger.rates.participant import Pricing
from ledger.rates.service import Cards
from ledger.rollups import days, roller
from ledger.rollups.roller import rebuild, roll_moved, roll_up
from tests.book.conftest import Clock
from tests.rollups.recount import recounted, rolled_up
from tests.support.api import run_sql
from tests.support.book import CREDIT, attempt, new_wallets

ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Chatham")


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[Database, Door]]:
    database = Database(url, pool_size=6, role=SERVICE_ROLE)
    cards = Cards(database)
    door = Door(database, participants=[BalanceLevels(), Pricing(cards)])
    await door.start()
    try:
        yield database, door
    finally:
        await door.stop()
        await cards.close()
        await database.dispose()


async def post(door: Door, command: Command) -> int | None:
    """The number of the transaction; None where it was refused."""
    (outcome,) = await door.submit([attempt(command)])
    return outcome.transaction.number if isinstance(outcome, Posted) else None


def use(wallet: int, clock: Clock, amount: int = CREDIT, **given: Any) -> Use:
    """``late`` minutes ago; the accounts may count it at another time than that at which it occurred. A priced one
    counts so many tasks, of which a thousand a month are free."""
    at = clock.now() - timedelta(minutes=given.get("late", 0))
    facts = {"session": given["session"]} if given.get("session") else {}
    if given.get("occurred"):
        facts["occurred_at"] = shown(at - timedelta(days=3))
    metadata = {name: given[name] for name in ("user_id", "purpose") if given.get(name) is not None}
    common = {"wallet_id": wallet, "effective_at": at if given.get("late") else None, "facts": facts}
    if tasks := given.get("tasks"):
        measure = Measure("tasks", tasks)
        return Use(amount=0, service="workflow_processing", measure=measure, metadata=metadata, **common)
    return Use(amount=amount, service=given.get("service", "chat"), metadata=metadata, **common)


USES = st.fixed_dictionaries(
    {
        "do": st.just("use"),
        "amount": st.integers(1, 5 * CREDIT),
        "service": st.sampled_from(["chat", "gpu"]),
        "late": st.sampled_from([0, 0, 7, 50, 24 * 60, 30 * 24 * 60]),
        "session": st.sampled_from([None, "a", "b", "c"]),
        "user_id": st.sampled_from([None, "ann", 7, True, "", "ü" * 300]),
        "purpose": st.sampled_from([None, "tests"]),
        "occurred": st.booleans(),
        "tasks": st.sampled_from([None, None, 600, 7_000]),
    }
)
OTHERS = st.fixed_dictionaries(
    {
        "do": st.sampled_from(
            ["refund", "reverse", "void", "capture", "earn", "undo earn", "transfer", "roll", "zone"]
        ),
        "pick": st.integers(0, 20),
        "amount": st.integers(1, 3 * CREDIT),
    }
)


async def play(url: str, steps: list[dict[str, Any]]) -> None:
    wallet, other = new_wallets(url, 2)
    clock = Clock(url)
    uses: list[int] = []
    earned: list[int] = []
    async with opened(url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
        for step in steps:
            picked = uses[step["pick"] % len(uses)] if uses and "pick" in step else None
            match step["do"]:
                case "use":
                    number = await post(door, use(wallet, clock, **{k: v for k, v in step.items() if k != "do"}))
                    uses += [] if number is None else [number]
                case "refund" | "reverse" if picked is not None:
                    refund = step["do"] == "refund"
                    await post(door, Reverse(wallet_id=wallet, number=picked, amount=step["amount"], refund=refund))
                case "void" if picked is not None:
                    await post(door, Reverse(wallet_id=wallet, number=picked, void=True))
                case "capture":
                    hold = await post(door, PlaceHold(wallet_id=wallet, amount=CREDIT, service="gpu", expires_in_s=60))
                    if hold is not None:
                        number = await post(door, Capture(wallet_id=wallet, hold=hold, amount=step["amount"] // 2 or 1))
                        uses += [] if number is None else [number]
                case "earn":
                    number = await post(door, Inflow(wallet_id=wallet, amount=step["amount"], source="earned"))
                    earned += [] if number is None else [number]
                case "undo earn" if earned:
                    await post(door, Reverse(wallet_id=wallet, number=earned.pop()))
                case "transfer":
                    await post(door, Transfer(wallet_id=wallet, payee_id=other, amount=step["amount"]))
                case "roll":
                    await roll_up(database, wallet)
                case "zone":
                    zone = ZONES[step["pick"] % len(ZONES)]
                    run_sql(url, "UPDATE wallet_settings SET time_zone = %s WHERE wallet_id = %s", zone, wallet)
        assert await roll_up(database, wallet)
        found = rolled_up(url, wallet)
        assert recounted(url, wallet) == found
        assert not await rebuild(database, wallet)
        assert found == rolled_up(url, wallet)


@settings(max_examples=15)
@given(steps=st.lists(st.one_of(USES, USES, OTHERS), min_size=1, max_size=15))
def test_any_mix_of_postings_is_summed_as_a_recount_sums_it(database_url: str, steps: list[dict[str, Any]]) -> None:
    """Uses, late ones, refunds, captures, changes of the time zone, with rolls between them."""
    asyncio.run(play(database_url, steps))


@pytest.mark.anyio
@pytest.mark.parametrize(("tasks", "charged"), [(40, 0), (1_500, 5 * CREDIT)])
async def test_a_void_takes_the_operation_and_its_quantity_back(database_url: str, tasks: int, charged: int) -> None:
    """Also of a use that was free, whose transactions have no lines: both stand where the use occurred."""
    wallet, clock = new_wallets(database_url)[0], Clock(database_url)
    async with opened(database_url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
        number = await post(door, use(wallet, clock, session="s", tasks=tasks, late=60))
        assert number is not None
        await roll_up(database, wallet)
        (before,) = rolled_up(database_url, wallet)["slots"]
        await post(door, Reverse(wallet_id=wallet, number=number, void=True))
        await roll_up(database, wallet)
        (after,) = found = rolled_up(database_url, wallet)["slots"]
    assert recounted(database_url, wallet)["slots"] == found
    assert (before[5:], after[5:]) == ((tasks, charged, 0, 1, 1), (0, charged, charged, 0, 1))


@pytest.mark.anyio
async def test_days_are_those_of_the_wallets_time_zone(database_url: str) -> None:
    """Half past eleven in the evening is the next day in Kolkata, and the same one in New York; all days move with
    the wallet."""
    wallet, clock = new_wallets(database_url)[0], Clock(database_url)
    evening = clock.now().replace(hour=23, minute=30) - timedelta(days=2)
    async with opened(database_url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
        for zone, days in (("Asia/Kolkata", [1]), ("America/New_York", [0, 0])):
            run_sql(database_url, "UPDATE wallet_settings SET time_zone = %s WHERE wallet_id = %s", zone, wallet)
            late = (clock.now() - evening) // timedelta(minutes=1)
            await post(door, use(wallet, clock, late=late))
            await roll_up(database, wallet)
            stored = rolled_up(database_url, wallet)["days"]
            (found,) = [row for row in stored if row[0] == "all"]
            assert (found[1] - evening.date(), found[5]) == (timedelta(days=days[0]), len(days) * CREDIT)
            assert recounted(database_url, wallet)["days"] == stored


@pytest.mark.anyio
async def test_a_roll_goes_on_until_all_is_added(database_url: str, monkeypatch: Any) -> None:
    """Chunk by chunk; one that may not add that much says so, and the next goes on where it ended."""
    monkeypatch.setattr(roller, "CHUNK", 7)
    wallet, clock = new_wallets(database_url)[0], Clock(database_url)
    async with opened(database_url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=100 * CREDIT, source="promotional"))
        for _ in range(29):
            await post(door, use(wallet, clock))
        assert not await roll_up(database, wallet, most=14)
        assert 14 == rolled_up(database_url, wallet)["totals"][0][0]
        assert await roll_up(database, wallet)
    assert recounted(database_url, wallet) == rolled_up(database_url, wallet)


@pytest.mark.anyio
async def test_two_rollers_and_a_writer_at_once_add_everything_once(database_url: str, monkeypatch: Any) -> None:
    """In chunks of seven, while 300 uses are posted, a third of them refunded, and the wallet is rebuilt twice."""
    monkeypatch.setattr(roller, "CHUNK", 7)
    wallet, clock = new_wallets(database_url)[0], Clock(database_url)
    done = asyncio.Event()

    async def write(door: Door) -> None:
        for turn in range(30):
            numbers = await asyncio.gather(
                *(post(door, use(wallet, clock, session=f"{turn % 9}", late=turn)) for _ in range(10))
            )
            await post(door, Reverse(wallet_id=wallet, number=numbers[0] or 0, refund=True))
        done.set()

    async def roll(database: Database) -> None:
        while not done.is_set():
            await roll_up(database, wallet, most=21)
            await asyncio.sleep(0)

    async with opened(database_url) as (database, door), opened(database_url) as (other, _):
        await post(door, Inflow(wallet_id=wallet, amount=1_000 * CREDIT, source="promotional"))

        async def again() -> None:
            for _ in range(2):
                assert not await rebuild(other, wallet)

        await asyncio.gather(write(door), roll(database), roll(other), roll(other), again())
        await roll_up(database, wallet)
    assert recounted(database_url, wallet) == rolled_up(database_url, wallet)
    assert rolled_up(database_url, wallet)["totals"][0][1:3] == (300 * CREDIT, 30 * CREDIT)


@pytest.mark.anyio
async def test_wallets_that_moved_are_found_and_others_left_alone(database_url: str, monkeypatch: Any) -> None:
    """Many in one go; again and there is nothing; a sealed one is found by the look at all wallets."""
    monkeypatch.setattr(roller, "TOGETHER", 3)
    monkeypatch.setattr(roller, "OF_EACH", 2)
    wallets, clock = new_wallets(database_url, 8), Clock(database_url)
    async with opened(database_url) as (database, door):
        await roll_moved(database)
        await roll_moved(database, among=roller.ALL)
        for wallet in wallets:
            await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
            for _ in range(wallets.index(wallet) % 4):
                await post(door, use(wallet, clock))
        assert await roll_moved(database) == (8, 0)
        assert await roll_moved(database) == (0, 0)
        await post(door, use(wallets[0], clock))
        run_sql(database_url, "DELETE FROM unsealed WHERE wallet_id = %s", wallets[0])
        assert await roll_moved(database) == (0, 0)
        assert await roll_moved(database, among=roller.ALL) == (1, 0)
    for wallet in wallets:
        assert recounted(database_url, wallet) == rolled_up(database_url, wallet)


@pytest.mark.anyio
async def test_a_wallet_that_cannot_be_rolled_up_keeps_no_other_from_it(database_url: str) -> None:
    first, last = new_wallets(database_url, 2)
    clock = Clock(database_url)
    async with opened(database_url) as (database, door):
        for wallet in (first, last):
            await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
            await post(door, use(wallet, clock))
        run_sql(database_url, "UPDATE notes SET body = 'no JSON' WHERE wallet_id = %s", first)
        rolled, _ = await roll_moved(database)
        assert rolled == 1
        run_sql(database_url, "DELETE FROM notes WHERE wallet_id = %s", first)
        assert await roll_moved(database) == (1, 0)
    for wallet in (first, last):
        assert recounted(database_url, wallet) == rolled_up(database_url, wallet)


@pytest.mark.anyio
async def test_rebuilding_mends_what_was_changed_by_hand_and_says_so(database_url: str) -> None:
    wallet, clock = new_wallets(database_url)[0], Clock(database_url)
    async with opened(database_url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
        await post(door, use(wallet, clock))
        await roll_up(database, wallet)
        run_sql(database_url, "UPDATE rollups SET operations = 2 WHERE wallet_id = %s", wallet)
        assert await rebuild(database, wallet)
        assert not await rebuild(database, wallet)
        with pytest.raises(NotFound):
            await rebuild(database, 1)
    assert recounted(database_url, wallet) == rolled_up(database_url, wallet)


@pytest.mark.anyio
@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Pacific/Chatham"])
async def test_days_are_made_anew_for_another_time_zone(database_url: str, monkeypatch: Any, zone: str) -> None:
    """On the days on which clocks change, by an hour or by half of one; and from some slots at a time."""
    monkeypatch.setattr(days, "TOGETHER", 29)
    (wallet,) = new_wallets(database_url)
    nights = [datetime(2025, month, day, tzinfo=UTC) for month, day in ((3, 9), (4, 5), (9, 27), (10, 4), (11, 2))]
    uses = [
        Use(wallet_id=wallet, amount=CREDIT, service="chat", facts={"occurred_at": shown(at), "session": f"{at.month}"})
        for at in (night + timedelta(minutes=30 * half) for night in nights for half in range(48))
    ]
    async with opened(database_url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=1_000 * CREDIT, source="promotional"))
        await door.submit([attempt(command) for command in uses])
        await roll_up(database, wallet)
        in_utc = rolled_up(database_url, wallet)
        for name in (zone, "UTC"):
            run_sql(database_url, "UPDATE wallet_settings SET time_zone = %s WHERE wallet_id = %s", name, wallet)
            await roll_up(database, wallet)
            found = rolled_up(database_url, wallet)
            assert recounted(database_url, wallet) == found
            assert (found["days"] == in_utc["days"]) == (name == "UTC")
            assert not await rebuild(database, wallet)
