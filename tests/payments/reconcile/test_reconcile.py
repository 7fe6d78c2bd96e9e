"""What Stripe has is held against what is here, object by object; what can be booked is, and the rest is told of."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.book.commands import Entry, MoneyLine
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.payments.money.posting import open_house
from ledger.payments.reconcile.advice import ADVICE, LATE, MISSING_HERE
from ledger.payments.reconcile.report import Difference, Reconciliation, text_of
from ledger.payments.reconcile.service import reconcile
from ledger.payments.refunds.send import work
from ledger.payments.rows import payment_public
from tests.book.conftest import Clock
from tests.payments.api import selling
from tests.payments.buying import Shop
from tests.support.api import run_sql
from tests.support.book import attempt
from tests.support.sandbox import KEY

pytestmark = pytest.mark.anyio

AT_ONCE = "pm_card_bypassPending"


@pytest.fixture
async def reading(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url, pool_size=1, role=SERVICE_ROLE, statement_timeout_ms=60_000)
    yield found
    await found.dispose()


async def found(shop: Shop, reading: Database, **more: Any) -> Reconciliation:
    return await reconcile(shop.desk, reading, **more)


def told(report: Reconciliation) -> set[tuple[str, str | None]]:
    return {(one.kind, one.object) for one in report.differences}


async def test_what_nobody_told_is_booked_and_then_everything_ties(shop: Shop, reading: Database) -> None:
    """A fee, a refund of the dashboard, a dispute that was won, and a payout."""
    shop.sandbox.tell("/config", payout_daily=False)
    first, second = await shop.buy(card=AT_ONCE, fee=False), await shop.buy(card=AT_ONCE, fee=False)
    for payment in (first, second):
        await shop.settled(str(payment.charge))
    shop.stripe.v1.refunds.create({"charge": str(first.charge), "amount": 700})
    dispute = shop.sandbox.tell(f"/dispute/{second.charge}")["id"]
    payout = shop.sandbox.tell("/payout")["payout"]["id"]
    report = await found(shop, reading)
    assert report.ok, text_of(report)
    assert ("24.50", "0.00") == (report.clearing.on_its_way, report.clearing.difference)
    shop.sandbox.tell(f"/dispute/{dispute}", outcome="won")
    shop.sandbox.tell(f"/payout/{payout}", outcome="paid")
    report = await found(shop, reading)
    assert report.ok, text_of(report)
    assert {"purchase", "fee", "payment_refund", "refund_paid"} == set(shop.kinds(first))
    assert {"purchase", "fee", "dispute", "dispute_won"} == set(shop.kinds(second))
    assert shop.row("stripe_payouts", payout=payout)["tied"]
    assert report.checked.mended > 0
    again = await found(shop, reading)
    assert (True, 0) == (again.ok, again.checked.mended)


async def test_a_payment_whose_fee_is_not_known_yet_is_on_its_way(shop: Shop, reading: Database) -> None:
    shop.sandbox.tell("/config", fee_known_after_s=600)
    payment = await shop.buy(fee=False)
    report = await found(shop, reading)
    assert report.ok, text_of(report)
    assert "50.00" == report.clearing.on_its_way
    shop.sandbox.pass_time(601)
    shop.sandbox.tell("/config", fee_known_after_s=0)
    await shop.settled(str(payment.charge))
    report = await found(shop, reading)
    assert (True, "0.00") == (report.ok, report.clearing.on_its_way)


async def test_a_charge_that_no_payment_has_is_told_until_it_has_one(shop: Shop, reading: Database) -> None:
    """Its money is at Stripe and not in the book: unbooked, and not unexplained. What can book it is asked to."""
    intent = shop.charge(3_000)
    charge = str(intent.latest_charge)
    await shop.settled(charge)
    report = await found(shop, reading)
    [movement] = shop.stripe.v1.balance_transactions.list({"source": charge}).data
    assert {("charge", charge), ("movement", movement.id)} == told(report)
    assert ("28.83", "0.00") == (report.clearing.unbooked, report.clearing.difference)
    [about] = [one for one in report.differences if one.kind == "charge"]
    assert (
        Difference(
            kind="charge",
            object=charge,
            problem=MISSING_HERE,
            reason="no payment that is booked has this charge",
            here=None,
            there="30.00 USD",
            amount="-30.00",
            currency="USD",
            advice=ADVICE[MISSING_HERE],
        )
        == about
    )
    asked = []

    async def settle(_: Any, name: str) -> None:
        asked.append(name)
        await shop.book(intent, 300, 3_000)

    report = await found(shop, reading, settle=settle)
    assert ([intent.id], True) == (asked, report.ok), text_of(report)


async def test_what_is_not_the_same_is_told(shop: Shop, reading: Database) -> None:
    """A charge that Stripe does not know, a movement with another amount, a refund in another state."""
    payment = await shop.buy()
    refund = shop.stripe.v1.refunds.create({"charge": str(payment.charge), "amount": 1_000})
    assert (await found(shop, reading)).ok
    [movement] = [row["movement"] for row in shop.rows("stripe_movements", source=refund.id)]
    changes = [
        ("UPDATE payments SET charge = {} WHERE charge = {}", "ch_nothing", payment.charge, ("charge", "ch_nothing")),
        ("UPDATE stripe_movements SET movement = {} WHERE movement = {}", "txn_0", movement, ("movement", "txn_0")),
        ("UPDATE payment_refunds SET refund = {} WHERE refund = {}", "re_nothing", refund.id, ("refund", "re_nothing")),
    ]
    for statement, wrong, right, expected in changes:
        run_sql(shop.url, statement.format("%s", "%s"), wrong, right)
        report = await found(shop, reading)
        assert expected in told(report), text_of(report)
        run_sql(shop.url, "DELETE FROM stripe_movements WHERE movement = %s AND number IS NULL", right)
        run_sql(shop.url, statement.format("%s", "%s"), right, wrong)
    run_sql(shop.url, "UPDATE stripe_movements SET amount = amount - 1, net = net - 1 WHERE movement = %s", movement)
    report = await found(shop, reading)
    assert {("movement", movement)} == told(report)
    [about] = report.differences
    assert ("-10.01 USD", "-10.00 USD", "-0.01", "USD") == (about.here, about.there, about.amount, about.currency)
    assert (about.ours or "").startswith("txn_")
    run_sql(shop.url, "UPDATE stripe_movements SET amount = amount + 1, net = net + 1 WHERE movement = %s", movement)
    report = await found(shop, reading)
    assert report.ok, text_of(report)


async def test_a_row_that_says_more_than_its_transaction_is_told(shop: Shop, reading: Database) -> None:
    """A movement that is named after another transaction; a refund that is a cent larger than at Stripe."""
    payment = await shop.buy()
    refund = shop.stripe.v1.refunds.create({"charge": str(payment.charge), "amount": 1_000})
    assert (await found(shop, reading)).ok
    row = shop.row("stripe_movements", source=refund.id)
    number = "UPDATE stripe_movements SET number = %s WHERE movement = %s"
    run_sql(shop.url, number, 2, row["movement"])
    report = await found(shop, reading)
    assert ["its transaction moved another amount"] == [one.problem for one in report.differences]
    run_sql(shop.url, number, row["number"], row["movement"])
    amount = "UPDATE payment_refunds SET amount = amount + %s WHERE refund = %s"
    run_sql(shop.url, amount, 1, refund.id)
    report = await found(shop, reading)
    assert {("charge", payment.charge), ("refund", refund.id)} == told(report)
    run_sql(shop.url, amount, -1, refund.id)


async def test_money_that_nothing_explains_is_told(shop: Shop, reading: Database) -> None:
    house = await open_house(shop.desk)
    wrong = MoneyLine("stripe_clearing", "bank", "USD", 123)
    await shop.post(attempt(Entry(wallet_id=house, of_kind="payout", money=(wrong,))))
    report = await found(shop, reading)
    assert {("clearing", None)} == told(report)
    assert "1.23" == report.clearing.difference
    right = MoneyLine("bank", "stripe_clearing", "USD", 123)
    await shop.post(attempt(Entry(wallet_id=house, of_kind="payout", money=(right,))))
    assert (await found(shop, reading)).ok


async def test_a_refund_that_does_not_come_to_an_end_is_told(shop: Shop, reading: Database, clock: Clock) -> None:
    payment = await shop.buy()
    shop.sandbox.tell("/faults", kind="unavailable", times=3, method="POST", path="/v1/refunds")
    async with selling(shop.url, shop.sandbox) as api:
        await api.post(f"/v1/payments/{payment_public(payment)}/refunds", {"amount": "20", "reason": "x"})
        assert (await found(shop, reading)).ok
        clock.advance(timedelta(hours=2))
        report = await found(shop, reading)
        assert ["refund"] == [one.kind for one in report.differences]
        [late] = report.differences
        assert (LATE, "20.00 USD", None) == (late.problem, late.here, late.there)
        assert (late.ours or "").startswith("rfd_")
        await work(shop.desk)
        assert (await found(shop, reading)).ok
        shown = await api.get("/v1/finance/reconciliation")
    assert (True, []) == (shown.json()["ok"], shown.json()["differences"])


async def test_the_command_says_the_same_and_exits_with_1(shop: Shop) -> None:
    async def run(*more: str) -> subprocess.CompletedProcess[str]:
        environ = {"LEDGER_STRIPE_API_KEY": KEY, "LEDGER_STRIPE_API_BASE": shop.sandbox.base}
        argv = [sys.executable, "-m", "ledger.cli", "reconcile", "--database-url", shop.url, *more]
        return await asyncio.to_thread(
            subprocess.run, argv, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False
        )

    done = await run("--json")
    assert (0, True) == (done.returncode, json.loads(done.stdout)["ok"]), done.stderr
    intent = shop.charge(3_000)
    await shop.settled(str(intent.latest_charge))
    done = await run("--days", "1")
    assert 1 == done.returncode
    assert f"charge {intent.latest_charge}: it is at Stripe and not here" in done.stdout
    assert "NOT OK" in done.stdout
    await shop.book(intent, 300, 3_000)
