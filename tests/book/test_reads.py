"""What is read together belongs together."""

from datetime import timedelta

import pytest

from ledger.book.commands import Inflow, PlaceHold, SetStatus, Use
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.book.rules.state import Book
from ledger.book.view import BalanceView
from tests.book.conftest import Clock
from tests.support.book import CREDIT, attempt, check, codes, new_wallets

pytestmark = pytest.mark.anyio


async def test_a_balance_and_its_number_are_of_one_moment_though_something_was_due(
    door: Door, reader: Reader, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first query finds a hold that is over; before the second looks closer, others post."""
    [wallet] = new_wallets(database_url)
    await door.submit(
        [
            attempt(Inflow(wallet_id=wallet, amount=10 * CREDIT, source="promotional")),
            attempt(PlaceHold(wallet_id=wallet, amount=CREDIT, service="gpu", expires_in_s=60)),
        ]
    )
    clock.advance(timedelta(seconds=61))
    look_closer = reader._book_with_due

    async def after_others(wallet_id: int) -> tuple[Book, object]:
        posted = await door.submit(
            [
                attempt(Use(wallet_id=wallet, amount=CREDIT, service="chat")),
                attempt(SetStatus(wallet_id=wallet, status="frozen")),
            ]
        )
        assert ["posted", "changed"] == codes(posted)
        return await look_closer(wallet_id)

    monkeypatch.setattr(reader, "_book_with_due", after_others)
    seen: BalanceView = await reader.balance(wallet)

    # 1 grant, 2 hold, 3 its release, 4 use
    assert (4, 9 * CREDIT, "frozen") == (seen.number, seen.balances.balance, seen.status)
    check(database_url, [wallet])
