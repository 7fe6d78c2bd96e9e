"""A purchase and what becomes of it: credits and money move together, to the cent, and verify finds nothing."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.book import commands as c
from ledger.book.door import Door
from ledger.errors import LedgerError
from ledger.kit.db import SERVICE_ROLE, Database
from tests.support.book import CREDIT, attempt, check, codes, new_wallets

pytestmark = pytest.mark.anyio

CLEARING = "stripe_clearing"


def line(debit: str, credit: str, cents: int) -> c.MoneyLine:
    return c.MoneyLine(debit, credit, "USD", cents)


def purchase(wallet_id: int, credits: int, net: int, tax: int = 0, **more: Any) -> c.Inflow:
    money = [line(CLEARING, "deferred_revenue", net)] + [line(CLEARING, "tax_payable", tax)] * bool(tax)
    return c.Inflow(
        wallet_id=wallet_id,
        amount=credits * CREDIT,
        source="purchase",
        of_kind="purchase",
        cost=net,
        currency="USD",
        money=tuple(money),
        join=False,
        **more,
    )


def use(wallet_id: int, credits: int) -> c.Use:
    return c.Use(wallet_id=wallet_id, amount=credits * CREDIT, service="jobs")


async def one(door: Door, command: c.Command) -> c.Posted:
    [outcome] = await door.submit([attempt(command)])
    assert isinstance(outcome, c.Posted), outcome
    return outcome


async def refusal(door: Door, command: c.Command) -> LedgerError:
    [outcome] = await door.submit([attempt(command)])
    assert isinstance(outcome, c.Refused), outcome
    return outcome.error


async def bought(door: Door, url: str, credits: int = 500, net: int = 5_000, tax: int = 0) -> tuple[int, int]:
    """A fresh wallet and the number of its purchase."""
    [wallet_id] = new_wallets(url)
    return wallet_id, (await one(door, purchase(wallet_id, credits, net, tax))).transaction.number


def moved(posted: c.Posted) -> dict[tuple[str, str], int]:
    """Amounts by (debit, credit)."""
    found: Counter[tuple[str, str]] = Counter()
    for p in posted.transaction.postings:
        found[p.debit, p.credit] += p.amount
    return dict(found)


async def test_what_is_unspent_can_be_refunded_and_no_more(door: Door, database_url: str) -> None:
    """$50 for 500 credits, of which 400 are spent: $20 is refused whole, $10 goes through, then nothing is left."""
    wallet_id, number = await bought(door, database_url)
    await one(door, use(wallet_id, 400))
    ask = c.RefundPayment(wallet_id=wallet_id, number=number, paid=5_000, money=2_000)
    refused = await refusal(door, ask)
    assert ("REFUND_EXCEEDS_UNSPENT", "10.00", "100") == (
        refused.code,
        refused.facts["refundable"],
        refused.facts["refundable_credits"],
    )
    refunded = await one(door, c.RefundPayment(wallet_id=wallet_id, number=number, paid=5_000, money=1_000))
    assert {("wallet", "withdrawn:refund"): 100 * CREDIT, ("deferred_revenue", "refund_payable"): 1_000} == moved(
        refunded
    )
    assert 0 == refunded.transaction.after.wallet
    again = await refusal(door, c.RefundPayment(wallet_id=wallet_id, number=number, paid=5_000, money=1))
    assert "0.00" == again.facts["refundable"]
    check(database_url, [wallet_id])


async def test_what_is_spent_is_refunded_by_force_and_is_a_loss(door: Door, database_url: str) -> None:
    """Of $60 with $10 tax: what is unspent leaves the liability, the rest is lost, and each has its part of the tax."""
    wallet_id, number = await bought(door, database_url, tax=1_000)
    await one(door, use(wallet_id, 400))
    ask = c.RefundPayment(wallet_id=wallet_id, number=number, paid=6_000, money=3_000, force=True)
    assert {
        ("wallet", "withdrawn:refund"): 100 * CREDIT,
        ("deferred_revenue", "refund_payable"): 1_000,
        ("tax_payable", "refund_payable"): 200 + 300,
        ("loss:refund", "refund_payable"): 1_500,
    } == moved(await one(door, ask))
    check(database_url, [wallet_id])


async def test_a_refund_that_failed_gives_credits_and_money_back_once(door: Door, database_url: str) -> None:
    """A hold keeps its part out of the refund; what was taken returns to its lot."""
    wallet_id, number = await bought(door, database_url)
    await one(door, c.PlaceHold(wallet_id=wallet_id, amount=50 * CREDIT, service="jobs", expires_in_s=600))
    refused = await refusal(door, c.RefundPayment(wallet_id=wallet_id, number=number, paid=5_000, credits=500 * CREDIT))
    assert ("45.00", "450") == (refused.facts["refundable"], refused.facts["refundable_credits"])
    taken = await one(door, c.RefundPayment(wallet_id=wallet_id, number=number, paid=5_000, credits=450 * CREDIT))
    undo = c.UndoRefund(wallet_id=wallet_id, number=taken.transaction.number)
    undone = await one(door, undo)
    assert {("withdrawn:refund", "wallet"): 450 * CREDIT, ("refund_payable", "deferred_revenue"): 4_500} == moved(
        undone
    )
    assert "NOT_REVERSIBLE" == (await refusal(door, undo)).code
    assert 450 * CREDIT == undone.transaction.after.wallet
    check(database_url, [wallet_id])


def withdrawal(wallet_id: int, number: int, credits: int, cents: int) -> c.OpenDispute:
    money = (line("dispute_receivable", CLEARING, cents), line("dispute_fees", CLEARING, 1_500))
    return c.OpenDispute(wallet_id=wallet_id, number=number, amount=credits * CREDIT, money=money)


@pytest.mark.parametrize("won", [True, False])
async def test_a_dispute_sets_aside_what_is_unspent_and_the_rest_is_owed(
    door: Door, database_url: str, won: bool
) -> None:
    """400 of 500 are spent: 100 are set aside and 400 owed. Won, all is as it was; lost, the debt stays."""
    wallet_id, number = await bought(door, database_url)
    await one(door, use(wallet_id, 400))
    disputed = await one(door, withdrawal(wallet_id, number, 500, 5_000))
    assert c.Balances(0, 0, 500 * CREDIT, 400 * CREDIT) == disputed.transaction.after
    back = (line(CLEARING, "dispute_receivable", 5_000),) if won else ()
    settle = c.SettleDispute(
        wallet_id=wallet_id,
        number=disputed.transaction.number,
        won=won,
        withdrawn=5_000,
        paid=5_000,
        currency="USD",
        money=back,
    )
    settled = await one(door, settle)
    if won:
        assert c.Balances(100 * CREDIT) == settled.transaction.after
        assert 5_000 == moved(settled)[CLEARING, "dispute_receivable"]
    else:
        assert c.Balances(owed=400 * CREDIT) == settled.transaction.after
        assert {
            ("disputed", "withdrawn:dispute"): 500 * CREDIT,
            ("deferred_revenue", "dispute_receivable"): 1_000,
            ("loss:dispute", "dispute_receivable"): 4_000,
        } == moved(settled)
    assert "NOT_REVERSIBLE" == (await refusal(door, settle)).code
    check(database_url, [wallet_id])


async def test_a_dispute_is_settled_once_though_another_is_open(door: Door, database_url: str) -> None:
    """What the wallet has disputed would be enough for it."""
    wallet_id, first = await bought(door, database_url)
    second = (await one(door, purchase(wallet_id, 500, 5_000))).transaction.number
    await one(door, use(wallet_id, 1_000))
    opened = [await one(door, withdrawal(wallet_id, number, 500, 5_000)) for number in (first, second)]
    settle = c.SettleDispute(
        wallet_id=wallet_id,
        number=opened[0].transaction.number,
        won=False,
        withdrawn=5_000,
        paid=5_000,
        currency="USD",
    )
    await one(door, settle)
    assert "NOT_REVERSIBLE" == (await refusal(door, settle)).code
    check(database_url, [wallet_id])


async def test_new_credits_pay_what_a_dispute_made_owed_and_come_back_when_it_is_won(
    door: Door, database_url: str
) -> None:
    """The 300 that paid the debt meanwhile come back as credits that cost nothing."""
    wallet_id, number = await bought(door, database_url)
    await one(door, use(wallet_id, 500))
    disputed = await one(door, withdrawal(wallet_id, number, 500, 5_000))
    paid = await one(door, purchase(wallet_id, 300, 3_000))
    assert c.Balances(0, 0, 500 * CREDIT, 200 * CREDIT) == paid.transaction.after
    won = await one(
        door,
        c.SettleDispute(
            wallet_id=wallet_id,
            number=disputed.transaction.number,
            won=True,
            withdrawn=5_000,
            paid=5_000,
            currency="USD",
            money=(line(CLEARING, "dispute_receivable", 5_000),),
        ),
    )
    assert c.Balances(300 * CREDIT) == won.transaction.after
    check(database_url, [wallet_id])


async def test_a_dispute_takes_other_credits_to_pay_what_it_makes_owed(door: Door, database_url: str) -> None:
    """Two purchases, the first one spent and disputed: the second pays, and is not disputed itself."""
    wallet_id, number = await bought(door, database_url)
    await one(door, purchase(wallet_id, 100, 1_000))
    await one(door, use(wallet_id, 450))
    disputed = await one(door, withdrawal(wallet_id, number, 500, 5_000))
    assert c.Balances(0, 0, 500 * CREDIT, 350 * CREDIT) == disputed.transaction.after
    check(database_url, [wallet_id])


async def test_only_a_purchase_can_be_refunded_or_disputed(door: Door, database_url: str) -> None:
    """And a frozen or closed wallet keeps neither from happening."""
    wallet_id, number = await bought(door, database_url)
    used = (await one(door, use(wallet_id, 1))).transaction.number
    wrong = c.RefundPayment(wallet_id=wallet_id, number=used, paid=5_000, money=1)
    assert ["NOT_REVERSIBLE", "NOT_FOUND"] == [
        (await refusal(door, wrong)).code,
        (await refusal(door, c.UndoRefund(wallet_id=wallet_id, number=99))).code,
    ]
    assert "NOT_REVERSIBLE" == (await refusal(door, withdrawal(wallet_id, used, 1, 10))).code
    assert ["changed"] == codes(await door.submit([attempt(c.SetStatus(wallet_id=wallet_id, status="frozen"))]))
    await one(door, c.RefundPayment(wallet_id=wallet_id, number=number, paid=5_000, money=100))
    await one(door, withdrawal(wallet_id, number, 400, 4_000))
    await one(door, c.Entry(wallet_id=wallet_id, of_kind="fee", money=(line("stripe_fees", CLEARING, 175),)))
    check(database_url, [wallet_id])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.integers(1, 40_000_000)),
        st.tuples(st.just("credits"), st.integers(1, 40_000_000)),
        st.tuples(st.just("money"), st.integers(1, 700)),
        st.tuples(st.just("force"), st.integers(1, 700)),
        st.tuples(st.just("undo"), st.just(0)),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(micro=st.integers(1, 90_000_000), net=st.integers(1, 2_000), tax=st.integers(0, 400), steps=STEPS)
def test_all_that_leaves_a_purchase_adds_up_to_what_was_paid(
    database_url: str, micro: int, net: int, tax: int, steps: list[tuple[str, int]]
) -> None:
    """Uses and refunds in any order: each refund has the part of net and gross that its credits have by their place
    in the lot, and a refund of money is of exactly that much."""
    [wallet_id] = new_wallets(database_url)
    asyncio.run(_bought_and_undone(database_url, wallet_id, micro, net, tax, steps))
    check(database_url, [wallet_id])


def owed(posted: c.Posted) -> dict[str, int]:
    """What a refund makes owed to who paid, by the account that it comes from."""
    found: Counter[str] = Counter()
    for p in posted.transaction.postings:
        if "refund_payable" in (p.debit, p.credit):
            found[p.debit if p.credit == "refund_payable" else p.credit] += (
                p.amount if p.credit == "refund_payable" else -p.amount
            )
    return dict(found)


async def _bought_and_undone(
    url: str, wallet_id: int, micro: int, net: int, tax: int, steps: list[tuple[str, int]]
) -> None:
    database = Database(url, role=SERVICE_ROLE)
    door = Door(database, participants=[])
    await door.start()
    try:
        buy = msgspec.structs.replace(purchase(wallet_id, 1, net, tax), amount=micro)
        number, paid, gone, refunds = (await one(door, buy)).transaction.number, net + tax, 0, list[tuple[int, int]]()
        for what, amount in steps:
            if what == "undo":
                if refunds and refunds[-1][1] == gone:
                    undo, _ = refunds.pop()
                    gone -= _taken(await one(door, c.UndoRefund(wallet_id=wallet_id, number=undo)))
                continue
            command: c.Command = c.Use(wallet_id=wallet_id, amount=amount, service="jobs")
            if what != "use":
                by = {"money": amount, "force": True} if what == "force" else {what: amount}
                command = c.RefundPayment(wallet_id=wallet_id, number=number, paid=paid, **by)
            [outcome] = await door.submit([attempt(command)])
            if not isinstance(outcome, c.Posted):
                continue
            taken = _taken(outcome)
            if what != "use":
                money = owed(outcome)
                gross = paid * (gone + taken) // micro - paid * gone // micro
                assert net * (gone + taken) // micro - net * gone // micro == money.get("deferred_revenue", 0)
                assert what == "credits" or amount == sum(money.values())
                assert what == "force" or gross == sum(money.values())
                refunds.append((outcome.transaction.number, gone + taken))
            gone += taken
    finally:
        await door.stop()
        await database.dispose()


def _taken(posted: c.Posted) -> int:
    return sum(p.amount for p in posted.transaction.postings if p.lot is not None)
