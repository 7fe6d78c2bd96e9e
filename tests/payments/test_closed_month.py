"""What becomes of a month's payments after its accounts are closed is booked in the month that is open."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from ledger.payments.disputes.converge import converge_dispute
from ledger.payments.money.payouts import converge_payout
from ledger.payments.refunds.converge import converge_refund
from tests.book.conftest import Clock
from tests.payments.buying import Shop
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio

AT_ONCE = "pm_card_bypassPending"


@pytest.fixture
def closing(shop: Shop) -> Iterator[None]:
    shop.sandbox.tell("/config", payout_daily=False)
    yield
    run_sql(shop.url, "DELETE FROM periods")


def sums(shop: Shop, before: datetime) -> Counter[str]:
    """What stands in each account by what counts before an instant."""
    found: Counter[str] = Counter()
    lines = run_sql(
        shop.url,
        "SELECT debit, credit, asset, amount FROM postings JOIN transactions USING (wallet_id, number)"
        " WHERE effective_at < %s",
        before,
    )
    for debit, credit, asset, amount in lines:
        found[f"{debit} {asset}"] += amount
        found[f"{credit} {asset}"] -= amount
    return found


@pytest.mark.usefixtures("closing")
async def test_late_refunds_and_disputes_change_no_closed_month(shop: Shop, clock: Clock) -> None:
    """Bought, refunded, disputed and paid out in one month; in the next the refund fails, one dispute is won and
    another lost, and the rest is given back."""
    kept, failing = await shop.buy(card=AT_ONCE), await shop.buy(card="pm_card_refundFail")
    won, lost = await shop.buy(card=AT_ONCE), await shop.buy(card=AT_ONCE)
    shop.sandbox.tell("/config", refund_after_s=60)
    refunds = [
        shop.stripe.v1.refunds.create({"charge": str(payment.charge), "amount": 1_000}).id
        for payment in (kept, failing)
    ]
    for refund in refunds:
        await converge_refund(shop.desk, refund)
    disputes = [str(shop.sandbox.tell(f"/dispute/{payment.charge}")["id"]) for payment in (won, lost)]
    for dispute in disputes:
        await converge_dispute(shop.desk, dispute)
    payout = shop.sandbox.tell("/payout", outcome="paid")["payout"]["id"]
    await converge_payout(shop.desk, payout)

    ended_at = clock.now()
    run_sql(shop.url, "INSERT INTO periods VALUES ('2026-01', %s, 'closed')", ended_at)
    clock.advance(timedelta(days=1))
    month, last = sums(shop, ended_at), run_sql(shop.url, "SELECT wallet_id, number FROM transactions")

    shop.sandbox.pass_time(61)
    shop.sandbox.tell("/config", refund_after_s=0)
    await converge_refund(shop.desk, refunds[1])
    for dispute, outcome in zip(disputes, ("won", "lost"), strict=True):
        shop.sandbox.tell(f"/dispute/{dispute}", outcome=outcome)
        await converge_dispute(shop.desk, dispute)
    rest = shop.stripe.v1.refunds.create({"charge": str(kept.charge)}).id
    await converge_refund(shop.desk, rest)
    assert ["refund_returned", "refund_failed"] == shop.kinds(failing)[-2:]
    assert ["dispute_won", "dispute_lost"] == [shop.kinds(payment)[-1] for payment in (won, lost)]
    assert ["payment_refund", "refund_paid"] == shop.kinds(kept)[-2:]
    assert month == sums(shop, ended_at)
    late = run_sql(shop.url, "SELECT wallet_id, number, effective_at FROM transactions")
    assert 6 == len([row for row in late if tuple(row[:2]) not in map(tuple, last) and row[2] >= ended_at])
