"""Which days a question means."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.analytics.period import DAYS_MAX, Period, period_of
from ledger.errors import InvalidRequest

TODAY = date(2026, 3, 10)
TOMORROW = TODAY + timedelta(1)


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ((None, None, None), date(2026, 2, 9), TOMORROW),
        (("30d", None, None), date(2026, 2, 9), TOMORROW),
        (("7d", None, None), date(2026, 3, 4), TOMORROW),
        (("2026-02", None, None), date(2026, 2, 1), date(2026, 3, 1)),
        (("2024-02", None, None), date(2024, 2, 1), date(2024, 3, 1)),
        (("2025-12", None, None), date(2025, 12, 1), date(2026, 1, 1)),
        (("2026-03", None, None), date(2026, 3, 1), TOMORROW),
        ((None, "2026-03-10", None), TODAY, TOMORROW),
        ((None, "2026-01-01", "2026-01-02"), date(2026, 1, 1), date(2026, 1, 2)),
        ((None, "2026-03-01", "2027-03-01"), date(2026, 3, 1), TOMORROW),
    ],
    ids=[
        "nothing is thirty days",
        "today is one of them",
        "a week",
        "a month",
        "a leap year's",
        "the last of a year",
        "a month that is not over",
        "since today",
        "one day",
        "never after today",
    ],
)
def test_days_that_are_meant(asked: tuple[str | None, str | None, str | None], first: date, end: date) -> None:
    assert Period(first, end) == period_of(*asked, TODAY)


@pytest.mark.parametrize(
    "asked",
    [
        ("2026-04", None, None),
        ("1d", None, None),
        ("2026-00", None, None),
        ("0000-01", None, None),
        ("9999-12", None, None),
        ("7d", "2026-01-01", None),
        (None, None, "2026-01-01"),
        (None, "2026-03-11", None),
        (None, "2026-01-02", "2026-01-02"),
        (None, "2025-03-01", None),
        (None, "26-1-1", None),
        (None, "2026-02-30", None),
    ],
)
def test_what_means_nothing_is_refused(asked: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(InvalidRequest):
        period_of(*asked, TODAY)


@given(st.integers(0, DAYS_MAX - 1), st.integers(1, DAYS_MAX))
def test_the_period_before_is_as_long_and_ends_where_this_one_begins(ago: int, days: int) -> None:
    first = TODAY - timedelta(ago)
    found = period_of(None, str(first), str(first + timedelta(days)), TODAY)

    assert (found.days, found.first) == (found.before.days, found.before.end)
    assert found.each()[0] == found.first
    assert len(found.each()) == found.days
