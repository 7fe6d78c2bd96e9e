"""More lots than are loaded: which of them the first look takes, and which the second."""

from datetime import timedelta

import pytest

from ledger.book.commands import Inflow, Posted, Use
from ledger.book.door import Door
from ledger.book.load import PAGE
from ledger.book.rules.lines import LINES_MAX
from tests.book.conftest import Clock
from tests.support.book import attempt, check, code, new_wallets

pytestmark = pytest.mark.anyio

LOTS = LINES_MAX + 100


async def many_lots(door: Door, url: str, clock: Clock, count: int) -> int:
    """A wallet with so many lots of 1, of which the newest burns first."""
    [wallet] = new_wallets(url)
    end = clock.now() + timedelta(days=30)
    grants = [
        Inflow(wallet_id=wallet, amount=1, source="promotional", expires_at=end - timedelta(seconds=made))
        for made in range(count)
    ]
    await door.submit([attempt(grant) for grant in grants])
    return wallet


async def test_the_first_look_takes_the_lots_that_burn_first(door: Door, database_url: str, clock: Clock) -> None:
    """It covers what is used, so there is no second one."""
    wallet = await many_lots(door, database_url, clock, 3 * PAGE)
    [used] = await door.submit([attempt(Use(wallet_id=wallet, amount=PAGE // 2, service="chat"))])
    assert isinstance(used, Posted), used
    assert [line.lot for line in used.transaction.postings] == list(range(3 * PAGE, 3 * PAGE - PAGE // 2, -1))
    check(database_url, [wallet])


async def test_the_second_look_takes_the_lots_that_burn_first(door: Door, database_url: str, clock: Clock) -> None:
    """They are too many for it, too."""
    wallet = await many_lots(door, database_url, clock, LOTS)
    [used] = await door.submit([attempt(Use(wallet_id=wallet, amount=LOTS // 2, service="chat"))])
    assert isinstance(used, Posted), used
    assert [line.lot for line in used.transaction.postings] == list(range(LOTS, LOTS // 2, -1))
    check(database_url, [wallet])


async def test_a_use_takes_as_many_lots_as_a_transaction_has_lines(door: Door, database_url: str, clock: Clock) -> None:
    """A thousand lots in one transaction, to the last; one more is refused, and takes nothing."""
    wallet = await many_lots(door, database_url, clock, LINES_MAX)
    other = await many_lots(door, database_url, clock, LINES_MAX + 1)
    used, refused = await door.submit(
        [
            attempt(Use(wallet_id=wallet, amount=LINES_MAX, service="chat")),
            attempt(Use(wallet_id=other, amount=LINES_MAX + 1, service="chat")),
        ]
    )
    assert isinstance(used, Posted), used
    assert len(used.transaction.postings) == LINES_MAX
    assert code(refused) == "TOO_MANY_POSTINGS"
    check(database_url, [wallet, other])


async def test_an_inflow_joins_one_of_many_lots_alike(door: Door, database_url: str) -> None:
    """The oldest; however many were kept apart, only a few of them are looked at."""
    [wallet] = new_wallets(database_url)
    apart = Inflow(wallet_id=wallet, amount=1, source="promotional", join=False)
    await door.submit([attempt(apart) for _ in range(3 * PAGE)])
    [joined] = await door.submit([attempt(Inflow(wallet_id=wallet, amount=5, source="promotional"))])
    assert isinstance(joined, Posted), joined
    assert joined.lot is not None
    assert joined.lot.lot == 1
    check(database_url, [wallet])
