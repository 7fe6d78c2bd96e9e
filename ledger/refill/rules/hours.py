"""When a refill may be charged: hours of the day, weekends, holidays, in a time zone. Pure.

A day is open from ``opens_min`` to ``closes_min`` (minutes of the day), unless it is closed as a whole. Days are those
of the zone; where its clock is moved, an hour that is skipped is not there, and one that comes twice counts twice.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

DAY_MIN: Final = 24 * 60
SIGHT: Final = timedelta(days=400)
"""How far ahead an opening is looked for."""

_DAY: Final = timedelta(days=1)


class Hours(NamedTuple):
    """``weekends``: whether Saturdays and Sundays are open."""

    zone: ZoneInfo
    opens_min: int = 0
    closes_min: int = DAY_MIN
    weekends: bool = True
    holidays: frozenset[date] = frozenset()

    @property
    def always(self) -> bool:
        """Whether nothing is ever closed."""
        return self.weekends and not self.holidays and self.closes_min - self.opens_min == DAY_MIN


def allowed(hours: Hours, at: datetime) -> bool:
    """Whether it is open at this instant."""
    return hours.always or any(start <= at < end for start, end in _around(hours, at))


def opening(hours: Hours, at: datetime) -> datetime | None:
    """The first instant from ``at`` on at which it is open; None where there is none in sight."""
    if allowed(hours, at):
        return at
    day = at.astimezone(hours.zone).date() - _DAY
    last = day + SIGHT
    while day < last:
        span = _span(hours, day)
        if span is not None and span[0] >= at:
            return span[0]
        day += _DAY
    return None


def closing(hours: Hours, at: datetime) -> datetime | None:
    """When it closes that is open at ``at``; None where it is not open, or does not close in sight."""
    if hours.always or not allowed(hours, at):
        return None
    end = at
    while end < at + SIGHT:
        ends = [stop for start, stop in _around(hours, end) if start <= end < stop]
        if not ends:
            return end
        end = max(ends)
    return None


def _around(hours: Hours, at: datetime) -> list[tuple[datetime, datetime]]:
    """The spans of the days that an instant may be of: where the clock is set back over midnight, of two."""
    day = at.astimezone(hours.zone).date()
    spans = [_span(hours, day + _DAY * step) for step in (-1, 0, 1)]
    return [span for span in spans if span is not None]


def _span(hours: Hours, day: date) -> tuple[datetime, datetime] | None:
    """From when to when it is open on a day of the zone, in UTC."""
    if day in hours.holidays or (not hours.weekends and day.weekday() >= 5):
        return None
    start, end = _instant(hours, day, hours.opens_min), _instant(hours, day, hours.closes_min)
    return (start, end) if start < end else None


def _instant(hours: Hours, day: date, minutes: int) -> datetime:
    if minutes == DAY_MIN:
        day, minutes = day + _DAY, 0
    local = datetime.combine(day, time(minutes // 60, minutes % 60), hours.zone)
    return local.astimezone(UTC)
