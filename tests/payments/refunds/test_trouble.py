"""Stripe fails, is slow, or its answer is lost; the process dies in between: the refund lands once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.payments.refunds.converge import converge_refund
from ledger.payments.refunds.send import work
from ledger.payments.rows import Payment, payment_public
from tests.book.conftest import Clock
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import fresh, make_key
from tests.support.sandbox import KEY

pytestmark = pytest.mark.anyio

FAULTS = {
    "one 429": [("rate_limit", 1)],
    "429 all the time": [("rate_limit", 9)],
    "an object that is locked": [("lock", 4)],
    "500, and nothing was done": [("error_before", 1)],
    "500, although it was done": [("error_after", 1)],
    "503 for a while": [("unavailable", 7)],
    "no answer, and nothing was done": [("cut_before", 3)],
    "no answer, although it was done": [("cut_after", 1), ("unavailable", 2)],
    "no answer again and again": [("cut_after", 1), ("cut_before", 5)],
    "slowly": [("slow", 1)],
    "a request that is still in progress": [("conflict", 3)],
    "500, and then no answer": [("error_before", 1), ("cut_before", 3), ("cut_after", 1)],
}


async def landed(shop: Shop, clock: Clock, payment: Payment, cents: int) -> None:
    """Once, after the worker has looked as often as it takes."""
    for _ in range(12):
        if "pending" not in [row["state"] for row in shop.rows("payment_refunds", payment=payment.payment)]:
            break
        clock.advance(timedelta(hours=1, minutes=1))
        await work(shop.desk)
    assert [cents] == [one.amount for one in shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data]
    [row] = shop.rows("payment_refunds", payment=payment.payment)
    assert ("succeeded", cents) == (row["state"], row["amount"]), row["problem"]
    assert cents == (await shop.again(payment)).refunded
    assert ["payment_refund", "refund_paid"] == [kind for kind in shop.kinds(payment) if "refund" in kind]


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_whatever_stripe_does_the_refund_lands_once(
    shop: Shop, clock: Clock, faults: list[tuple[str, int]]
) -> None:
    payment = await shop.buy()
    for kind, times in faults:
        shop.sandbox.tell("/faults", kind=kind, times=times, method="POST", path="/v1/refunds", delay_s=1.5)
    async with selling(shop.url, shop.sandbox) as api:
        key, path = fresh("refund"), f"/v1/payments/{payment_public(payment)}/refunds"
        first = await api.post(path, {"amount": "20", "reason": "x"}, key=key)
        assert 201 == first.status_code
        await landed(shop, clock, payment, 2_000)
        again = await api.post(path, {"amount": "20", "reason": "x"}, key=key)
        assert first.content == again.content


async def test_what_stripe_refuses_is_undone(shop: Shop) -> None:
    """All of the charge was given back there already, and nobody had told us."""
    payment = await shop.buy()
    shop.stripe.v1.refunds.create({"charge": str(payment.charge)})
    async with selling(shop.url, shop.sandbox) as api:
        made = await api.post(f"/v1/payments/{payment_public(payment)}/refunds", {"amount": "20", "reason": "x"})
    assert (201, "failed") == (made.status_code, made.json()["state"])
    assert (500, 0, 0) == shop.credits(payment)
    assert 0 == (await shop.again(payment)).refunded
    assert "refunded" in shop.row("payment_refunds", payment=payment.payment)["problem"]
    [refund] = shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data
    await converge_refund(shop.desk, refund.id)


@pytest.fixture
def in_a_process(shop: Shop) -> Iterator[Callable[..., int]]:
    """Ask for a refund in a process of its own, which a failpoint ends; gives how it ended."""

    def run(payment: Payment, failpoint: str) -> int:
        environ = {
            "LEDGER_DATABASE_URL": shop.url,
            "LEDGER_STRIPE_API_KEY": KEY,
            "LEDGER_STRIPE_API_BASE": shop.sandbox.base,
            "LEDGER_ENVIRONMENT": "test",
            "LEDGER_FAILPOINTS": f"{failpoint}:kill",
            "REFUND_PATH": f"/v1/payments/{payment_public(payment)}/refunds",
            "REFUND_KEY": make_key(shop.url, "write")[1],
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.payments.refunds.once"], env=os.environ | environ, timeout=60, check=False
        )
        return done.returncode

    yield run


@pytest.mark.parametrize(
    "failpoint", ["refunds.before_call", "refunds.after_call", "unit.before_commit", "unit.after_commit"]
)
async def test_a_process_that_dies_in_between_leaves_a_refund_that_lands_once(
    shop: Shop, clock: Clock, in_a_process: Callable[..., Any], failpoint: str
) -> None:
    """What was not committed was never asked for; everything else is finished by the worker."""
    payment = await shop.buy()
    assert -9 == in_a_process(payment, failpoint)
    if failpoint == "unit.before_commit":
        assert [] == shop.rows("payment_refunds", payment=payment.payment)
        assert [] == list(shop.stripe.v1.refunds.list({"charge": str(payment.charge)}).data)
        return
    assert 0 == await work(shop.desk)
    await landed(shop, clock, payment, 2_000)
