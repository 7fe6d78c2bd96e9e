"""What the rules and the loading must hold, each by the smallest case that breaks it."""

import asyncio
from datetime import timedelta

import pytest

from ledger.alerts.participant import BalanceLevels
from ledger.book.commands import (
    Capture,
    Command,
    Inflow,
    MoneyLine,
    PlaceHold,
    Posted,
    Release,
    Reverse,
    SetOverdraft,
    Transfer,
    Use,
    Withdraw,
)
from ledger.book.door import Door
from ledger.book.read import Reader
from ledger.book.unit import Request, run_unit
from ledger.book.writer import Writer
from ledger.kit.db import Database
from tests.book.conftest import Clock
from tests.support.book import CREDIT, attempt, check, codes, new_wallets, session

pytestmark = pytest.mark.anyio


async def one(door: Door, command: Command) -> Posted:
    [outcome] = await door.submit([attempt(command)])
    assert isinstance(outcome, Posted), outcome
    return outcome


def lots_of(posted: Posted) -> list[int | None]:
    return [p.lot for p in posted.transaction.postings]


async def dust(door: Door, wallet: int, count: int, amount: int = 1, *, priority: int = 10) -> None:
    """``count`` lots of their own, that burn in the order of their numbers."""
    await door.submit(
        [
            attempt(Inflow(wallet_id=wallet, amount=amount, source="promotional", priority=priority, join=False))
            for _ in range(count)
        ]
    )


# Burn-down order


@pytest.mark.parametrize("by", ["inflow", "capture", "reversal"])
async def test_a_batch_burns_in_order_though_it_names_a_lot_behind_the_first_page(
    door: Door, database_url: str, by: str
) -> None:
    """60 lots of 1, and a large one that burns last. Something in the batch loads the large one."""
    [wallet] = new_wallets(database_url)
    last = Inflow(wallet_id=wallet, amount=1000, source="earned", of_kind="earn", priority=900)
    await one(door, last)
    held = await one(door, PlaceHold(wallet_id=wallet, amount=5, service="gpu", expires_in_s=600))
    used = await one(door, Use(wallet_id=wallet, amount=5, service="chat"))
    await dust(door, wallet, 60)
    first: Command = {
        "inflow": last,
        "capture": Capture(wallet_id=wallet, hold=held.transaction.number),
        "reversal": Reverse(wallet_id=wallet, number=used.transaction.number),
    }[by]

    _, drawn = await door.submit([attempt(first), attempt(Use(wallet_id=wallet, amount=50, service="chat"))])

    assert isinstance(drawn, Posted), drawn
    assert lots_of(drawn) == list(range(2, 52)), "lot 1 burns last"


async def test_a_batch_beyond_2_to_the_62_is_covered(door: Door, database_url: str) -> None:
    """6 × 10^18 are there (within BALANCE_MAX), behind a page of dust, and are used in one request."""
    [wallet] = new_wallets(database_url)
    await dust(door, wallet, 41)
    for _ in range(6):
        await one(door, Inflow(wallet_id=wallet, amount=10**18, source="promotional", join=False))
    uses = [attempt(Use(wallet_id=wallet, amount=10**18, service="chat")) for _ in range(6)]
    assert codes(await door.submit(uses)) == ["posted"] * 6


# Holds


async def test_a_capture_of_an_expired_lot_can_be_refunded(door: Door, database_url: str, clock: Clock) -> None:
    """The lot expired behind the hold, was captured then: it had no life left when it was used."""
    [wallet] = new_wallets(database_url)
    soon = clock.now() + timedelta(minutes=1)
    await one(door, Inflow(wallet_id=wallet, amount=10, source="promotional", expires_at=soon))
    held = await one(door, PlaceHold(wallet_id=wallet, amount=10, service="gpu", expires_in_s=7200))
    clock.advance(timedelta(minutes=30))
    captured = await one(door, Capture(wallet_id=wallet, hold=held.transaction.number, amount=10))

    [refund] = await door.submit([attempt(Reverse(wallet_id=wallet, number=captured.transaction.number, refund=True))])
    assert codes([refund])[0] != "INTERNAL_ERROR"


@pytest.mark.parametrize("amount", [None, 1])
async def test_a_hold_that_could_be_placed_can_be_captured(door: Door, database_url: str, amount: int | None) -> None:
    [wallet] = new_wallets(database_url)
    await dust(door, wallet, 401)
    too_many = PlaceHold(wallet_id=wallet, amount=401, service="gpu", expires_in_s=600)
    assert codes(await door.submit([attempt(too_many)])) == ["TOO_MANY_POSTINGS"]
    held = await one(door, PlaceHold(wallet_id=wallet, amount=400, service="gpu", expires_in_s=600))
    [outcome] = await door.submit([attempt(Capture(wallet_id=wallet, hold=held.transaction.number, amount=amount))])
    assert codes([outcome]) == ["posted"]


async def test_a_release_has_at_most_a_thousand_postings(door: Door, database_url: str) -> None:
    [wallet] = new_wallets(database_url)
    await dust(door, wallet, 401)
    await door.submit([attempt(SetOverdraft(wallet_id=wallet, limit=600))])
    held = await one(door, PlaceHold(wallet_id=wallet, amount=400, service="gpu", expires_in_s=600))
    await one(door, Use(wallet_id=wallet, amount=400, service="chat"))
    released = await one(door, Release(wallet_id=wallet, hold=held.transaction.number))
    assert len(released.transaction.postings) <= 1000


async def test_a_transfer_of_paid_lots_has_at_most_a_thousand_postings(door: Door, database_url: str) -> None:
    a, b = new_wallets(database_url, 2)
    paid = Inflow(
        wallet_id=a,
        amount=1,
        source="purchase",
        of_kind="purchase",
        cost=1,
        currency="USD",
        money=(MoneyLine("stripe_clearing", "deferred_revenue", "USD", 1),),
        join=False,
    )
    await door.submit([attempt(paid) for _ in range(600)])
    [outcome] = await door.submit([attempt(Transfer(wallet_id=a, payee_id=b, amount=600))])
    if isinstance(outcome, Posted):
        assert len(outcome.transaction.postings) <= 1000
    else:
        assert codes([outcome]) == ["TOO_MANY_POSTINGS"]


async def test_a_thousand_captures_of_ended_holds_are_answered(door: Door, database_url: str, clock: Clock) -> None:
    """Ended and expired holds that a request names are not a backlog of what is due."""
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=2000, source="promotional"))
    places = [attempt(PlaceHold(wallet_id=wallet, amount=1, service="gpu", expires_in_s=60)) for _ in range(1000)]
    holds = [o.transaction.number for o in await door.submit(places) if isinstance(o, Posted)]
    await door.submit([attempt(Release(wallet_id=wallet, hold=hold)) for hold in holds])
    clock.advance(timedelta(hours=1))
    captures = [attempt(Capture(wallet_id=wallet, hold=hold)) for hold in holds]
    async with asyncio.timeout(20):
        assert set(codes(await door.submit(captures))) == {"HOLD_NOT_OPEN"}


# Reads


async def test_the_lots_of_a_balance_add_up_to_what_is_free_after_a_hold_expired(
    door: Door, reader: Reader, database_url: str, clock: Clock
) -> None:
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=100, source="promotional"))
    await one(door, PlaceHold(wallet_id=wallet, amount=40, service="gpu", expires_in_s=60))
    clock.advance(timedelta(minutes=2))
    view = await reader.balance(wallet)
    assert view.balances.wallet == 100
    assert sum(group.remaining for group in view.lots) == 100


async def test_as_of_now_does_not_lose_what_is_due_when_it_is_booked_meanwhile(
    door: Door, reader: Reader, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    [wallet] = new_wallets(database_url)
    soon = clock.now() + timedelta(minutes=1)
    await one(door, Inflow(wallet_id=wallet, amount=100, source="promotional", expires_at=soon))
    clock.advance(timedelta(minutes=2))
    at = clock.now()
    real = reader._unbooked

    async def slowly(*args):  # type: ignore[no-untyped-def]
        await door.submit([attempt(Use(wallet_id=wallet, amount=1, service="chat"))])  # books what is due
        return await real(*args)

    monkeypatch.setattr(reader, "_unbooked", slowly)
    assert (await reader.balance_as_of(wallet, at)).wallet == 0


# The clock


async def test_a_clock_that_went_back_makes_no_fault(door: Door, database_url: str, clock: Clock) -> None:
    """An hour ahead, then back (a fail-over): a lot that expires within that hour moves through a book that
    has seen the later time."""
    a, b, d = new_wallets(database_url, 3)
    clock.advance(timedelta(hours=1))
    await one(door, Inflow(wallet_id=a, amount=1, source="earned", of_kind="earn"))
    clock.advance(-timedelta(hours=1))
    soon = clock.now() + timedelta(minutes=30)
    await one(door, Inflow(wallet_id=b, amount=10, source="promotional", expires_at=soon))
    await one(door, Transfer(wallet_id=b, payee_id=a, amount=10))
    outcomes = await door.submit([attempt(Transfer(wallet_id=a, payee_id=d, amount=5))])
    assert codes(outcomes) == ["posted"]
    await one(door, Use(wallet_id=a, amount=2, service="chat"))
    check(database_url, [a, b, d])


async def test_a_use_after_the_clock_went_back_verifies(door: Door, database_url: str, clock: Clock) -> None:
    a, b = new_wallets(database_url, 2)
    clock.advance(timedelta(hours=1))
    await one(door, Inflow(wallet_id=a, amount=1, source="earned", of_kind="earn", priority=200))
    clock.advance(-timedelta(hours=1))
    soon = clock.now() + timedelta(minutes=30)
    await one(door, Inflow(wallet_id=b, amount=10, source="promotional", expires_at=soon))
    await one(door, Transfer(wallet_id=b, payee_id=a, amount=10))
    await one(door, Use(wallet_id=a, amount=1, service="chat"))
    check(database_url, [a, b])


# Reversals


async def test_a_reversal_whose_link_was_not_known_yet_is_no_crash(
    database: Database, door: Door, database_url: str
) -> None:
    """The link is looked up before the lock: a transfer that commits between is found without its other wallet."""
    a, b = new_wallets(database_url, 2)
    await one(door, Inflow(wallet_id=a, amount=10, source="promotional"))
    moved = await one(door, Transfer(wallet_id=a, payee_id=b, amount=10))
    early = attempt(Reverse(wallet_id=a, number=moved.transaction.number))  # as _with_links leaves it then
    request = Request([early], False, asyncio.get_running_loop().create_future())
    lane = Writer(database)
    try:
        await run_unit(lane, [request], [BalanceLevels()], bytes(16), wait=False)
    finally:
        await lane.close()
    assert request.finish()


async def test_what_arrives_after_a_reversal_in_the_same_batch_joins_the_lot_that_is_alike(
    door: Door, database_url: str
) -> None:
    """A refund of overdraft makes a lot (priority 100, never expires); moved on, it joins the payee's."""
    a, b, e = new_wallets(database_url, 3)
    await one(door, Inflow(wallet_id=e, amount=1, source="promotional"))
    await one(door, Transfer(wallet_id=e, payee_id=b, amount=1))  # b's lot 1: transfer, 100, never
    await dust(door, b, 45)
    await door.submit([attempt(SetOverdraft(wallet_id=a, limit=50))])
    used = await one(door, Use(wallet_id=a, amount=50, service="chat"))
    # Paid by a lot that is gone: nothing of a's that is loaded has those terms.
    await one(door, Inflow(wallet_id=a, amount=50, source="promotional", priority=7))
    _, moved = await door.submit(
        [
            attempt(Reverse(wallet_id=a, number=used.transaction.number)),
            attempt(Transfer(wallet_id=a, payee_id=b, amount=50)),
        ]
    )
    assert isinstance(moved, Posted), moved
    assert moved.payee is not None
    assert [p.lot for p in moved.payee.postings] == [1]


# Atomic requests and events


async def test_an_atomic_batch_of_events_posted_before_says_so(door: Door, database_url: str) -> None:
    """The service lost its keys and asks again with new ones: each event was charged, nothing is wrong."""
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=10, source="promotional"))
    uses = [Use(wallet_id=wallet, amount=1, service="chat", event_id=f"atomic event {n}") for n in range(2)]
    assert codes(await door.submit([attempt(use) for use in uses], atomic=True)) == ["posted"] * 2
    assert codes(await door.submit([attempt(use) for use in uses], atomic=True)) == ["ALREADY_POSTED"] * 2


# Verify


@pytest.mark.parametrize(
    "tamper",
    ["cost = cost * 2", "expires_at = expires_at + interval '1 year'", "priority = 1", "source = 'earned'"],
)
async def test_verify_sees_a_lot_whose_terms_were_changed(door: Door, database_url: str, tamper: str) -> None:
    from ledger.book.verify import verify_now

    [wallet] = new_wallets(database_url)
    money = (MoneyLine("stripe_clearing", "deferred_revenue", "USD", 100),)
    with session(database_url) as connection:
        later = connection.execute("SELECT ledger_now() + interval '1 day'").fetchone()
    assert later is not None
    await one(
        door,
        Inflow(
            wallet_id=wallet,
            amount=CREDIT,
            source="purchase",
            of_kind="purchase",
            cost=100,
            currency="USD",
            money=money,
            join=False,
            expires_at=later[0],
        ),
    )
    with session(database_url) as connection:
        connection.execute(f"UPDATE lots SET {tamper} WHERE wallet_id = %s", [wallet])
    assert not verify_now(database_url, [wallet]).ok


async def test_a_reversed_withdrawal_brings_the_lot_back(door: Door, database_url: str) -> None:
    """Sound."""
    [wallet] = new_wallets(database_url)
    await one(door, Inflow(wallet_id=wallet, amount=10, source="promotional"))
    taken = await one(door, Withdraw(wallet_id=wallet, amount=10))
    await one(door, Reverse(wallet_id=wallet, number=taken.transaction.number))
    check(database_url, [wallet])
