"""An account that was in use before the books: its balance is taken on once, and then everything ties."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ledger.book.chart import HOUSE
from ledger.kit.db import SERVICE_ROLE, Database
from ledger.payments.desk import Desk
from ledger.payments.money.takeon import NotTakenOn, take_on
from ledger.payments.reconcile.report import text_of
from ledger.payments.reconcile.service import reconcile
from tests.payments.buying import Shop
from tests.support.api import run_sql
from tests.support.desk import desk_at
from tests.support.sandbox import KEY, SandboxAt, sandbox_served
from tests.support.servers import create_database, drop_database

pytestmark = pytest.mark.anyio

AT_ONCE = "pm_card_bypassPending"


@pytest.fixture
def sandbox() -> Iterator[SandboxAt]:
    """One of its own: an account that nothing here knows."""
    with sandbox_served() as at:
        at.tell("/config", fee_known_after_s=0, refund_after_s=0, dispute_after_s=0, payout_daily=False)
        yield at


@pytest.fixture
async def desk(empty_books: str, sandbox: SandboxAt) -> AsyncIterator[Desk]:
    async with desk_at(empty_books, sandbox) as found:
        yield found


@pytest.fixture
def shop(empty_books: str, desk: Desk, sandbox: SandboxAt) -> Shop:
    return Shop(empty_books, desk, sandbox)


@pytest.fixture
def empty_books(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database of its own."""
    name = f"o_{uuid.uuid4().hex[:12]}"
    yield create_database(postgres_url, name, template=template_database)
    drop_database(postgres_url, name)


@pytest.fixture
async def reading(empty_books: str) -> AsyncIterator[Database]:
    found = Database(empty_books, pool_size=1, role=SERVICE_ROLE)
    yield found
    await found.dispose()


async def test_an_account_with_a_past_ties_after_it_was_taken_on(shop: Shop, reading: Database) -> None:
    """A charge, a payout that arrived and one that has not, from before; then a refund, a dispute, and new payments."""
    first = shop.charge(10_000, AT_ONCE)
    await shop.settled(str(first.latest_charge))
    arrived = shop.sandbox.tell("/payout")["payout"]["id"]
    shop.sandbox.tell(f"/payout/{arrived}", outcome="paid")
    second = shop.charge(7_000, AT_ONCE)
    await shop.settled(str(second.latest_charge))
    leaving = shop.sandbox.tell("/payout")["payout"]["id"]
    await shop.settled(str(shop.charge(8_000, AT_ONCE).latest_charge))
    report = await reconcile(shop.desk, reading)
    assert not report.ok
    assert "stripe take-on" in text_of(report)

    held = shop.balance
    opening = await take_on(shop.desk)
    assert (held, held) == (opening.balance + _booked_before(shop), shop.money()["stripe_clearing"])
    report = await reconcile(shop.desk, reading)
    assert report.ok, text_of(report)

    with pytest.raises(NotTakenOn, match="taken on already"):
        await take_on(shop.desk)
    assert 1 == len(shop.rows("stripe_openings"))

    shop.sandbox.pass_time(2)
    shop.stripe.v1.refunds.create({"charge": str(first.latest_charge), "amount": 1_500})
    shop.sandbox.tell(f"/dispute/{second.latest_charge}")
    shop.sandbox.tell(f"/payout/{leaving}", outcome="paid")
    await shop.buy(card=AT_ONCE)
    report = await reconcile(shop.desk, reading)
    assert report.ok, text_of(report)
    shop.check()
    opened = {row["debit"] for row in shop.rows("postings", wallet_id=HOUSE, credit="stripe_clearing")}
    assert {"opening_balance", "dispute_fees"} <= opened
    assert [] == shop.rows("stripe_problems")


def _booked_before(shop: Shop) -> int:
    """What the first reconciliation booked of the time before: a payout that arrived."""
    return sum(row["net"] for row in shop.rows("stripe_movements") if row["number"] and row["created_at"])


async def test_an_instant_behind_the_first_payment_is_refused(shop: Shop, reading: Database) -> None:
    payment = await shop.buy(card=AT_ONCE)
    shop.sandbox.pass_time(3)
    shop.charge(1_000, AT_ONCE)
    run_sql(shop.url, "UPDATE payments SET created_at = created_at - interval '1 hour'")
    with pytest.raises(NotTakenOn, match=r"was made here at .*name an instant before it"):
        await take_on(shop.desk)
    assert ([], ["purchase", "fee"]) == (shop.rows("stripe_openings"), shop.kinds(payment))


async def test_an_account_without_a_past_is_not_taken_on(shop: Shop) -> None:
    with pytest.raises(NotTakenOn, match="nothing has happened"):
        await take_on(shop.desk)


async def test_the_command_takes_on_once(shop: Shop) -> None:
    await shop.settled(str(shop.charge(5_000, AT_ONCE).latest_charge))

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        environ: dict[str, Any] = {"LEDGER_STRIPE_API_KEY": KEY, "LEDGER_STRIPE_API_BASE": shop.sandbox.base}
        argv = [sys.executable, "-m", "ledger.cli", "stripe", "take-on", "--database-url", shop.url, *more]
        return subprocess.run(argv, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)

    assert 2 == run("--at", "yesterday").returncode
    done = run()
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    assert "with 48.25 USD at Stripe" in done.stdout
    again = run()
    assert 1 == again.returncode
    assert "taken on already" in again.stderr
