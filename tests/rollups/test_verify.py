"""Verify notices sums that do not agree with each other, or with the journal."""

import pytest

from ledger.book.commands import Inflow, Reverse
from ledger.book.verify import Report
from ledger.rollups.roller import roll_up
from ledger.rollups.verify import verify_rollups
from tests.book.conftest import Clock
from tests.rollups.test_rollups import opened, post, use
from tests.support.api import run_sql
from tests.support.book import CREDIT, new_wallets

pytestmark = pytest.mark.anyio

TAMPER = {
    "a slot": "UPDATE rollups SET charged_micro = charged_micro + 1 WHERE wallet_id = %s AND service = 'gpu'",
    "a slot gone": "DELETE FROM rollups WHERE wallet_id = %s AND service = 'gpu'",
    "a day": "UPDATE rollup_days SET operations = operations + 1 WHERE wallet_id = %s AND by = 'all'",
    "days by hour gone": "DELETE FROM rollup_days WHERE wallet_id = %s AND by = 'hour'",
    "a service": "UPDATE rollup_days SET sessions = 5 WHERE wallet_id = %s AND by = 'meter' AND key = 'gpu'",
    "a user": "UPDATE rollup_days SET refunded_micro = 7 WHERE wallet_id = %s AND by = 'user'",
    "a purpose gone": "DELETE FROM rollup_days WHERE wallet_id = %s AND by = 'purpose'",
    "the mark": "UPDATE rollup_marks SET charged_micro = charged_micro - 1 WHERE wallet_id = %s",
    "the mark's number": "UPDATE rollup_marks SET number = number - 1 WHERE wallet_id = %s",
    "the mark gone": "DELETE FROM rollup_marks WHERE wallet_id = %s",
}


def verified(url: str, wallet_id: int) -> Report:
    report = Report.empty()
    verify_rollups(url, report, [wallet_id])
    return report


@pytest.mark.parametrize("statement", TAMPER.values(), ids=TAMPER.keys())
async def test_sums_agree_with_each_other_and_with_the_journal(database_url: str, statement: str) -> None:
    """Also those of a wallet of which not all is rolled up yet."""
    (wallet,), clock = new_wallets(database_url), Clock(database_url)
    assert verified(database_url, wallet).ok
    async with opened(database_url) as (database, door):
        await post(door, Inflow(wallet_id=wallet, amount=30 * CREDIT, source="promotional"))
        number = await post(door, use(wallet, clock, user_id="ann", purpose="tests", session="s"))
        assert number is not None
        await post(door, Reverse(wallet_id=wallet, number=number, amount=CREDIT // 2, refund=True))
        await post(door, use(wallet, clock, service="gpu", session="t"))
        await roll_up(database, wallet)
        await post(door, use(wallet, clock))
    report = verified(database_url, wallet)
    assert (report.ok, report.checked["rollups"]) == (True, 1), report.faults

    run_sql(database_url, statement, wallet)
    (fault,) = verified(database_url, wallet).faults
    assert (fault.kind, fault.wallet_id) == ("rollup", wallet)


async def test_each_day_a_share_of_the_wallets_is_looked_at(database_url: str) -> None:
    """All of these are wrong, in four places each."""
    wallets = new_wallets(database_url, 200)
    marks = "INSERT INTO rollup_marks (wallet_id, zone, operations) SELECT unnest(%s::bigint[]), 'UTC', 1"
    run_sql(database_url, marks, wallets)
    report = Report.empty()
    verify_rollups(database_url, report)
    assert 0 < report.checked["rollups"] < len(wallets)
    assert 0 < report.counts["rollup"] < len(wallets)
