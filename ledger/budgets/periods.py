"""Days, weeks and months of a time zone, as instants. Pure.

A period begins with the first midnight of its first day in the zone. A day may have 23 or 25 hours, or begin at 01:00
where the clock skips midnight. Every instant is in exactly one period, and each begins where the one before it ends.

A wallet that moves to another zone takes its budgets along at the end of the period that is running: what was
spent and told in it stays. The first period there begins when that one ends, and ends with the one whose beginning is
nearest to that: it is shorter or longer than others by no more than the zones are apart.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]


class Window(NamedTuple):
    """From ``start`` up to, and without, ``end``; both in UTC."""

    start: datetime
    end: datetime


class Turn(NamedTuple):
    """From ``at`` on, where a period ended, periods are those of ``zone``."""

    at: datetime
    zone: ZoneInfo


class Calendar(NamedTuple):
    """The zones of a budget: ``first``, and where it moved since, in their order."""

    first: ZoneInfo
    turns: tuple[Turn, ...] = ()

    def zone(self, instant: datetime) -> ZoneInfo:
        """The one that the instant's period is of."""
        return next((turn.zone for turn in reversed(self.turns) if turn.at <= instant), self.first)


def window_of(instant: datetime, period: Period, calendar: Calendar) -> Window:
    """The period that an aware instant falls into."""
    turn = next((turn for turn in reversed(calendar.turns) if turn.at <= instant), None)
    if turn is None:
        return period_of(instant, period, calendar.first)
    first = _first_after(turn, period)
    return first if instant < first.end else period_of(instant, period, turn.zone)


def moved(calendar: Calendar, now: datetime, period: Period, zone: ZoneInfo) -> Calendar:
    """The calendar of a budget whose wallet moves ``now``. A move that has not begun is forgotten."""
    standing = Calendar(calendar.first, tuple(turn for turn in calendar.turns if turn.at <= now))
    if standing.zone(now) == zone:
        return standing
    return Calendar(calendar.first, (*standing.turns, Turn(window_of(now, period, standing).end, zone)))


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


def _first_after(turn: Turn, period: Period) -> Window:
    there = period_of(turn.at, period, turn.zone)
    if turn.at - there.start > there.end - turn.at:
        there = period_of(there.end, period, turn.zone)
    return Window(turn.at, there.end)


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
