"""Each of the ways in which a refund is kept from being paid twice, by itself."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.payments.desk import Desk
from ledger.payments.refunds import store
from ledger.payments.refunds.converge import converge_refund, public_id
from ledger.payments.refunds.send import send, work
from ledger.payments.refunds.store import Refund
from ledger.payments.rows import Payment, payment_public
from tests.book.conftest import Clock
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import Api
from tests.support.sandbox import SandboxAt

pytestmark = pytest.mark.anyio

DAYS = 2
"""Stripe has forgotten a key by then."""


@pytest.fixture
async def api(database_url: str, sandbox: SandboxAt) -> AsyncIterator[Api]:
    async with selling(database_url, sandbox) as found:
        yield found


async def ask(api: Api, payment: Payment, amount: str) -> dict[str, Any]:
    made = await api.post(f"/v1/payments/{payment_public(payment)}/refunds", {"amount": amount, "reason": "x"})
    assert 201 == made.status_code, made.text
    return dict(made.json())


async def pending(api: Api, shop: Shop, payment: Payment, *kinds: str) -> Refund:
    """A refund of $20 that no answer of Stripe's came to: at each of three tries something went wrong."""
    for kind in kinds:
        shop.sandbox.tell("/faults", kind=kind, times=1, method="POST", path="/v1/refunds")
    assert "pending" == (await ask(api, payment, "20"))["state"]
    shop.sandbox.forget_faults()
    async with shop.desk.database.transaction() as connection:
        [found] = await store.of_payment(connection, payment.wallet_id, payment.payment)
    return found


def at_stripe(shop: Shop, payment: Payment) -> list[int]:
    return [one.amount for one in shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data]


async def test_those_who_ask_stripe_at_once_ask_under_one_key(api: Api, shop: Shop) -> None:
    """Two that claimed the same refund, since the first was slower than its lease."""
    payment = await shop.buy()
    refund = await pending(api, shop, payment, *["unavailable"] * 3)
    assert 1 == refund.tries
    await asyncio.gather(*(send(shop.desk, refund) for _ in range(3)))
    assert [2_000] == at_stripe(shop, payment)
    assert "succeeded" == shop.row("payment_refunds", payment=payment.payment)["state"]


async def test_what_stripe_made_two_days_ago_is_found_when_its_key_is_forgotten(
    api: Api, shop: Shop, clock: Clock
) -> None:
    payment = await shop.buy()
    await pending(api, shop, payment, "cut_after", "unavailable", "unavailable")
    assert [2_000] == at_stripe(shop, payment)
    shop.sandbox.pass_time(DAYS * 86_400)
    clock.advance(timedelta(days=DAYS))
    await work(shop.desk)
    assert [2_000] == at_stripe(shop, payment)
    assert ["payment_refund", "refund_paid"] == shop.kinds(payment)[-2:]


async def test_a_key_that_was_used_for_something_else_is_no_word_about_the_refund(
    api: Api, shop: Shop, clock: Clock
) -> None:
    """Whether it was paid is not known: its credits stay where they are until it is."""
    payment = await shop.buy()
    shop.stripe.v1.customers.create({}, {"idempotency_key": f"refund:{payment.wallet_id}:3"})
    told = await ask(api, payment, "20")
    assert ("pending", 3) == (told["state"], shop.row("payment_refunds", payment=payment.payment)["number"])
    assert (300, 0, 0) == shop.credits(payment)


async def dashboard(shop: Shop, payment: Payment, named: str) -> None:
    """A refund of $10 that is made at Stripe, and says to be another."""
    wanted: Any = {"charge": str(payment.charge), "amount": 1_000, "metadata": {"refund_id": named}}
    await converge_refund(shop.desk, shop.stripe.v1.refunds.create(wanted).id)


async def test_a_refund_that_says_to_be_one_that_is_paid_is_one_more(api: Api, shop: Shop) -> None:
    payment = await shop.buy()
    ours = await ask(api, payment, "20")
    await dashboard(shop, payment, ours["id"])
    assert 3_000 == (await shop.again(payment)).refunded
    assert (200, 0, 0) == shop.credits(payment)


async def test_a_refund_that_says_to_be_somebody_elses_is_not(api: Api, shop: Shop, clock: Clock) -> None:
    """Theirs is waiting to be paid, and goes on waiting."""
    payment, elsewhere = await shop.buy(), await shop.buy()
    theirs = await pending(api, shop, elsewhere, *["unavailable"] * 3)
    await dashboard(shop, payment, public_id(theirs))
    assert 1_000 == (await shop.again(payment)).refunded
    assert (400, 0, 0) == shop.credits(payment)
    clock.advance(timedelta(hours=1))
    await work(shop.desk)
    assert [2_000] == at_stripe(shop, elsewhere)


async def test_a_refund_is_counted_once_by_whoever_undoes_it(api: Api, shop: Shop) -> None:
    """The row goes back with the posting; a second time neither does."""
    payment = await shop.buy()
    first, _ = await ask(api, payment, "10"), await ask(api, payment, "20")
    [row] = [each for each in shop.rows("payment_refunds", payment=payment.payment) if each["amount"] == 1_000]
    assert first["state"] == "succeeded"
    refund = Refund(**row)
    assert 1 == await _undone(shop.desk, refund)
    assert 0 == await _undone(shop.desk, refund)
    assert 2_000 == (await shop.again(payment)).refunded
    async with shop.desk.database.transaction() as connection:  # as it was, for the books to tie
        await connection.exec_driver_sql(
            "UPDATE payment_refunds SET state = 'succeeded' WHERE wallet_id = %(wallet)s AND number = %(number)s",
            refund.place,
        )


async def _undone(desk: Desk, refund: Refund) -> int:
    rider = store.undo(refund, "it could not be paid")
    async with desk.database.transaction() as connection:
        return int((await connection.exec_driver_sql(rider.sql, dict(rider.params))).rowcount)
