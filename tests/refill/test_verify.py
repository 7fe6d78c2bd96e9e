"""Verify holds attempts, caps, payments and the book against each other."""

import pytest

from ledger.book.verify import Report, verify_now
from ledger.kit.ids import parse_wallet
from ledger.refill.verify import verify_refills
from tests.refill.scene import Scene
from tests.support.api import run_sql

pytestmark = pytest.mark.anyio

TAMPER = {
    "refill_month": "UPDATE refill_months SET count = 0 WHERE wallet_id = %s",
    "refill_under_way": "UPDATE refills SET under_way = attempt WHERE wallet_id = %s",
    "refill_paid": "UPDATE refill_attempts SET state = 'expired' WHERE wallet_id = %s",
    "refill_payment": "UPDATE refill_attempts SET amount = amount + 1 WHERE wallet_id = %s",
}
"""What is changed behind the book's back, by the kind of fault that it is found as."""

KEPT = ("refill_months", "refills", "refill_attempts")


def verified(url: str, wallet_id: int) -> Report:
    report = verify_now(url, [wallet_id])
    verify_refills(url, report, [wallet_id])
    return report


@pytest.mark.parametrize("kind", TAMPER)
async def test_what_does_not_follow_is_found(scene: Scene, kind: str) -> None:
    wallet = await scene.wallet("10")
    await scene.work()
    wallet_id = parse_wallet(wallet)
    report = verified(scene.url, wallet_id)
    assert (report.ok, report.checked["refills"]) == (True, 1), report.faults
    for table in KEPT:
        run_sql(scene.url, f"CREATE TABLE kept_{table} AS SELECT * FROM {table} WHERE wallet_id = {wallet_id}")
    run_sql(scene.url, TAMPER[kind], wallet_id)
    assert kind in {fault.kind for fault in verified(scene.url, wallet_id).faults}
    for table in KEPT:
        run_sql(scene.url, f"DELETE FROM {table} WHERE wallet_id = {wallet_id}")
        run_sql(scene.url, f"INSERT INTO {table} SELECT * FROM kept_{table}")
        run_sql(scene.url, f"DROP TABLE kept_{table}")
