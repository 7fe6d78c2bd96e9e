"""All that happens to two payments is heard of by Stripe's events, and by nothing else: the books say the same."""

import pytest

from ledger.payments.inbox.poll import poll
from ledger.payments.inbox.work import work
from ledger.payments.reconcile.report import text_of
from ledger.payments.reconcile.service import reconcile
from tests.payments.buying import Shop

pytestmark = pytest.mark.anyio


async def hear(shop: Shop) -> None:
    """Take in what Stripe lists as events, and do what they ask for."""
    await poll(shop.desk, work_s=20)
    while await work(shop.desk, lease_s=60, work_s=20):
        pass


async def test_what_stripe_keeps_is_booked_by_the_event_that_tells_of_it(shop: Shop) -> None:
    payment = await shop.buy(fee=False)
    await shop.settled(str(payment.charge))
    await hear(shop)
    assert ["purchase", "fee"] == shop.kinds(payment)


async def test_events_alone_book_everything(shop: Shop) -> None:
    """Fees, a refund of the dashboard, one that fails, a dispute that is lost, and a payout."""
    shop.sandbox.tell("/config", payout_daily=False)
    kept, lost = await shop.buy(fee=False), await shop.buy(card="pm_card_refundFail", fee=False)
    for payment in (kept, lost):
        await shop.settled(str(payment.charge))
    shop.stripe.v1.refunds.create({"charge": str(kept.charge), "amount": 1_500})
    shop.stripe.v1.refunds.create({"charge": str(lost.charge), "amount": 500})
    shop.sandbox.pass_time(5)
    await hear(shop)
    assert (350, 0, 0) == shop.credits(kept)
    assert (500, 0, 0) == shop.credits(lost)
    await shop.use(lost, 100)
    dispute = shop.sandbox.tell(f"/dispute/{lost.charge}")["id"]
    await hear(shop)
    assert (0, 500, 100) == shop.credits(lost)
    shop.sandbox.tell(f"/dispute/{dispute}", outcome="lost")
    payout = shop.sandbox.tell("/payout", outcome="paid")["payout"]
    if payout is None:
        pytest.fail("there is money to pay out")
    await hear(shop)
    assert (0, 0, 100) == shop.credits(lost)
    assert shop.row("stripe_payouts", payout=payout["id"])["tied"]
    assert [] == shop.rows("stripe_events", state="failed")
    shop.check()
    report = await reconcile(shop.desk, shop.desk.database)
    assert (True, 0) == (report.ok, report.checked.mended), text_of(report)
