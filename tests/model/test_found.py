"""What the machine found once, by hand and in short: each was wrong in the kernel when it was written."""

import asyncio
from datetime import timedelta

from ledger.book.commands import BookDue, Command, Inflow, PlaceHold
from tests.model.driver import Answer
from tests.model.pure import PureDriver
from tests.support.book import attempt


def test_what_a_hold_freed_before_it_expired_expires_with_the_rest() -> None:
    """A lot was pinned as a whole by a hold that ended before the lot did; both are booked at once."""
    driver = PureDriver()
    (wallet_id,) = driver.new_wallets(1)
    expires_at = driver.now() + timedelta(hours=5)

    def submit(command: Command) -> Answer:
        return asyncio.run(driver.submit([attempt(command)]))[0]

    for source in ("earned", "promotional"):
        submit(Inflow(wallet_id=wallet_id, amount=7, source=source, expires_at=expires_at))
    submit(PlaceHold(wallet_id=wallet_id, amount=13, service="chat", expires_in_s=1800))
    driver.advance(26)
    assert submit(BookDue(wallet_id=wallet_id))["balances"] == (0, 0, 0, 0, 0)
