"""When a refill may be charged: hours of the day, weekends, holidays, in a time zone. Pure.

It is open whenever the clock of the zone shows a time from ``opens_min`` up to, and without, ``closes_min`` (minutes of
the day), on a day that is not closed as a whole. So where that clock is moved, an hour that is skipped is not there,
and one that comes twice counts twice. Instants are in UTC.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

DAY_MIN: Final = 24 * 60
SIGHT_DAYS: Final = 400
"""How far ahead an opening or a closing is looked for."""

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class Hours(NamedTuple):
    """``weekends``: whether Saturdays and Sundays are open."""

    zone: ZoneInfo
    opens_min: int = 0
    closes_min: int = DAY_MIN
    weekends: bool = True
    holidays: frozenset[date] = frozenset()

    @property
    def whole_days(self) -> bool:
        """Whether days that are not closed are open from one midnight to the next."""
        return self.closes_min - self.opens_min == DAY_MIN

    @property
    def always(self) -> bool:
        """Whether nothing is ever closed."""
        return self.whole_days and self.weekends and not self.holidays


def allowed(hours: Hours, at: datetime) -> bool:
    """Whether it is open at this instant."""
    if hours.always:
        return True
    local = at.astimezone(hours.zone)
    minute = local.hour * 60 + local.minute
    return hours.opens_min <= minute < hours.closes_min and _is_working(hours, local.date())


def opening(hours: Hours, at: datetime) -> datetime | None:
    """The first instant from ``at`` on at which it is open; None where there is none in sight."""
    return at if allowed(hours, at) else _turn(hours, at, opens=True)


def closing(hours: Hours, at: datetime) -> datetime | None:
    """When it closes that is open at ``at``; None where it is not open, or does not close in sight."""
    return _turn(hours, at, opens=False) if not hours.always and allowed(hours, at) else None


def _turn(hours: Hours, at: datetime, *, opens: bool) -> datetime | None:
    """The first instant after ``at`` at which it opens, or closes."""
    today = at.astimezone(hours.zone).date()
    # From yesterday on: where the clock is set back over midnight, yesterday comes again.
    near = [turn for step in (-1, 0, 1) for turn in _turns(hours, today + _DAY * step, opens) if turn > at]
    # For the same reason a turn of the next day may come before one of this day.
    return min((*near, *_turns(hours, today + 2 * _DAY, opens))) if near else _later(hours, today + 2 * _DAY, opens)


@lru_cache(maxsize=4_096)
def _later(hours: Hours, day: date, opens: bool) -> datetime | None:
    """The first turn of this day, which is two days ahead, or of a later one."""
    for step in range(SIGHT_DAYS - 2):
        if turns := _turns(hours, day + _DAY * step, opens):
            return min((*turns, *_turns(hours, day + _DAY * (step + 1), opens)))
    return None


@lru_cache(maxsize=4_096)
def _turns(hours: Hours, day: date, opens: bool) -> tuple[datetime, ...]:
    """The instants at which it opens, or closes, because of this day."""
    if not _is_working(hours, day) or (hours.whole_days and _is_among_working(hours, day)):
        return ()
    turns = set()
    for minutes in (hours.opens_min, hours.closes_min):
        first, second = (_instant(hours, day, minutes, fold) for fold in (0, 1))
        turns |= {first, second}
        if first != second:
            turns.add(_moved(hours.zone, min(first, second), max(first, second)))
    return tuple(turn for turn in turns if allowed(hours, turn) == opens)


def _is_working(hours: Hours, day: date) -> bool:
    return day not in hours.holidays and (hours.weekends or day.weekday() < 5)


def _is_among_working(hours: Hours, day: date) -> bool:
    return _is_working(hours, day - _DAY) and _is_working(hours, day + _DAY)


def _instant(hours: Hours, day: date, minutes: int, fold: int) -> datetime:
    """When the clock shows this time of the day: for the first time, or (``fold`` 1) the second."""
    if minutes == DAY_MIN:
        day, minutes = day + _DAY, 0
    return datetime.combine(day, time(minutes // 60, minutes % 60, fold=fold), hours.zone).astimezone(UTC)


def _moved(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The instant between the two at which the zone's clock is moved."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
