"""A balance at any past instant, by both times; what is due counts whether or not it was booked."""

from datetime import timedelta

import pytest

from ledger.book.commands import BookDue, Inflow, PlaceHold, Posted, Use
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.errors import InvalidRequest, NotFound
from tests.book.conftest import Clock
from tests.support.book import attempt, check, new_wallets

pytestmark = pytest.mark.anyio

SECONDS = (-10, 0, 5, 50, 99, 100, 150, 199, 200, 250)


async def test_booking_what_is_due_changes_no_past_balance(
    door: Door, reader: Reader, database_url: str, clock: Clock
) -> None:
    """A lot that dies at 100 s, half of it held until 200 s: the same balances before and after it is booked."""
    [wallet] = new_wallets(database_url)
    start = clock.now()
    posted = await door.submit(
        [
            attempt(
                Inflow(wallet_id=wallet, amount=100, source="promotional", expires_at=start + timedelta(seconds=100))
            ),
            attempt(Inflow(wallet_id=wallet, amount=50, source="earned", of_kind="earn")),
        ]
    )
    assert isinstance(posted[0], Posted)
    clock.advance(timedelta(seconds=1))
    [held] = await door.submit([attempt(PlaceHold(wallet_id=wallet, amount=30, service="gpu", expires_in_s=199))])
    assert isinstance(held, Posted)
    begun = posted[0].transaction.recorded_at
    clock.advance(timedelta(seconds=300))

    async def seen() -> list[tuple[int, int]]:
        found = [await reader.balance_as_of(wallet, begun + timedelta(seconds=at)) for at in SECONDS]
        return [(balances.wallet, balances.held) for balances in found]

    unbooked = await seen()
    assert [
        (0, 0),
        (150, 0),
        (120, 30),
        (120, 30),
        (120, 30),
    ] == unbooked[:5]
    assert [(50, 30), (50, 30), (50, 30)] == unbooked[5:8] or [(120, 30), (50, 30), (50, 30)] == unbooked[5:8]
    assert (50, 0) == unbooked[9]
    await door.submit([attempt(BookDue(wallet_id=wallet))])
    assert unbooked == await seen()
    assert (50, 0) == ((await reader.balance(wallet)).balances.wallet, (await reader.balance(wallet)).balances.held)
    check(database_url, [wallet])


async def test_effective_time_moves_what_was_dated_back(
    door: Door, reader: Reader, database_url: str, clock: Clock
) -> None:
    [wallet] = new_wallets(database_url)
    await door.submit([attempt(Inflow(wallet_id=wallet, amount=100, source="promotional"))])
    clock.advance(timedelta(days=2))
    now = clock.now()
    used = Use(wallet_id=wallet, amount=30, service="chat", effective_at=now - timedelta(days=1))
    await door.submit([attempt(used)])

    async def at(days: float, basis: str) -> int:
        return (await reader.balance_as_of(wallet, now + timedelta(days=days), basis)).balance

    assert [100, 100, 100] == [await at(days, "recorded") for days in (-1.5, -1, -0.5)]
    assert [100, 70, 70] == [await at(days, "effective") for days in (-1.5, -1, -0.5)]
    now = clock.now()
    assert [70, 70] == [await at(0, "recorded"), await at(0, "effective")]
    with pytest.raises(InvalidRequest):
        await at(1, "recorded")
    check(database_url, [wallet])


async def test_every_prefix_of_a_book_can_be_read_by_its_time(
    door: Door, reader: Reader, database_url: str, clock: Clock
) -> None:
    """The halving search finds each of many states, not just the ends."""
    [wallet] = new_wallets(database_url)
    seen = []
    await door.submit([attempt(Inflow(wallet_id=wallet, amount=1000, source="promotional"))])
    for _ in range(37):
        [outcome] = await door.submit([attempt(Use(wallet_id=wallet, amount=3, service="chat"))])
        assert isinstance(outcome, Posted)
        seen.append((outcome.transaction.recorded_at, outcome.transaction.after.wallet))

    for recorded_at, wallet_after in seen:
        assert wallet_after == (await reader.balance_as_of(wallet, recorded_at)).wallet
        before = await reader.balance_as_of(wallet, recorded_at - timedelta(microseconds=1))
        assert wallet_after + 3 == before.wallet


async def test_a_wallet_that_is_not_there_has_no_balance(reader: Reader, clock: Clock) -> None:
    with pytest.raises(NotFound):
        await reader.balance(7)
    with pytest.raises(NotFound):
        await reader.balance_as_of(7, clock.now())
