"""What is in the inbox gets done: once for each object, again where it failed, and whatever happens to others."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.kit import failpoints
from ledger.kit.failpoints import FailpointError
from ledger.kit.http.answers import encode
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway
from ledger.payments.inbox import store, work
from ledger.payments.inbox.effects import EFFECTS, Effect, Effects, jobs_of
from ledger.payments.inbox.store import Letter
from ledger.payments.inbox.told import read
from ledger.payments.inbox.work import AWAY_MAX, TRIES_MAX, pause_after
from tests.book.conftest import Clock
from tests.payments.events import event, inbox
from tests.support.api import run_sql

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("empty")]

KIND = "charge.updated"
LEASE_S = 60.0


class Doing:
    """Stands in the table: counts what it is asked to do, and fails where it is told to."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.fails: dict[str, Exception] = {}
        self.meanwhile: Callable[[], Awaitable[Any]] | None = None
        self.effects: Effects = {KIND: (Effect(lambda thing: thing["id"], self.do),)}

    async def do(self, desk: Desk, about: str) -> None:
        self.asked[about] += 1
        if self.meanwhile is not None:
            await self.meanwhile()
        if about in self.fails:
            raise self.fails[about]

    async def work(self, desk: Desk) -> int:
        return await work.work(desk, lease_s=LEASE_S, work_s=10, effects=self.effects)


@pytest.fixture
def doing() -> Doing:
    return Doing()


@pytest.fixture
def armed() -> Iterator[Callable[[str], None]]:
    yield failpoints.arm
    failpoints.arm(None)


async def put(desk: Desk, *objects: str) -> list[str]:
    """An event about each of these; their ids."""
    told = [read(encode(event(KIND, {"id": each})).decode()) for each in objects]
    await store.put(
        desk.database,
        [Letter(each, json.dumps(event(id=each.id, thing=each.data.object)), True) for each in told],
        "webhook",
    )
    return [each.id for each in told]


def rows(database_url: str) -> dict[str, tuple[str, int, str | None]]:
    """State, tries and problem of each event."""
    found = run_sql(database_url, "SELECT event, state, tries, problem FROM stripe_events")
    return {row[0]: tuple(row[1:]) for row in found}


async def test_events_about_one_object_are_one_call(desk: Desk, doing: Doing, database_url: str) -> None:
    await put(desk, *["ch_1", "ch_2", "ch_1", "ch_3", "ch_1"] * 10)
    assert 50 == await doing.work(desk)
    assert {"ch_1": 1, "ch_2": 1, "ch_3": 1} == doing.asked
    assert {"done": 50} == Counter(inbox(database_url).values())
    assert 0 == await doing.work(desk)


async def test_more_than_one_claim_takes(desk: Desk, doing: Doing) -> None:
    await put(desk, *(f"ch_{n}" for n in range(250)))
    assert 250 == await doing.work(desk)
    assert {1} == set(doing.asked.values())


async def test_an_event_that_asks_for_two_things_is_done_when_both_are(
    desk: Desk, doing: Doing, database_url: str
) -> None:
    other = Doing()
    doing.effects = {KIND: (*doing.effects[KIND], *other.effects[KIND])}
    other.fails["ch_1"] = ValueError("not yet")
    [name] = await put(desk, "ch_1")
    assert 0 == await doing.work(desk)
    assert (1, 1) == (doing.asked["ch_1"], other.asked["ch_1"])
    assert ("new", 1, "ValueError: not yet") == rows(database_url)[name]


async def test_one_that_fails_holds_up_no_other(desk: Desk, doing: Doing, database_url: str, clock: Clock) -> None:
    """It is tried again after a pause, and says meanwhile what was wrong."""
    bad, good = await put(desk, "ch_bad", "ch_good")
    doing.fails["ch_bad"] = ValueError("the book \0 refuses")
    assert 1 == await doing.work(desk)
    assert {good: ("done", 1, None), bad: ("new", 1, "ValueError: the book  refuses")} == rows(database_url)
    assert 0 == await doing.work(desk)
    clock.advance(timedelta(seconds=5))
    assert 0 == await doing.work(desk)
    doing.fails.clear()
    clock.advance(timedelta(seconds=29))
    assert 0 == await doing.work(desk)
    clock.advance(timedelta(seconds=1))
    assert 1 == await doing.work(desk)
    assert ({"ch_bad": 3, "ch_good": 1}, ("done", 3, None)) == (doing.asked, rows(database_url)[bad])


async def test_after_three_days_of_tries_it_is_given_up(
    desk: Desk, doing: Doing, database_url: str, clock: Clock
) -> None:
    """And tried again when an operator says so."""
    bad, worse = await put(desk, "ch_bad", "ch_worse")
    doing.fails = {"ch_bad": ValueError("never"), "ch_worse": ValueError("never")}
    run_sql(database_url, "UPDATE stripe_events SET tries = %s", TRIES_MAX - 2)
    for _ in range(2):
        await doing.work(desk)
        clock.advance(timedelta(hours=1))
    assert {bad: ("failed", TRIES_MAX, "ValueError: never")} == {bad: rows(database_url)[bad]}
    assert [bad] == await store.retry(desk.database, [bad, "evt_of_nobody"])
    doing.fails.clear()
    assert 1 == await doing.work(desk)
    assert {bad: "done", worse: "failed"} == inbox(database_url)
    assert [worse] == await store.retry(desk.database, None)


def test_pauses_grow_to_an_hour() -> None:
    pauses = [pause_after(tries) for tries in range(1, TRIES_MAX + 1)]
    assert [5, 30, 300, 1800, 3600] == pauses[:5]
    assert ({3600}, None) == (set(pauses[4:-1]), pauses[-1])
    assert timedelta(days=2, hours=23) < timedelta(seconds=sum(pause or 0 for pause in pauses)) <= timedelta(days=3)


async def test_while_stripe_is_away_the_rest_is_not_tried(
    desk: Desk, doing: Doing, database_url: str, clock: Clock
) -> None:
    """Neither counted as tried nor waiting for long; and those that nobody can do do not hold up the rest for ever."""
    await put(desk, *(f"ch_{n}" for n in range(50)))
    doing.fails = {f"ch_{n}": StripeAway("no answer") for n in range(50)}
    assert 0 == await doing.work(desk)
    tried = Counter(row[1] for row in rows(database_url).values())
    assert sum(doing.asked.values()) == tried[1] < AWAY_MAX + work.TOGETHER
    assert 50 - tried[1] == tried[0]
    poison = set(doing.asked)
    doing.fails = {name: error for name, error in doing.fails.items() if name in poison}
    for _ in range(5):
        clock.advance(timedelta(seconds=work.AWAY_S))
        await doing.work(desk)
    left = {name for name, state in inbox(database_url).items() if state != "done"}
    assert len(poison) == len(left)


async def test_what_somebody_died_with_is_done_when_the_lease_ends(
    desk: Desk, doing: Doing, clock: Clock, armed: Callable[[str], None]
) -> None:
    """Nobody else does it before."""
    await put(desk, "ch_1")
    for point, calls in (("inbox.after_claim", 0), ("inbox.before_done", 1)):
        armed(f"{point}:error")
        with pytest.raises(FailpointError):
            await doing.work(desk)
        armed("")
        assert (0, calls) == (await doing.work(desk), doing.asked["ch_1"])
        clock.advance(timedelta(seconds=LEASE_S))
    assert (1, 2) == (await doing.work(desk), doing.asked["ch_1"])


async def test_what_was_done_of_a_claim_is_marked_before_its_end(
    desk: Desk, doing: Doing, clock: Clock, armed: Callable[[str], None]
) -> None:
    """Workers that are killed again and again in large claims get on."""
    await put(desk, *(f"ch_{n}" for n in range(2 * work.PIECE + 1)))
    armed("inbox.before_done:error@2")
    with pytest.raises(FailpointError):
        await doing.work(desk)
    armed("")
    clock.advance(timedelta(seconds=LEASE_S))
    assert work.PIECE + 1 == await doing.work(desk)
    assert {1: work.PIECE + 1, 2: work.PIECE} == Counter(doing.asked.values())


async def test_several_at_once_share_the_work(desk: Desk, doing: Doing, database_url: str) -> None:
    """No event is with two of them."""
    await put(desk, *(f"ch_{n}" for n in range(300)))
    doing.meanwhile = lambda: asyncio.sleep(0.001)
    assert 300 == sum(await asyncio.gather(*(doing.work(desk) for _ in range(3))))
    assert {1} == set(doing.asked.values())
    assert {"done": 300} == Counter(inbox(database_url).values())


async def test_no_transaction_is_open_meanwhile(desk: Desk, doing: Doing, database_url: str) -> None:
    """So that a call to Stripe that takes its time holds no lock, and nothing back."""
    found: list[Any] = []

    async def look() -> None:
        query = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
        found.extend(run_sql(database_url, query + " AND pid <> pg_backend_pid()"))

    doing.meanwhile = look
    await put(desk, "ch_1")
    assert (1, []) == (await doing.work(desk), found)


async def test_what_is_done_is_forgotten_after_ninety_days(
    desk: Desk, doing: Doing, database_url: str, clock: Clock
) -> None:
    """What is not, never."""
    _done, bad = await put(desk, "ch_1", "ch_bad")
    doing.fails["ch_bad"] = ValueError("never")
    await doing.work(desk)
    clock.advance(timedelta(days=89))
    assert 0 == await store.forget(desk.database)
    [new] = await put(desk, "ch_2")
    run_sql(database_url, "UPDATE stripe_events SET state = 'failed' WHERE event = %s", bad)
    clock.advance(timedelta(days=2))
    assert 1 == await store.forget(desk.database)
    assert {bad: "failed", new: "new"} == inbox(database_url)


@pytest.mark.parametrize("kind", EFFECTS)
def test_every_type_asks_for_something(kind: str) -> None:
    """Of an object that has what Stripe's has."""
    thing = {"id": "x_1", "customer": "cus_1", "mode": "payment"}
    told = read(encode(event(kind, thing)).decode())
    assert 1 == len(jobs_of(told, EFFECTS))
