"""Settlement currencies of no and of three decimals; and money in another currency is told of, not booked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from ledger.payments.money.charges import book_charge
from ledger.payments.money.payouts import converge_payout
from ledger.payments.rows import payment_public
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.desk import desk_at
from tests.support.sandbox import sandbox_served

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def settling(database_url: str, currency: str, at_stripe: str | None = None) -> AsyncIterator[Shop]:
    """A desk that settles in a currency, as Stripe does, too, or does not."""
    with sandbox_served() as sandbox:
        sandbox.tell(
            "/config", fee_known_after_s=0, refund_after_s=0, settlement_currency=at_stripe or currency.lower()
        )
        async with desk_at(database_url, sandbox) as usual:
            desk = usual._replace(settings=replace(usual.settings, settlement_currency=currency))
            yield Shop(database_url, desk, sandbox)


@pytest.mark.parametrize(
    ("currency", "cents", "fee", "asked", "refunded"),
    [("JPY", 7_500, 263, "3000", 3_000), ("KWD", 15_350, 537, "6.140", 6_140)],
)
async def test_a_currency_without_or_with_three_decimals(
    database_url: str, currency: str, cents: int, fee: int, asked: str, refunded: int
) -> None:
    """Bought, a part of it refunded, disputed, paid out: in the smallest unit of the currency."""
    async with settling(database_url, currency) as shop:
        before = shop.money()
        payment = await shop.buy(cents=cents, card="pm_card_bypassPending")
        assert fee == payment.fee
        async with selling(database_url, shop.sandbox, settlement_currency=currency) as api:
            path = f"/v1/payments/{payment_public(payment)}/refunds"
            wrong = await api.post(path, {"amount": asked + ("1" if "." in asked else ".1"), "reason": "x"})
            assert "INVALID_AMOUNT" == wrong.json()["code"]
            told = (await api.post(path, {"amount": asked, "reason": "x"})).json()
        assert ("succeeded", asked, currency, "200") == (
            told["state"],
            told["amount"],
            told["currency"],
            told["credits"],
        )
        payout = shop.sandbox.tell("/payout")["payout"]["id"]
        shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
        await converge_payout(shop.desk, payout)
        assert cents - fee - refunded == shop.money()["bank"] - before.get("bank", 0)
        assert (True, 0) == (
            shop.row("stripe_payouts", payout=payout)["tied"],
            shop.row("stripe_payouts", payout=payout)["difference"],
        )
        assert {"stripe_fees": fee, "deferred_revenue": refunded - cents} == {
            account: amount for account, amount in shop.money(payment).items() if account != "stripe_clearing"
        }


async def test_money_in_another_currency_is_kept_with_the_reason(database_url: str) -> None:
    """Stripe settles in euros, and the books are in dollars: nothing of it is booked."""
    async with settling(database_url, "USD", at_stripe="eur") as shop:
        payment = await shop.buy(fee=False)
        await shop.settled(str(payment.charge))
        await book_charge(shop.desk, str(payment.charge))
        assert ["purchase"] == shop.kinds(payment)
        movement = shop.row("stripe_movements", source=payment.charge)
        assert ("EUR", None) == (movement["currency"], movement["number"])
        problem = shop.row("stripe_problems", object=movement["movement"])
        assert "it is in EUR, and the books are kept in USD" == problem["problem"]
