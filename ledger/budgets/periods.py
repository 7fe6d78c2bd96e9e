"""Days, weeks and months of a time zone, as instants. Pure.

A period begins with the first midnight of its first day in the zone. A day may have 23 or 25 hours, or begin at 01:00
where the clock skips midnight. Every instant is in exactly one period, and each begins where the one before it ends.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]


class Window(NamedTuple):
    """From ``start`` up to, and without, ``end``; both in UTC."""

    start: datetime
    end: datetime


def period_of(instant: datetime, period: Period, zone: ZoneInfo) -> Window:
    """The day, week (from Monday) or month that an aware instant falls into in the zone."""
    first = _first_day(instant.astimezone(zone).date(), period)
    window = _window(first, period, zone)
    # Where the clock is set back over midnight, an hour of the new day bears the date of the old one.
    if instant >= window.end:
        return _window(_next(first, period), period, zone)
    if instant < window.start:
        return _window(_first_day(first - timedelta(1), period), period, zone)
    return window


def _window(first: date, period: Period, zone: ZoneInfo) -> Window:
    return Window(_midnight(first, zone), _midnight(_next(first, period), zone))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first one of the day; where it is skipped, the instant of the skip."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _first_day(day: date, period: Period) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(day.weekday()) if period == "week" else day


def _next(first: date, period: Period) -> date:
    if period == "month":
        return (first + timedelta(31)).replace(day=1)
    return first + timedelta(7 if period == "week" else 1)
