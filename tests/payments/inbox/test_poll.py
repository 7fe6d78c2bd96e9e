"""Events that never came are found in Stripe's list, each once, wherever the poller was interrupted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ledger.kit import failpoints
from ledger.kit.failpoints import FailpointError
from ledger.payments.desk import Desk
from ledger.payments.gateway import StripeAway
from ledger.payments.inbox.poll import OVERLAP, poll
from tests.payments.events import inbox
from tests.support.api import run_sql
from tests.support.sandbox import SandboxAt

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("empty")]


@pytest.fixture(autouse=True)
def fresh(sandbox: SandboxAt) -> None:
    sandbox.tell("/reset")


@pytest.fixture
def armed() -> Iterator[Callable[[str], None]]:
    yield failpoints.arm
    failpoints.arm(None)


def renamed(sandbox: SandboxAt, times: int) -> None:
    """A customer is changed so often: as many events."""
    client = sandbox.client()
    made = client.v1.customers.create({})
    for number in range(times):
        client.v1.customers.update(made.id, {"name": f"Ada {number}"})


async def find(desk: Desk) -> int:
    return await poll(desk, work_s=30)


async def test_events_are_found_once(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    """Those that somebody is interested in, page after page; not what is of no interest."""
    renamed(sandbox, 120)
    assert 120 == await find(desk)
    assert ({"new"}, 120) == (set(inbox(database_url).values()), len(inbox(database_url)))
    assert [("poll", 120)] == run_sql(database_url, "SELECT via, count(*) FROM stripe_events GROUP BY via")
    assert 0 == await find(desk)
    renamed(sandbox, 3)
    assert 3 == await find(desk)


async def test_what_was_stored_stays_as_it_is(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    """One that came by webhook, and was done, is not done again."""
    renamed(sandbox, 2)
    await find(desk)
    run_sql(database_url, "DELETE FROM stripe_cursors")
    run_sql(database_url, "UPDATE stripe_events SET state = 'done', via = 'webhook'")
    assert 0 == await find(desk)
    assert {"done"} == set(inbox(database_url).values())


async def test_nothing_is_asked_for_that_is_older_than_the_cursor(
    desk: Desk, sandbox: SandboxAt, database_url: str
) -> None:
    """But for some minutes before it, as an event may be listed late."""
    renamed(sandbox, 1)
    sandbox.pass_time(OVERLAP.total_seconds() - 60)
    renamed(sandbox, 1)
    assert 2 == await find(desk)
    run_sql(database_url, "TRUNCATE stripe_events")
    assert 2 == await find(desk)
    sandbox.pass_time(OVERLAP.total_seconds() + 2)  # Stripe's times are whole seconds
    renamed(sandbox, 1)
    await find(desk)
    run_sql(database_url, "TRUNCATE stripe_events")
    assert 1 == await find(desk)


async def test_hours_are_asked_for_one_by_one(
    desk: Desk, sandbox: SandboxAt, database_url: str, armed: Callable[[str], None]
) -> None:
    """The cursor moves on with each, so that who is interrupted goes on there."""
    long_ago = datetime.now(UTC) - timedelta(hours=5)
    run_sql(database_url, "INSERT INTO stripe_cursors VALUES ('events', %s)", long_ago)
    renamed(sandbox, 1)
    armed("poll.before_cursor:error@4")
    with pytest.raises(FailpointError):
        await find(desk)
    [(at,)] = run_sql(database_url, "SELECT at FROM stripe_cursors WHERE name = 'events'")
    assert 3 * timedelta(minutes=55) == at - long_ago
    assert 1 == await find(desk)
    [(at,)] = run_sql(database_url, "SELECT at FROM stripe_cursors WHERE name = 'events'")
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)


async def test_a_piece_that_is_too_large_for_one_look_is_read_on(
    desk: Desk, sandbox: SandboxAt, database_url: str
) -> None:
    """From the newest down, however short the looks are; what happens meanwhile is found afterwards."""
    run_sql(database_url, "INSERT INTO stripe_cursors VALUES ('events', now())")
    renamed(sandbox, 250)
    assert 100 == await poll(desk, work_s=0.001)
    renamed(sandbox, 1)
    counts = [100]
    while sum(counts) < 251:
        counts.append(await poll(desk, work_s=0.001))
        assert len(counts) < 20, counts
    assert 251 == len(inbox(database_url))
    assert 0 == await find(desk)
    assert [("events",), ("events.asked",)] == run_sql(database_url, "SELECT name FROM stripe_cursors ORDER BY name")


async def test_the_clock_of_stripe_may_be_ahead(desk: Desk, sandbox: SandboxAt) -> None:
    sandbox.pass_time(10 * 86_400)
    renamed(sandbox, 1)
    assert 1 == await find(desk)
    sandbox.pass_time(86_400)
    renamed(sandbox, 1)
    assert 1 == await find(desk)


async def test_while_stripe_is_away_the_cursor_stays(desk: Desk, sandbox: SandboxAt, database_url: str) -> None:
    renamed(sandbox, 150)
    await find(desk)
    before = run_sql(database_url, "SELECT at FROM stripe_cursors")
    run_sql(database_url, "TRUNCATE stripe_events")
    sandbox.tell("/faults", kind="unavailable", path="/v1/events", skip=1, times=3)
    with pytest.raises(StripeAway):
        await find(desk)
    assert before == run_sql(database_url, "SELECT at FROM stripe_cursors")
    assert 100 == len(inbox(database_url))
    assert 50 == await find(desk)
