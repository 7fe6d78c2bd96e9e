"""Corners of a purchase's life: parts smaller than a cent, what is held, debt meanwhile, and both of two at once."""

from datetime import timedelta

import msgspec
import pytest

from ledger.book import commands as c
from ledger.book.door import Door
from tests.book.conftest import Clock
from tests.book.test_payments import CLEARING, bought, line, moved, one, owed, purchase, refusal, use, withdrawal
from tests.support.book import CREDIT, attempt, check, codes, new_wallets, session

pytestmark = pytest.mark.anyio


def of(wallet_id: int, number: int, paid: int, **more: int | bool) -> c.RefundPayment:
    return c.RefundPayment(wallet_id=wallet_id, number=number, paid=paid, **more)  # type: ignore[arg-type]


def lost(wallet_id: int, number: int, cents: int) -> c.SettleDispute:
    return c.SettleDispute(wallet_id=wallet_id, number=number, won=False, withdrawn=cents, paid=cents, currency="USD")


async def tiny(door: Door, url: str, micro: int, net: int, tax: int = 0) -> tuple[int, int]:
    """A purchase of so few micro-credits that the smallest part of money is some of them."""
    [wallet_id] = new_wallets(url)
    buy = msgspec.structs.replace(purchase(wallet_id, 1, net, tax), amount=micro)
    return wallet_id, (await one(door, buy)).transaction.number


async def test_what_is_held_is_not_refunded_by_force_either(door: Door, database_url: str) -> None:
    """Its money is a loss, as if it were spent; the hold keeps its credits."""
    wallet_id, number = await bought(door, database_url)
    await one(door, c.PlaceHold(wallet_id=wallet_id, amount=100 * CREDIT, service="jobs", expires_in_s=600))
    refunded = await one(door, of(wallet_id, number, 5_000, money=5_000, force=True))
    assert c.Balances(0, 100 * CREDIT) == refunded.transaction.after
    assert {"deferred_revenue": 4_000, "loss:refund": 1_000} == owed(refunded)
    check(database_url, [wallet_id])


async def test_spent_credits_are_refused_though_they_are_worth_less_than_a_cent(door: Door, database_url: str) -> None:
    """Of 500 credits 0.05 are spent: half a cent."""
    wallet_id, number = await bought(door, database_url)
    await one(door, c.Use(wallet_id=wallet_id, amount=CREDIT // 20, service="jobs"))
    refused = await refusal(door, of(wallet_id, number, 5_000, credits=500 * CREDIT))
    assert ("REFUND_EXCEEDS_UNSPENT", "499.95") == (refused.code, refused.facts["refundable_credits"])


async def test_less_money_than_the_smallest_credit_costs_takes_none(door: Door, database_url: str) -> None:
    """Three micro-credits for ten cents: two cents are refused, and by force a loss."""
    wallet_id, number = await tiny(door, database_url, 3, 10)
    assert "REFUND_EXCEEDS_UNSPENT" == (await refusal(door, of(wallet_id, number, 10, money=2))).code
    refunded = await one(door, of(wallet_id, number, 10, money=2, force=True))
    assert {("loss:refund", "refund_payable"): 2} == moved(refunded)
    check(database_url, [wallet_id])


async def test_money_that_the_credits_do_not_divide_by_is_refunded_exactly(door: Door, database_url: str) -> None:
    """100 credits for $3.33: $1 takes the fewest credits that cost it, rounded up."""
    wallet_id, number = await bought(door, database_url, 100, 333)
    refunded = await one(door, of(wallet_id, number, 333, money=100))
    assert {("wallet", "withdrawn:refund"): 30_030_031, ("deferred_revenue", "refund_payable"): 100} == moved(refunded)
    check(database_url, [wallet_id])


async def test_parts_that_are_refunded_one_by_one_are_together_what_was_paid(door: Door, database_url: str) -> None:
    """Three micro-credits for eight cents and two of tax."""
    wallet_id, number = await tiny(door, database_url, 3, 8, 2)
    parts = [owed(await one(door, of(wallet_id, number, 10, credits=1))) for _ in range(3)]
    assert [3, 3, 4] == [sum(part.values()) for part in parts]
    assert [2, 3, 3] == [part["deferred_revenue"] for part in parts]
    check(database_url, [wallet_id])


async def test_a_part_of_tax_below_nothing_goes_the_other_way(door: Door, database_url: str) -> None:
    """420 micro-credits, 20 cents net and one of tax: the 41st to the 63rd have two cents of the net, one of the gross."""
    wallet_id, number = await tiny(door, database_url, 420, 20, 1)
    await one(door, c.Use(wallet_id=wallet_id, amount=40, service="jobs"))
    refunded = await one(door, of(wallet_id, number, 21, credits=23))
    assert {"deferred_revenue": 2, "tax_payable": -1} == owed(refunded)
    rest = await one(door, of(wallet_id, number, 21, credits=357))
    assert (17, 18) == (owed(rest)["deferred_revenue"], sum(owed(rest).values()))
    check(database_url, [wallet_id])


async def test_what_a_failed_refund_gives_back_pays_the_debt_that_arose_meanwhile(
    door: Door, database_url: str
) -> None:
    wallet_id, number = await bought(door, database_url)
    taken = await one(door, of(wallet_id, number, 5_000, credits=500 * CREDIT))
    assert ["changed"] == codes(await door.submit([attempt(c.SetOverdraft(wallet_id=wallet_id, limit=100 * CREDIT))]))
    await one(door, use(wallet_id, 80))
    undone = await one(door, c.UndoRefund(wallet_id=wallet_id, number=taken.transaction.number))
    assert (420 * CREDIT, 0) == (undone.transaction.after.wallet, undone.transaction.after.owed)
    check(database_url, [wallet_id])


async def test_two_that_undo_one_refund_at_once_undo_it_once(door: Door, database_url: str) -> None:
    """In one unit of work: the second sees what the first did before it is stored."""
    wallet_id, number = await bought(door, database_url)
    first = (await one(door, of(wallet_id, number, 5_000, credits=200 * CREDIT))).transaction.number
    await one(door, of(wallet_id, number, 5_000, credits=200 * CREDIT))
    undo = c.UndoRefund(wallet_id=wallet_id, number=first)
    assert ["posted", "NOT_REVERSIBLE"] == codes(await door.submit([attempt(undo), attempt(undo)]))
    check(database_url, [wallet_id])


async def test_two_that_settle_one_dispute_at_once_settle_it_once(door: Door, database_url: str) -> None:
    wallet_id, number = await bought(door, database_url, tax=1_000)
    await one(door, purchase(wallet_id, 500, 5_000))
    opened = [await one(door, withdrawal(wallet_id, number, 200, 2_400)) for _ in range(2)]
    settle = lost(wallet_id, opened[0].transaction.number, 2_400)
    won = msgspec.structs.replace(settle, won=True, money=(line(CLEARING, "dispute_receivable", 2_400),))
    assert ["posted", "NOT_REVERSIBLE"] == codes(await door.submit([attempt(won), attempt(settle)]))
    check(database_url, [wallet_id])


async def test_the_tax_of_what_a_dispute_took_is_owed_to_nobody(door: Door, database_url: str) -> None:
    """$60 with $10 tax, all of it unspent, disputed and lost: no loss, and no tax either."""
    wallet_id, number = await bought(door, database_url, tax=1_000)
    opened = await one(door, withdrawal(wallet_id, number, 500, 6_000))
    assert {
        ("wallet", "disputed"): 500 * CREDIT,
        ("dispute_receivable", CLEARING): 6_000,
        ("dispute_fees", CLEARING): 1_500,
    } == moved(opened)
    assert {
        ("disputed", "withdrawn:dispute"): 500 * CREDIT,
        ("deferred_revenue", "dispute_receivable"): 5_000,
        ("tax_payable", "dispute_receivable"): 1_000,
    } == moved(await one(door, lost(wallet_id, opened.transaction.number, 6_000)))
    check(database_url, [wallet_id])


async def test_what_is_no_refund_is_not_undone_and_what_is_no_dispute_not_settled(
    door: Door, database_url: str
) -> None:
    wallet_id, number = await bought(door, database_url)
    refund = (await one(door, of(wallet_id, number, 5_000, money=1_000))).transaction.number
    opened = (await one(door, withdrawal(wallet_id, number, 400, 4_000))).transaction.number
    for wrong in (number, opened):
        assert "NOT_REVERSIBLE" == (await refusal(door, c.UndoRefund(wallet_id=wallet_id, number=wrong))).code
    for wrong in (number, refund):
        assert "NOT_REVERSIBLE" == (await refusal(door, lost(wallet_id, wrong, 4_000))).code
    check(database_url, [wallet_id])


async def test_money_that_came_opens_a_closed_wallet(door: Door, database_url: str) -> None:
    """It was paid while the wallet was closed: the credits are there, and can be used."""
    [wallet_id] = new_wallets(database_url)
    close = attempt(c.SetStatus(wallet_id=wallet_id, status="closed"))
    assert ["changed"] == codes(await door.submit([close]))
    await one(door, purchase(wallet_id, 500, 5_000))
    await one(door, use(wallet_id, 400))
    check(database_url, [wallet_id])


@pytest.mark.parametrize("disputed", [False, True])
async def test_credits_that_come_back_after_their_end_expire_at_once(
    door: Door, database_url: str, clock: Clock, disputed: bool
) -> None:
    """All were refunded, or disputed, when they would have expired, and nothing was due any more."""
    [wallet_id] = new_wallets(database_url)
    buy = purchase(wallet_id, 500, 5_000, expires_at=clock.now() + timedelta(hours=1))
    number = (await one(door, buy)).transaction.number
    out: c.Command = (
        withdrawal(wallet_id, number, 500, 5_000) if disputed else of(wallet_id, number, 5_000, money=5_000)
    )
    gone = (await one(door, out)).transaction.number
    clock.advance(timedelta(hours=2))
    assert ["changed"] == codes(await door.submit([attempt(c.BookDue(wallet_id=wallet_id))]))
    back: c.Command = c.UndoRefund(wallet_id=wallet_id, number=gone)
    if disputed:
        money = (line(CLEARING, "dispute_receivable", 5_000),)
        back = msgspec.structs.replace(lost(wallet_id, gone, 5_000), won=True, money=money)
    assert 500 * CREDIT == (await one(door, back)).transaction.after.wallet
    with session(database_url) as connection:
        rows = connection.execute(
            "SELECT kind, wallet_after FROM transactions WHERE wallet_id = %s ORDER BY number DESC LIMIT 1", [wallet_id]
        )
        assert [("expiry", 0)] == rows.fetchall()
    check(database_url, [wallet_id])
