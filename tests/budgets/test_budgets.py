"""Budgets in the door: never overspent, counted in their periods, told at their edges; on a real database."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ledger.book.commands import Capture, Outcome, PlaceHold, Posted, Release, Reverse, Transfer
from tests.book.conftest import Clock
from tests.budgets.conftest import OpenDoor
from tests.budgets.scene import Scene, use
from tests.support.book import CREDIT, attempt, codes, new_wallets, session

pytestmark = pytest.mark.anyio

RACERS = 40


def hold_of(outcome: Outcome) -> int:
    assert isinstance(outcome, Posted)
    return outcome.transaction.number


async def test_forty_racers_never_exceed_a_hard_budget(open_door: OpenDoor, scene: Scene) -> None:
    """Each wants 30 of 100, at three doors, in requests of one and of several: three win, whatever the order."""
    doors = [await open_door() for _ in range(3)]
    for _ in range(10):
        wallet_id = await scene.wallet()
        budget = await scene.make(wallet_id, hard=True)
        requests = [doors[i % 3].submit([attempt(use(wallet_id, 30)) for _ in range(1 + i % 2)]) for i in range(RACERS)]
        outcomes = [outcome for request in await asyncio.gather(*requests) for outcome in request]
        assert Counter(codes(outcomes)) == {"posted": 3, "CREDIT_LIMIT_EXCEEDED": RACERS * 3 // 2 - 3}
        assert ("90", "10") == ((shown := await scene.show(wallet_id, budget)).spent, shown.left)
        assert [(50, "60"), (80, "90"), (90, "90")] == scene.told(wallet_id)


async def test_captures_race_for_what_is_left(open_door: OpenDoor, scene: Scene) -> None:
    """Each hold fits by itself, all together do not: captures are refused beyond the limit, and holds stay open."""
    doors = [await open_door() for _ in range(2)]
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, hard=True)
    holds = await scene.post(
        *(PlaceHold(wallet_id=wallet_id, amount=30 * CREDIT, service="chat", expires_in_s=60) for _ in range(8))
    )
    captures = [Capture(wallet_id=wallet_id, hold=hold_of(hold)) for hold in holds]
    requests = [doors[i % 2].submit([attempt(capture)]) for i, capture in enumerate(captures)]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*requests)]
    assert Counter(codes(outcomes)) == {"posted": 3, "CREDIT_LIMIT_EXCEEDED": 5}


async def test_a_budget_made_during_a_race_counts_all_of_it(open_door: OpenDoor, scene: Scene) -> None:
    """Uses before it, uses after it, and none twice."""
    doors = [await open_door() for _ in range(2)]
    for round_ in range(8):
        wallet_id = await scene.wallet()
        await scene.use(wallet_id, 5)

        async def uses(door: int, wallet_id: int = wallet_id) -> None:
            for _ in range(12):
                await doors[door].submit([attempt(use(wallet_id, 1))])

        race = asyncio.gather(*(uses(door) for door in (0, 1)))
        await asyncio.sleep(0.002 * round_)
        budget = await scene.make(wallet_id)
        await race
        assert "29" == (await scene.show(wallet_id, budget)).spent


async def test_an_atomic_batch_that_is_undone_leaves_what_is_spent(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, hard=True)
    await scene.use(wallet_id, 45)

    undone = await scene.post(use(wallet_id, 50), use(wallet_id, 6), atomic=True)
    assert ["BATCH_REFUSED", "CREDIT_LIMIT_EXCEEDED"] == codes(undone)
    assert [45] == [credits for _, credits in scene.spent(wallet_id)]
    assert [] == scene.told(wallet_id)

    done = await scene.door.submit([attempt(use(wallet_id, 50)), attempt(use(wallet_id, 5))], atomic=True)
    assert ["posted", "posted"] == codes(done)
    assert [100] == [credits for _, credits in scene.spent(wallet_id)]


async def test_after_an_undone_batch_the_others_of_its_unit_are_decided_anew(scene: Scene) -> None:
    """What a group that is undone took of the budget is free for the next request of the same unit."""
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, hard=True)
    group = [attempt(use(wallet_id, 90)), attempt(use(wallet_id, 20))]
    first, second = await asyncio.gather(
        scene.door.submit(group, atomic=True), scene.door.submit([attempt(use(wallet_id, 100))])
    )
    assert (["BATCH_REFUSED", "CREDIT_LIMIT_EXCEEDED"], ["posted"]) == (codes(first), codes(second))


async def test_a_refusal_is_remembered_and_takes_nothing(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, hard=True, limit=10)
    one = attempt(use(wallet_id, 11), "the same")
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes(await scene.door.submit([one]))
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes(await scene.door.submit([one]))
    assert ["posted"] == codes(await scene.post(use(wallet_id, 10)))
    replayed = attempt(use(wallet_id, 1), "once")
    await scene.change(wallet_id, (await first_budget(scene, wallet_id)), limit=11)
    assert ["posted", "replayed"] == [
        *codes(await scene.door.submit([replayed])),
        *codes(await scene.door.submit([replayed])),
    ]
    assert [11] == [credits for _, credits in scene.spent(wallet_id)]


async def first_budget(scene: Scene, wallet_id: int) -> int:
    with session(scene.url) as connection:
        row = connection.execute("SELECT budget FROM budgets WHERE wallet_id = %s", [wallet_id]).fetchone()
    assert row is not None
    return int(row[0])


async def test_each_level_is_told_once_over_many_units(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, alerts=[50, 80, 100, 150])
    for _ in range(60):
        await scene.use(wallet_id, 3)
    assert [(50, "51"), (80, "81"), (100, "102"), (150, "150")] == scene.told(wallet_id)


async def test_levels_crossed_together_are_told_together(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id)
    await scene.post(use(wallet_id, 30), use(wallet_id, 60), use(wallet_id, 30))
    assert [(50, "90"), (80, "90"), (90, "90"), (100, "120")] == scene.told(wallet_id)


async def test_a_refund_rearms(scene: Scene) -> None:
    """Below the level and over it again: told again. A refund that stays above it is silent."""
    wallet_id = await scene.wallet()
    budget = await scene.make(wallet_id, alerts=[50])
    used = await scene.use(wallet_id, 60)
    await scene.undo(used, 5)
    await scene.use(wallet_id, 5)
    assert [(50, "60")] == scene.told(wallet_id)
    await scene.undo(used, 20)
    assert ("40", []) == ((shown := await scene.show(wallet_id, budget)).spent, shown.told)
    await scene.use(wallet_id, 10)
    assert [(50, "60"), (50, "50")] == scene.told(wallet_id)


async def test_a_use_undone_in_one_batch_is_told_as_it_happened(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, alerts=[50])
    used = await scene.use(wallet_id, 40)
    assert isinstance(used, Posted)
    back = Reverse(wallet_id=wallet_id, number=used.transaction.number)
    await scene.post(use(wallet_id, 20), back, use(wallet_id, 40))
    assert [(50, "60"), (50, "60")] == scene.told(wallet_id)


async def test_a_period_begins_anew(scene: Scene, clock: Clock) -> None:
    """What was refused yesterday is allowed today, and every level is told again."""
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, period="day", hard=True, alerts=[100])
    assert ["posted", "CREDIT_LIMIT_EXCEEDED"] == codes(await scene.post(use(wallet_id, 100), use(wallet_id, 1)))
    clock.advance(timedelta(days=1))
    assert ["posted", "CREDIT_LIMIT_EXCEEDED"] == codes(await scene.post(use(wallet_id, 100), use(wallet_id, 1)))
    assert [100, 100] == [credits for _, credits in scene.spent(wallet_id)]
    assert [(100, "100"), (100, "100")] == scene.told(wallet_id)


async def test_late_usage_counts_where_it_occurred(scene: Scene, clock: Clock) -> None:
    """Against the limit of that day, not of today's; so does what is given back of it, however late."""
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, period="day", hard=True, alerts=[100])
    day = scene.now()
    await scene.use(wallet_id, 70)
    clock.advance(timedelta(days=3))
    await scene.use(wallet_id, 40)

    late = await scene.post(
        use(wallet_id, 31, effective_at=day), use(wallet_id, 30, effective_at=day), use(wallet_id, 1, effective_at=day)
    )
    assert ["CREDIT_LIMIT_EXCEEDED", "posted", "CREDIT_LIMIT_EXCEEDED"] == codes(late)
    assert [100, 40] == [credits for _, credits in scene.spent(wallet_id)]
    clock.advance(timedelta(days=40))
    await scene.undo(late[1])
    assert [70, 40] == [credits for _, credits in scene.spent(wallet_id)]


async def test_usage_of_before_the_budget_does_not_concern_it(scene: Scene, clock: Clock) -> None:
    wallet_id = await scene.wallet()
    old = await scene.use(wallet_id, 50)
    day = scene.now()
    clock.advance(timedelta(days=2))
    await scene.make(wallet_id, period="day", hard=True)
    assert ["posted"] == codes([await scene.use(wallet_id, 500, effective_at=day)])
    assert "posted" in codes([await scene.undo(old)])
    assert [] == scene.spent(wallet_id)


async def test_days_of_23_and_25_hours(scene: Scene, clock: Clock) -> None:
    """In Berlin on the days when the clock is changed: every hour counts on its day, and on one."""
    for first, hours in ((datetime(2099, 3, 28, 23, tzinfo=UTC), 23), (datetime(2099, 10, 24, 22, tzinfo=UTC), 25)):
        scene.move_clock(first + timedelta(minutes=5))
        wallet_id = await scene.wallet()
        await scene.make(wallet_id, zone="Europe/Berlin", period="day", hard=True, limit=hours)
        for hour in range(hours):
            scene.move_clock(first + timedelta(hours=hour, minutes=30))
            assert ["posted"] == codes([await scene.use(wallet_id, 1)]), (first, hour)
        assert ["CREDIT_LIMIT_EXCEEDED"] == codes([await scene.use(wallet_id, 1)])
        scene.move_clock(first + timedelta(hours=hours, minutes=1))
        assert ["posted"] == codes([await scene.use(wallet_id, 1)])
        assert [(first, hours), (first + timedelta(hours=hours), 1)] == scene.spent(wallet_id)


async def test_services_and_members_have_their_own(scene: Scene) -> None:
    """A capture is its hold's service and member, unless it says otherwise."""
    wallet_id = await scene.wallet()
    chat = await scene.make(wallet_id, service="chat")
    ann = await scene.make(wallet_id, user_id="ann", hard=True)
    hold = PlaceHold(
        wallet_id=wallet_id, amount=80 * CREDIT, service="chat", expires_in_s=60, metadata={"user_id": "ann"}
    )
    held = [hold_of(outcome) for outcome in await scene.post(hold, hold)]
    await scene.post(
        use(wallet_id, 1),
        use(wallet_id, 2, service="render", metadata={"user_id": "ann"}),
        use(wallet_id, 4, metadata={"user_id": "bob"}),
        Capture(wallet_id=wallet_id, hold=held[0], amount=8 * CREDIT, final=False),
        Capture(wallet_id=wallet_id, hold=held[0], amount=16 * CREDIT, service="render"),
    )
    assert ["13", "26"] == [(await scene.show(wallet_id, budget)).spent for budget in (chat, ann)]
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes(await scene.post(Capture(wallet_id=wallet_id, hold=held[1])))
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes(await scene.post(hold))
    assert ["posted"] == codes(await scene.post(Release(wallet_id=wallet_id, hold=held[1])))


async def test_holds_and_transfers_count_nothing(scene: Scene) -> None:
    wallet_id, payee = await scene.wallet(), new_wallets(scene.url)[0]
    await scene.make(wallet_id, hard=True, limit=10)
    hold = PlaceHold(wallet_id=wallet_id, amount=10 * CREDIT, service="chat", expires_in_s=60)
    moved = Transfer(wallet_id=wallet_id, payee_id=payee, amount=500 * CREDIT)
    assert ["posted"] * 3 == codes(await scene.post(hold, hold, moved))
    assert [] == scene.spent(wallet_id)


async def test_a_wallet_without_budgets_has_nothing_written(scene: Scene) -> None:
    wallet_id = await scene.wallet()
    await scene.use(wallet_id, 10)
    assert [] == scene.spent(wallet_id)


async def test_a_level_that_nobody_told_is_told_by_the_next_transaction(scene: Scene) -> None:
    """The process that made the budget died before it had the levels told."""
    wallet_id = await scene.wallet()
    await scene.use(wallet_id, 60)
    await scene.make(wallet_id, alerts=[50])
    with session(scene.url) as connection:
        connection.execute("UPDATE budget_spent SET told = '{}' WHERE wallet_id = %s", [wallet_id])
    before = scene.told(wallet_id)
    await scene.use(wallet_id, 1)
    await scene.use(wallet_id, 1)
    assert [*before, (50, "61")] == scene.told(wallet_id)


async def test_a_model_of_budgets_agrees(scene: Scene, clock: Clock) -> None:
    """Random uses, late ones and refunds in random batches: spent is what adds up, and never beyond the limit."""
    rng = random.Random(11)
    wallet_id = await scene.wallet()
    await scene.make(wallet_id, period="day", hard=True, limit=40)
    clock.advance(timedelta(days=3))
    now = scene.now()
    days: Counter[datetime] = Counter()
    posted: list[tuple[Posted, datetime]] = []
    for _ in range(40):
        back = [timedelta(days=rng.choice([0, 0, 1, 2, 3])) for _ in range(rng.randint(1, 4))]
        batch = [use(wallet_id, rng.randint(1, 9), effective_at=now - days_back) for days_back in back]
        for command, outcome in zip(batch, await scene.post(*batch), strict=True):
            assert command.effective_at is not None
            start = command.effective_at.replace(hour=0, minute=0, second=0, microsecond=0)
            if isinstance(outcome, Posted):
                days[start] += command.amount // CREDIT
                posted.append((outcome, start))
            else:
                assert days[start] + command.amount // CREDIT > 40
            assert days[start] <= 40
        if posted and rng.random() < 0.4:
            outcome, start = posted.pop(rng.randrange(len(posted)))
            assert ["posted"] == codes([await scene.undo(outcome)])
            days[start] -= sum(line.amount for line in outcome.transaction.postings) // CREDIT
    assert [(start, spent) for start, spent in sorted(days.items()) if spent] == scene.spent(wallet_id)
