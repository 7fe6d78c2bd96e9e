"""Budgets and prices in one unit: the last free unit and the last micro-credit, and months that are not the same."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ledger.book.commands import Capture, Measure, PlaceHold, Posted, Reverse, Use
from tests.book.conftest import Clock
from tests.budgets.conftest import OpenDoor
from tests.budgets.scene import Scene, use
from tests.support.book import CREDIT, attempt, codes

pytestmark = pytest.mark.anyio

MINUTE = 10**6
"""The meter that ships counts millionths. A hundred are free in each month, the others cost 0.1 credits."""


def minutes(wallet_id: int, millionths: int, at: datetime | None = None) -> Use:
    measure = Measure("minutes", millionths, {"template": "node"})
    return Use(wallet_id=wallet_id, amount=0, service="sandbox_execution", measure=measure, effective_at=at)


async def test_racers_for_the_last_free_unit_and_the_last_cent(open_door: OpenDoor, scene: Scene) -> None:
    """Of twenty at two doors one has what is left free, five what is left of the budget, and nobody more than that."""
    doors = [await open_door() for _ in range(2)]
    for _ in range(5):
        wallet_id = await scene.wallet()
        budget = await scene.make(wallet_id, limit=5, hard=True)
        await scene.post(minutes(wallet_id, 90 * MINUTE))
        racers = [doors[n % 2].submit([attempt(minutes(wallet_id, 10 * MINUTE))]) for n in range(20)]
        outcomes = [outcome for (outcome,) in await asyncio.gather(*racers)]
        posted = [outcome for outcome in outcomes if isinstance(outcome, Posted)]
        assert Counter(codes(outcomes)) == {"posted": 6, "CREDIT_LIMIT_EXCEEDED": 14}
        assert [0, *[CREDIT] * 5] == sorted(sum(p.amount for p in each.transaction.postings) for each in posted)
        assert ("5", "0") == ((shown := await scene.show(wallet_id, budget)).spent, shown.left)


async def test_a_budget_ends_at_the_last_micro_credit(scene: Scene) -> None:
    """A hundred-thousandth of a minute is one micro-credit; what is free needs no room."""
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, limit="0.000002", hard=True)
    steps = [100 * MINUTE, 30, 10]
    assert ["posted", "CREDIT_LIMIT_EXCEEDED", "posted"] == codes(
        await scene.post(*(minutes(wallet_id, millionths) for millionths in steps))
    )
    # Nine tenths of a micro-credit, and then a tenth: the carry makes the second one due.
    assert ["posted"] * 2 == codes(await scene.post(minutes(wallet_id, 9), minutes(wallet_id, 1)))
    assert ["posted", "CREDIT_LIMIT_EXCEEDED"] == codes(await scene.post(minutes(wallet_id, 9), minutes(wallet_id, 1)))


async def test_free_months_are_those_of_utc_and_budgets_those_of_the_wallet(scene: Scene, clock: Clock) -> None:
    """Berlin sets its clock forward in March: its April begins two hours before that of UTC, to the microsecond."""
    scene.move_clock(datetime(2099, 3, 1, tzinfo=UTC) + timedelta(hours=1))
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, zone="Europe/Berlin", limit=10, hard=True)
    scene.move_clock(datetime(2099, 4, 2, tzinfo=UTC))
    april_there = datetime(2099, 3, 31, 22, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    steps = [
        (april_there - moment, 200, "posted"),  # 100 free in March, and all of its budget
        (april_there - moment, 1, "CREDIT_LIMIT_EXCEEDED"),
        (april_there, 60, "posted"),  # April's budget, and nothing is free: it is March in UTC
        (april_there + timedelta(hours=2) - moment, 40, "posted"),
        (april_there + timedelta(hours=2) - moment, 1, "CREDIT_LIMIT_EXCEEDED"),
        (april_there + timedelta(hours=2), 100, "posted"),  # April's free minutes
        (april_there + timedelta(hours=2), 1, "CREDIT_LIMIT_EXCEEDED"),
    ]
    for at, count, expected in steps:
        assert [expected] == codes(await scene.post(minutes(wallet_id, count * MINUTE, at))), (at, count)
    began = datetime(2099, 2, 28, 23, tzinfo=UTC)
    assert [(began, 10), (april_there, 10)] == scene.spent(wallet_id)


async def test_a_void_of_what_was_priced_gives_its_room_back(scene: Scene) -> None:
    """All that is left of it, after a refund of a part."""
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, limit=10, hard=True)
    (used,) = await scene.post(minutes(wallet_id, 200 * MINUTE))
    assert isinstance(used, Posted)
    await scene.undo(used, 3)
    assert [7] == [credits for _, credits in scene.spent(wallet_id)]
    void = Reverse(wallet_id=wallet_id, number=used.transaction.number, void=True)
    assert ["posted", "posted"] == codes(await scene.post(void, minutes(wallet_id, 200 * MINUTE)))
    assert [10] == [credits for _, credits in scene.spent(wallet_id)]


async def test_a_capture_is_its_holds_members_also_in_one_unit_and_when_it_comes_back(scene: Scene) -> None:
    """Only the hold names who: what is captured right after it, and what comes back of that, are Ann's."""
    wallet_id = await scene.wallet()
    ann = await scene.make(wallet_id, user_id="ann", limit=10, hard=True)
    hold = PlaceHold(
        wallet_id=wallet_id, amount=8 * CREDIT, service="chat", expires_in_s=60, metadata={"user_id": "ann"}
    )
    _, captured = await scene.post(hold, Capture(wallet_id=wallet_id, hold=2))
    assert "8" == (await scene.show(wallet_id, ann)).spent
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes(await scene.post(use(wallet_id, 3, metadata={"user_id": "ann"})))
    await scene.undo(captured, 6)
    assert "2" == (await scene.show(wallet_id, ann)).spent
