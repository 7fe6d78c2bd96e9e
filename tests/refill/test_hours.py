"""Business hours against a clock on the wall: minute by minute, in zones that move it in every way there is."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.refill.rules.hours import DAY_MIN, SIGHT_DAYS, Hours, allowed, closing, opening

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Place(NamedTuple):
    """A zone, and a day around which something happens to its clock."""

    zone: str
    day: date


PLACES = [
    Place("UTC", date(2026, 3, 1)),
    Place("Europe/Berlin", date(2026, 3, 29)),
    Place("Europe/Berlin", date(2026, 10, 25)),
    Place("America/New_York", date(2026, 3, 8)),
    Place("America/New_York", date(2026, 11, 1)),
    Place("America/Sao_Paulo", date(2018, 11, 4)),  # midnight is skipped
    Place("America/Sao_Paulo", date(2018, 2, 18)),  # the last hour of Saturday comes again
    Place("Asia/Beirut", date(2022, 3, 27)),  # midnight is skipped
    Place("Asia/Beirut", date(2022, 10, 30)),
    Place("America/St_Johns", date(2010, 11, 7)),  # one minute of Sunday, then an hour of Saturday again
    Place("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
    Place("Australia/Lord_Howe", date(2026, 10, 4)),
    Place("Pacific/Apia", date(2011, 12, 30)),  # is not there
    Place("Asia/Kathmandu", date(2026, 1, 1)),
]


def is_open(hours: Hours, at: datetime) -> bool:
    """What the clock on the wall says."""
    wall = at.astimezone(hours.zone)
    if wall.date() in hours.holidays or (wall.isoweekday() > 5 and not hours.weekends):
        return False
    return hours.opens_min <= wall.hour * 60 + wall.minute < hours.closes_min


def first(hours: Hours, at: datetime, *, opened: bool, end: datetime) -> datetime | None:
    """The first instant from ``at`` on, a minute of the clock being open or closed as a whole."""
    while at < end:
        if is_open(hours, at) == opened:
            return at
        at = at.replace(second=0, microsecond=0) + MINUTE
    return None


@st.composite
def cases(draw: st.DrawFn) -> tuple[Hours, datetime, datetime]:
    """Hours that turn near to what happens there, an instant near to it, and up to when it is followed."""
    place = draw(st.sampled_from(PLACES))
    near = st.sampled_from([0, 1, 29, 30, 60, 90, 119, 120, 121, 135, 150, 180, 540, 1080, 1380, 1410, 1439])
    opens, closes = sorted(draw(st.lists(near | st.integers(0, DAY_MIN - 1), min_size=2, max_size=2, unique=True)))
    if draw(st.booleans()):
        closes = DAY_MIN
    around = st.integers(-3, 3).map(lambda days: place.day + DAY * days)
    hours = Hours(ZoneInfo(place.zone), opens, closes, draw(st.booleans()), draw(st.frozensets(around, max_size=4)))
    start = datetime(place.day.year, place.day.month, place.day.day, tzinfo=UTC) - 2 * DAY
    at = start + timedelta(seconds=draw(st.integers(0, 4 * 24 * 3600)), microseconds=draw(st.sampled_from([0, 1])))
    return hours, at, start + 8 * DAY


@given(cases())
def test_as_the_clock_on_the_wall_says(case: tuple[Hours, datetime, datetime]) -> None:
    """Open or not; when it opens next; and when it closes, which is the end of all that is open without a gap."""
    hours, at, end = case
    assert is_open(hours, at) == allowed(hours, at)

    opens = first(hours, at, opened=True, end=end)
    found = opening(hours, at)
    assert opens == found or (opens is None and (found is None or found >= end))

    if not is_open(hours, at):
        assert None is closing(hours, at)
        return
    closes = first(hours, at, opened=False, end=end)
    found = closing(hours, at)
    assert closes == found or (closes is None and (found is None or found >= end))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.zone} {place.day}")
def test_each_minute_around_a_change(place: Place) -> None:
    """Hours that begin or end within what is skipped or comes again, for four days, each minute of them."""
    day = datetime(place.day.year, place.day.month, place.day.day, tzinfo=UTC)
    for opens, closes in ((0, 75), (45, 135), (105, 1425), (135, 165), (1395, DAY_MIN)):
        hours = Hours(ZoneInfo(place.zone), opens, closes)
        at, end = day - 2 * DAY, day + 3 * DAY
        # Walked backwards, so that what comes next is known without looking for it.
        minutes = [at + MINUTE * step for step in range((end - at) // MINUTE)]
        opened: datetime | None = None
        closed: datetime | None = None
        for minute in reversed(minutes):
            if is_open(hours, minute):
                opened = minute
            else:
                closed = minute
            if minute < day + 2 * DAY and opened is not None and minute.minute % 15 in (0, 14):
                assert (opened == minute) == allowed(hours, minute), minute
                assert opened == opening(hours, minute), minute
                assert (closed if opened == minute else None) == closing(hours, minute), minute


WORK = {"opens_min": 540, "closes_min": 1080, "weekends": False}

NEXT = [
    # zone, hours, at, opening, closing
    ("Europe/Berlin", WORK, "2026-03-27T07:59", "2026-03-27T08:00", None),
    ("Europe/Berlin", WORK, "2026-03-27T08:00", "2026-03-27T08:00", "2026-03-27T17:00"),
    ("Europe/Berlin", WORK, "2026-03-27T16:59", "2026-03-27T16:59", "2026-03-27T17:00"),
    # Over the weekend in which summer time begins.
    ("Europe/Berlin", WORK, "2026-03-27T17:00", "2026-03-30T07:00", None),
    # 02:30 is skipped: what opens then opens with the skip. It comes twice: the second half hour is open twice.
    ("Europe/Berlin", {"opens_min": 150}, "2026-03-29T00:30", "2026-03-29T01:00", None),
    ("Europe/Berlin", {"opens_min": 120, "closes_min": 150}, "2026-03-28T12:00", "2026-03-30T00:00", None),
    ("Europe/Berlin", {"closes_min": 150}, "2026-10-25T00:00", "2026-10-25T00:00", "2026-10-25T00:30"),
    ("Europe/Berlin", {"closes_min": 150}, "2026-10-25T00:30", "2026-10-25T01:00", None),
    ("Europe/Berlin", {"closes_min": 150}, "2026-10-25T01:00", "2026-10-25T01:00", "2026-10-25T01:30"),
    # Sunday begins at 01:00, and Saturday lasts 25 hours.
    ("America/Sao_Paulo", {"opens_min": 30, "closes_min": 90}, "2018-11-04T02:00", "2018-11-04T03:00", None),
    ("America/Sao_Paulo", {"weekends": False}, "2018-02-17T02:00", "2018-02-19T03:00", None),
    # The 30th is not there: Thursday is followed by Saturday.
    ("Pacific/Apia", {"weekends": False}, "2011-12-30T09:59", "2011-12-30T09:59", "2011-12-30T10:00"),
    ("Pacific/Apia", {"weekends": False}, "2011-12-30T10:00", "2012-01-01T10:00", None),
    # Whole days that follow each other are one time.
    ("UTC", {"weekends": False}, "2026-07-06T00:00", "2026-07-06T00:00", "2026-07-11T00:00"),
    ("UTC", {}, "2026-07-06T00:00", "2026-07-06T00:00", None),
]


@pytest.mark.parametrize(("zone", "fields", "at", "opens", "closes"), NEXT, ids=[f"{n[0]} {n[2]}" for n in NEXT])
def test_next_turns(zone: str, fields: dict[str, int], at: str, opens: str, closes: str | None) -> None:
    hours = Hours(ZoneInfo(zone), **fields)  # type: ignore[arg-type]
    now = _utc(at)
    assert _utc(opens) == opening(hours, now)
    assert (None if closes is None else _utc(closes)) == closing(hours, now)


def test_what_never_opens_and_what_never_closes() -> None:
    """Within sight, which is longer than a year of holidays."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    year = frozenset(now.date() + DAY * day for day in range(366))
    longer = frozenset(now.date() + DAY * day for day in range(SIGHT_DAYS))
    assert _utc("2027-01-02T00:00") == opening(Hours(ZoneInfo("UTC"), holidays=year), now)
    assert None is opening(Hours(ZoneInfo("UTC"), holidays=longer), now)
    christmas = frozenset([date(2026, 12, 25)])
    assert _utc("2026-12-25T00:00") == closing(Hours(ZoneInfo("UTC"), holidays=christmas), now)
    past = frozenset([date(2025, 12, 25)])
    assert None is closing(Hours(ZoneInfo("UTC"), holidays=past), now)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
