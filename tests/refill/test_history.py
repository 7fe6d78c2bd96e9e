"""The history of a what-if: what moved the wallet, without automatic refills, one by one or hour by hour."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from ledger.book.chart import DEFERRED_REVENUE, DISPUTE_RECEIVABLE, STRIPE_CLEARING
from ledger.book.commands import (
    Command,
    Inflow,
    MoneyLine,
    OpenDispute,
    PlaceHold,
    Posted,
    RefundPayment,
    SetOverdraft,
    SettleDispute,
    Transaction,
    UndoRefund,
    Use,
)
from ledger.book.door import Door
from ledger.kit.db import Database
from ledger.refill.history import EXACT_MAX, History, history
from ledger.refill.rules.simulate import Entry, Position
from tests.book.conftest import Clock, clock, database, door
from tests.support.book import CREDIT, attempt, new_wallets, session

__all__ = ["clock", "database", "door"]

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


class Wallet:
    """A wallet that things are done in, hours apart."""

    def __init__(self, url: str, door: Door, clock: Clock) -> None:
        (self.wallet_id,) = new_wallets(url)
        self.url = url
        self.door = door
        self.clock = clock

    async def do(self, kind: type[Command], hours: float = 0, **fields: Any) -> Transaction:
        """Do it so many hours later."""
        self.clock.advance(HOUR * hours)
        [outcome] = await self.door.submit([attempt(kind(wallet_id=self.wallet_id, **fields))])
        assert isinstance(outcome, Posted), outcome
        return outcome.transaction

    async def give(self, credits: int, hours: float = 0) -> Transaction:
        return await self.do(Inflow, hours, amount=credits * CREDIT, source="promotional")

    async def use(self, credits: int, hours: float = 0) -> Transaction:
        return await self.do(Use, hours, amount=credits * CREDIT, service="tests")

    async def refill(self, credits: int, hours: float = 0) -> Transaction:
        """A purchase that auto-refill made, as payments keep it."""
        bought = await self.do(
            Inflow,
            hours,
            amount=credits * CREDIT,
            source="purchase",
            of_kind="purchase",
            cost=1_000,
            currency="USD",
            money=(MoneyLine(STRIPE_CLEARING, DEFERRED_REVENUE, "USD", 1_000),),
            join=False,
            facts={"auto_refill": 1},
        )
        with session(self.url) as connection:
            connection.execute(
                "INSERT INTO payments (wallet_id, payment, origin, refill, state, amount, currency, credits_micro,"
                " token, actor, paid, tax, number) VALUES (%s, %s, 'refill', 1, 'paid', 1000, 'USD', %s,"
                " gen_random_uuid(), 'auto_refill', 1000, 0, %s)",
                [self.wallet_id, bought.number, credits * CREDIT, bought.number],
            )
        return bought

    async def refund(self, bought: Transaction, credits: int, hours: float = 0) -> Transaction:
        """Take credits of a refill back, as refunds are kept."""
        command = {"number": bought.number, "paid": 1_000, "credits": credits * CREDIT}
        refunded = await self.do(RefundPayment, hours, **command)
        with session(self.url) as connection:
            connection.execute(
                "INSERT INTO payment_refunds (wallet_id, number, payment, state, amount, currency, credits_micro, actor)"
                " VALUES (%s, %s, %s, 'succeeded', 100, 'USD', %s, 'tests')",
                [self.wallet_id, refunded.number, bought.number, credits * CREDIT],
            )
        return refunded

    async def dispute(self, bought: Transaction, credits: int, hours: float = 0) -> Transaction:
        """Set credits of a refill aside, as disputes are kept."""
        money = (MoneyLine(DISPUTE_RECEIVABLE, STRIPE_CLEARING, "USD", 100),)
        opened = await self.do(OpenDispute, hours, number=bought.number, amount=credits * CREDIT, money=money)
        with session(self.url) as connection:
            connection.execute(
                "INSERT INTO payment_disputes (wallet_id, dispute, payment, status, reason, amount, currency, number,"
                " created_at) VALUES (%s, 'dp_1', %s, 'needs_response', 'fraudulent', 100, 'USD', %s, now())",
                [self.wallet_id, bought.number, opened.number],
            )
        return opened

    async def look(self, database: Database, days: int = 90, exact_max: int = EXACT_MAX) -> History:
        async with database.transaction() as connection:
            found = await history(connection, self.wallet_id, days, exact_max)
        assert found is not None
        return found


@pytest.fixture
def wallet(database_url: str, door: Door, clock: Clock) -> Wallet:
    return Wallet(database_url, door, clock)


def entry(transaction: Transaction, credits: int, held: int = 0) -> Entry:
    return Entry(transaction.recorded_at, credits * CREDIT, held * CREDIT)


async def test_each_transaction_is_an_entry(wallet: Wallet, database: Database) -> None:
    """What is owed counts against what is free; a hold moves from free to held; each of them, in the book's order."""
    given = await wallet.give(10)
    held = await wallet.do(PlaceHold, 1, amount=4 * CREDIT, service="tests", expires_in_s=30 * 86_400)
    used = await wallet.use(6, 1)
    await wallet.door.submit([attempt(SetOverdraft(wallet_id=wallet.wallet_id, limit=100 * CREDIT))])
    owing = await wallet.use(5)
    paid = await wallet.give(7, 1)

    found = await wallet.look(database)
    assert [
        entry(given, 10),
        entry(held, -4, 4),
        entry(used, -6),
        entry(owing, -5),
        entry(paid, 7),
    ] == found.entries
    assert (Position(0), given.recorded_at) == (found.start, found.window.start)
    assert (True, 5, 0, None) == (found.exact, found.transactions, found.refills, found.burn_micro)


async def test_it_begins_with_what_the_wallet_had_then(wallet: Wallet, database: Database) -> None:
    await wallet.give(10)
    await wallet.do(PlaceHold, amount=4 * CREDIT, service="tests", expires_in_s=30 * 86_400)
    used = await wallet.use(1, 25)

    found = await wallet.look(database, days=1)
    assert (Position(6 * CREDIT, 4 * CREDIT), [entry(used, -1)]) == (found.start, found.entries)
    assert timedelta(days=1) == found.window.end - found.window.start
    wallet.clock.advance(25 * HOUR)
    later = await wallet.look(database, days=1)
    assert (Position(5 * CREDIT, 4 * CREDIT), [], 0) == (later.start, later.entries, later.transactions)


async def test_refills_are_left_out_with_what_undid_them(wallet: Wallet, database: Database) -> None:
    """Refunds, one that failed, and a dispute that was won; what came before the window stays."""
    await wallet.refill(50)
    given = await wallet.give(10, 25)
    bought = await wallet.refill(20, 1)
    used = await wallet.use(3)
    refunded = await wallet.refund(bought, 5, 1)
    await wallet.do(UndoRefund, 1, number=refunded.number)
    await wallet.refund(bought, 4)
    opened = await wallet.dispute(bought, 6, 1)
    back = (MoneyLine(STRIPE_CLEARING, DISPUTE_RECEIVABLE, "USD", 100),)
    settled = {"number": opened.number, "won": True, "withdrawn": 100, "paid": 1_000, "currency": "USD"}
    await wallet.do(SettleDispute, 1, money=back, **settled)

    for exact_max in (10, 1):
        found = await wallet.look(database, days=1, exact_max=exact_max)
        assert (Position(50 * CREDIT), [entry(given, 10), entry(used, -3)]) == (found.start, found.entries)
        assert (1, 8, exact_max == 10) == (found.refills, found.transactions, found.exact)


async def test_a_refund_of_a_refill_before_the_window_is_part_of_it(wallet: Wallet, database: Database) -> None:
    bought = await wallet.refill(50)
    refunded = await wallet.refund(bought, 5, 25)
    found = await wallet.look(database, days=1)
    assert ([entry(refunded, -5)], 0) == (found.entries, found.refills)


async def test_many_transactions_are_read_by_the_hour(wallet: Wallet, database: Database) -> None:
    """The same in sum, at the last instant of each hour in which something moved, refills left out."""
    moved: list[tuple[Transaction, int]] = []
    moved.append((await wallet.give(1_000), 1_000))
    for step in range(30):
        moved.append((await wallet.use(step + 1, 0.4 if step % 7 else 3), -step - 1))
        if step % 10 == 9:
            moved.append((await wallet.refill(5), 0))

    exact = await wallet.look(database)
    found = await wallet.look(database, exact_max=len(moved) - 1)
    assert (True, False) == (exact.exact, found.exact)
    assert (len(moved), 3) == (found.transactions, found.refills)
    assert by_hour(moved) == list(found.entries)
    assert sum(each.free_micro for each in exact.entries) == sum(each.free_micro for each in found.entries)


def by_hour(moved: Sequence[tuple[Transaction, int]]) -> list[Entry]:
    hours: dict[Any, Entry] = {}
    for transaction, credits in moved:
        at = transaction.recorded_at
        hour = at.replace(minute=0, second=0, microsecond=0)
        before = hours.get(hour, Entry(at, 0))
        hours[hour] = Entry(at, before.free_micro + credits * CREDIT)
    return list(hours.values())


async def test_a_wallet_without_transactions_and_none(wallet: Wallet, database: Database) -> None:
    found = await wallet.look(database, days=7)
    assert (Position(0), [], 0) == (found.start, found.entries, found.transactions)
    assert timedelta(days=7) == found.window.end - found.window.start
    async with database.transaction() as connection:
        assert None is await history(connection, 12345, 7, EXACT_MAX)
