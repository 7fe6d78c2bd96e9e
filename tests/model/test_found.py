"""What the machine found once, by hand and in short: each was wrong in the kernel when it was written."""

import asyncio
from datetime import timedelta

from ledger.book.commands import BookDue, Capture, Command, Inflow, PlaceHold, Reverse
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


def test_a_capture_of_what_had_expired_can_be_refunded() -> None:
    """A hold kept a lot's credits beyond the lot's end; they were captured, and the job failed."""
    driver = PureDriver()
    (wallet_id,) = driver.new_wallets(1)

    def submit(command: Command) -> Answer:
        return asyncio.run(driver.submit([attempt(command)]))[0]

    submit(Inflow(wallet_id=wallet_id, amount=7, source="earned", expires_at=driver.now() + timedelta(hours=1)))
    submit(PlaceHold(wallet_id=wallet_id, amount=7, service="chat", expires_in_s=36_000))
    driver.advance(5)
    submit(Capture(wallet_id=wallet_id, hold=2))
    assert submit(Reverse(wallet_id=wallet_id, number=3, refund=True))["number"] == 4
    state = driver.state([wallet_id])[wallet_id]
    assert [0] == [lot["remaining"] for lot in state["lots"].values()], "it expires again at once"
