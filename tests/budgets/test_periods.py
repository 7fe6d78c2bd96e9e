"""Periods of a time zone: each instant in one, without a gap, whatever the clock there does."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.budgets.periods import Period, period_of

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",  # skipped midnight, until 2018
        "America/St_Johns",  # set the clock back from 00:01 to 23:01, until 2011
        "Atlantic/Azores",  # has midnight twice in autumn
        "Africa/Cairo",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",  # changes by half an hour
        "Pacific/Apia",  # had no 30 December 2011
    ]
).map(ZoneInfo)
PERIODS: st.SearchStrategy[Period] = st.sampled_from(["day", "week", "month"])
INSTANTS = st.integers(0, 30 * 365 * 24 * 3600 * 10**6).map(
    lambda micros: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
)


@given(INSTANTS, PERIODS, ZONES)
def test_every_instant_is_in_its_period(instant: datetime, period: Period, zone: ZoneInfo) -> None:
    start, end = period_of(instant, period, zone)

    assert start <= instant < end
    assert (UTC, UTC) == (start.tzinfo, end.tzinfo)


@given(INSTANTS, PERIODS, ZONES)
def test_a_period_begins_where_the_one_before_ends(instant: datetime, period: Period, zone: ZoneInfo) -> None:
    """And all its instants agree on it."""
    start, end = period_of(instant, period, zone)

    assert end == period_of(end, period, zone).start
    assert start == period_of(start - timedelta(microseconds=1), period, zone).end
    for inside in (start, start + (end - start) / 2, end - timedelta(microseconds=1)):
        assert (start, end) == period_of(inside, period, zone)


@pytest.mark.parametrize(
    ("zone", "year", "month", "day"),
    [
        ("America/Sao_Paulo", 2018, 11, 4),
        ("America/St_Johns", 2010, 11, 7),
        ("America/St_Johns", 2010, 3, 14),
        ("Atlantic/Azores", 2026, 10, 25),
        ("Pacific/Apia", 2011, 12, 30),
        ("Africa/Cairo", 2026, 4, 24),
    ],
)
def test_the_days_around_a_change_have_no_gap(zone: str, year: int, month: int, day: int) -> None:
    """Quarter of an hour by quarter of an hour: the period never goes back, and never leaves anything out."""
    instant = datetime(year, month, day, tzinfo=UTC) - timedelta(days=2)
    window = period_of(instant, "day", ZoneInfo(zone))
    for _ in range(4 * 24 * 5):
        instant += timedelta(minutes=15)
        found = period_of(instant, "day", ZoneInfo(zone))
        assert found == window or found.start == window.end
        assert found.start <= instant < found.end
        window = found


@pytest.mark.parametrize(
    ("instant", "period", "zone", "start", "end"),
    [
        ("2026-03-29T12:00", "day", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-10-25T12:00", "day", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("2026-03-28T23:00", "month", "Europe/Berlin", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("2026-03-08T20:00", "week", "America/New_York", "2026-03-02T05:00", "2026-03-09T04:00"),
        ("2026-03-09T03:59", "week", "America/New_York", "2026-03-02T05:00", "2026-03-09T04:00"),
        ("2026-03-09T04:00", "week", "America/New_York", "2026-03-09T04:00", "2026-03-16T04:00"),
        ("2026-12-31T23:59", "month", "UTC", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("2028-02-29T00:00", "month", "UTC", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("2018-11-04T10:00", "day", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("2026-10-25T00:30", "day", "Atlantic/Azores", "2026-10-25T00:00", "2026-10-26T01:00"),
        ("2026-10-25T01:30", "day", "Atlantic/Azores", "2026-10-25T00:00", "2026-10-26T01:00"),
        ("2010-11-07T03:00", "day", "America/St_Johns", "2010-11-07T02:30", "2010-11-08T03:30"),
    ],
    ids=[
        "23 hours",
        "25 hours",
        "a month with a change in it",
        "a Sunday",
        "its last minute",
        "Monday at midnight",
        "the end of a year",
        "a leap day",
        "no midnight",
        "the first midnight of two",
        "the second one",
        "back into the day before",
    ],
)
def test_periods_begin_at_midnight_there(instant: str, period: Period, zone: str, start: str, end: str) -> None:
    found = period_of(datetime.fromisoformat(instant).replace(tzinfo=UTC), period, ZoneInfo(zone))

    assert (start, end) == tuple(edge.isoformat(timespec="minutes").removesuffix("+00:00") for edge in found)
