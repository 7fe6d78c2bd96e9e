"""Verify recounts what is spent of budgets, and finds what does not follow from the journal."""

import pytest

from ledger.book.verify import Report, verify_now
from ledger.budgets.verify import verify_budgets
from tests.budgets.scene import Scene
from tests.support.book import CREDIT, session

pytestmark = pytest.mark.anyio

TAMPER = {
    "one too much": "UPDATE budget_spent SET spent_micro = spent_micro + 1 WHERE wallet_id = %s",
    "a row gone": "DELETE FROM budget_spent WHERE wallet_id = %s",
    "another day": "UPDATE budget_spent SET start = start - interval '1 day' WHERE wallet_id = %s AND spent_micro > 0",
    "another service": "UPDATE budgets SET scope = 'service', of = 'render' WHERE wallet_id = %s",
}


def verified(url: str, wallet_id: int) -> Report:
    report = verify_now(url, [wallet_id])
    verify_budgets(url, report, [wallet_id])
    return report


@pytest.mark.parametrize("statement", TAMPER.values(), ids=TAMPER.keys())
async def test_what_is_spent_is_recounted(scene: Scene, statement: str) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id)
    await scene.undo(await scene.use(wallet_id, 7), 2)
    report = verified(scene.url, wallet_id)
    assert (report.ok, report.checked["budgets"]) == (True, 1)

    scene.wallets.clear()
    with session(scene.url) as connection:
        connection.execute(statement, [wallet_id])
    (fault,) = verified(scene.url, wallet_id).faults
    assert (fault.kind, fault.wallet_id) == ("budget_spent", wallet_id)
    assert {str(5 * CREDIT), "0", str(5 * CREDIT + 1)} >= {fault.expected, fault.found}


async def test_members_are_left_out_where_notes_are_gone(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, user_id="ann")
    await scene.use(wallet_id, 7, metadata={"user_id": "ann"})
    assert verified(scene.url, wallet_id).checked["budgets"] == 1
    with session(scene.url) as connection:
        connection.execute("DELETE FROM notes WHERE wallet_id = %s AND number = 2", [wallet_id])
    report = verified(scene.url, wallet_id)
    assert (report.ok, report.checked["budgets"]) == (True, 0)
