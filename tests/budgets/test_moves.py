"""A wallet moves to another time zone: its budgets follow with their next period, and nothing counts twice or not at all."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book.commands import BookDue
from ledger.budgets.periods import Calendar, Period, Window, moved, period_of, window_of
from ledger.budgets.service import plan_new
from ledger.budgets.shapes import NewBudget
from ledger.budgets.store import TURNS_MAX
from ledger.wallets.service import plan_change
from ledger.wallets.shapes import WalletChange
from tests.book.conftest import Clock
from tests.budgets.scene import Scene
from tests.support.book import attempt, codes

ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata")
]
instants = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
zones = st.sampled_from(ZONES)
periods = st.sampled_from(["day", "week", "month"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "period", "old", "new", "first", "then"),
    [
        (
            "2026-11-15T12:00",
            "month",
            "Europe/Berlin",
            "America/New_York",
            ("11-30T23:00", "01-01T05:00"),
            "02-01T05:00",
        ),
        ("2026-11-15T12:00", "month", "America/New_York", "Asia/Tokyo", ("12-01T05:00", "12-31T15:00"), "01-31T15:00"),
        ("2026-03-25T12:00", "week", "UTC", "Europe/Berlin", ("03-30T00:00", "04-05T22:00"), "04-12T22:00"),
        ("2026-03-07T12:00", "day", "UTC", "America/New_York", ("03-08T00:00", "03-09T04:00"), "03-10T04:00"),
        ("2026-10-24T12:00", "day", "Europe/Berlin", "UTC", ("10-24T22:00", "10-26T00:00"), "10-27T00:00"),
        ("2026-07-01T20:00", "day", "Asia/Tokyo", "America/Los_Angeles", ("07-02T15:00", "07-03T07:00"), "07-04T07:00"),
    ],
    ids=["to the west", "to the east", "into summer time", "over 23 hours", "over 25 hours", "across the world"],
)
def test_the_period_that_runs_stays_and_the_next_ends_there(
    now: str, period: Period, old: str, new: str, first: tuple[str, str], then: str
) -> None:
    calendar = moved(Calendar(ZoneInfo(old)), at(now), period, ZoneInfo(new))
    running = window_of(at(now), period, calendar)
    assert period_of(at(now), period, ZoneInfo(old)) == running
    following = window_of(running.end, period, calendar)
    last = window_of(following.end, period, calendar)
    assert (*first, then) == tuple(f"{edge:%m-%dT%H:%M}" for edge in (*following, last.end))


@given(instants, periods, zones, st.lists(st.tuples(st.integers(0, 40 * 24), zones), max_size=6))
def test_periods_have_no_gap_however_often_a_wallet_moves(
    start: datetime, period: Period, zone: ZoneInfo, moves: list[tuple[int, ZoneInfo]]
) -> None:
    """Each move leaves what ran before it as it was; periods follow each other, and none is far from its length."""
    calendar, now = Calendar(zone), start
    for hours, there in moves:
        now += timedelta(hours=hours)
        later = moved(calendar, now, period, there)
        assert window_of(now, period, calendar) == window_of(now, period, later)
        assert later.zone(window_of(now, period, later).end) == there
        calendar = later
    window = window_of(start, period, calendar)
    while window.start <= now:
        for inside in (window.start, window.end - timedelta(microseconds=1)):
            assert window == window_of(inside, period, calendar)
        most = timedelta(hours=13 if period == "day" else 26)
        assert abs((window.end - window.start) - usual(window, period, calendar)) <= most
        window = window_of(window.end, period, calendar)


def usual(window: Window, period: Period, calendar: Calendar) -> timedelta:
    """That of the whole period in the middle of it."""
    middle = window.start + (window.end - window.start) / 2
    whole = period_of(middle, period, calendar.zone(middle))
    return whole.end - whole.start


@pytest.mark.anyio
async def test_what_is_spent_and_told_stays_until_the_period_ends(scene: Scene, clock: Clock) -> None:
    """From Berlin to New York in November: the month ends in Berlin, the next one in New York."""
    scene.move_clock(at("2098-11-15T12:00"))
    wallet_id = await scene.wallet()
    number = await scene.make(wallet_id, zone="Europe/Berlin", hard=True)
    await scene.use(wallet_id, 80)
    await scene.move(wallet_id, "America/New_York")
    shown = await scene.show(wallet_id, number)
    assert ("80", [50, 80], "Europe/Berlin", "America/New_York") == (
        shown.spent,
        shown.told,
        shown.time_zone,
        shown.next_time_zone,
    )
    assert ("2098-10-31T23:00:00.000000Z", "2098-11-30T23:00:00.000000Z") == (shown.period_start, shown.period_end)
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes([await scene.use(wallet_id, 21)])

    scene.move_clock(at("2098-12-01T01:00"))  # still November in New York, and a new month all the same
    assert ["posted"] == codes([await scene.use(wallet_id, 60)])
    late = await scene.use(wallet_id, 20, effective_at=at("2098-11-30T22:59"))
    assert ["posted", "CREDIT_LIMIT_EXCEEDED"] == codes(
        [late, await scene.use(wallet_id, 1, effective_at=at("2098-11-20T00:00"))]
    )
    shown = await scene.show(wallet_id, number)
    assert ("60", "America/New_York", None) == (shown.spent, shown.time_zone, shown.next_time_zone)
    assert "2099-01-01T05:00:00.000000Z" == shown.period_end
    scene.move_clock(at("2098-12-05T00:00"))  # a second limit there is not
    assert ["CREDIT_LIMIT_EXCEEDED"] == codes([await scene.use(wallet_id, 41)])
    await scene.undo(late)
    scene.move_clock(at("2099-01-01T05:00"))
    assert ["posted"] == codes([await scene.use(wallet_id, 100)])
    assert [(at("2098-10-31T23:00"), 80), (at("2098-11-30T23:00"), 60), (at("2099-01-01T05:00"), 100)] == scene.spent(
        wallet_id
    )


@pytest.mark.anyio
async def test_who_moves_back_in_time_has_never_moved(scene: Scene, clock: Clock) -> None:
    scene.move_clock(at("2098-11-15T12:00"))
    wallet_id = await scene.wallet()
    number = await scene.make(wallet_id, zone="Europe/Berlin")
    for zone, expected in (
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("America/New_York", "America/New_York"),
        ("Europe/Berlin", None),
    ):
        await scene.move(wallet_id, zone)
        assert expected == (await scene.show(wallet_id, number)).next_time_zone


@pytest.mark.anyio
async def test_so_many_moves_are_remembered(scene: Scene, clock: Clock) -> None:
    """What lies before them concerns the budget no more, and is forgotten."""
    scene.move_clock(at("2098-11-15T12:00"))
    wallet_id = await scene.wallet()
    number = await scene.make(wallet_id, period="day")
    first = await scene.use(wallet_id, 5)
    for days in range(1, TURNS_MAX + 3):
        await scene.move(wallet_id, ("Asia/Tokyo", "UTC")[days % 2])
        scene.move_clock(at("2098-11-15T12:00") + timedelta(days=days, hours=days))
        await scene.use(wallet_id, 1)
    await scene.undo(first)
    assert TURNS_MAX >= len(scene.spent(wallet_id))
    assert "1" == (await scene.show(wallet_id, number)).spent


@pytest.mark.anyio
async def test_a_budget_that_is_made_meanwhile_is_not_forgotten(scene: Scene) -> None:
    """Whoever comes second, the move or the making, is told that things have changed."""
    wallet_id = await scene.wallet()
    planned = await plan_change(scene.database, wallet_id, WalletChange(time_zone="Asia/Tokyo"))
    await scene.make(wallet_id)
    move = attempt(planned.command, riders=planned.riders)
    assert ["STATE_CHANGED"] == codes(await scene.door.submit([move]))

    async with scene.database.transaction() as connection:
        riders = await plan_new(connection, wallet_id, "UTC", 1, NewBudget(period="day", limit=1))
    await scene.move(wallet_id, "Asia/Tokyo")
    make = attempt(BookDue(wallet_id=wallet_id), riders=riders)
    assert ["STATE_CHANGED"] == codes(await scene.door.submit([make]))
