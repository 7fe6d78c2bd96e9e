"""Which days are asked about: ``7d``, ``30d``, ``90d``, a month, or from and to. Pure."""

import re
from datetime import date, timedelta
from typing import Final, NamedTuple

from ledger.kit.http.strict import invalid

DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}
DEFAULT: Final = "30d"

DAYS_MAX: Final = 366

_MONTH: Final = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Period(NamedTuple):
    """Days of a wallet's time zone from ``first`` up to, and without, ``end``."""

    first: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.first).days

    def each(self) -> list[date]:
        """All its days."""
        return [self.first + timedelta(place) for place in range(self.days)]

    @property
    def before(self) -> "Period":
        """The period just before it, which is as long."""
        return Period(self.first - timedelta(self.days), self.first)


def period_of(timeframe: str | None, from_: str | None, to: str | None, today: date) -> Period:
    """The days that are meant; none of them is after ``today``. Raises InvalidRequest."""
    if from_ is None and to is None:
        return _timeframe(timeframe or DEFAULT, today)
    if timeframe is not None:
        raise invalid("timeframe", "give either `timeframe`, or `from` and `to`")
    if from_ is None:
        raise invalid("from", "is needed with `to`")
    first, end = _date(from_, "from"), today + timedelta(1) if to is None else _date(to, "to")
    if to is not None and end <= first:
        raise invalid("to", "must lie after `from`: it is the first day that is not meant")
    return _within(Period(first, end), today, "from")


def _timeframe(text: str, today: date) -> Period:
    if text in DAYS:
        return Period(today - timedelta(DAYS[text] - 1), today + timedelta(1))
    month = _MONTH.fullmatch(text)
    if month is None:
        raise invalid("timeframe", f"must be {', '.join(DAYS)} or a month such as 2026-10")
    first = _date(f"{text}-01", "timeframe")
    return _within(Period(first, (first + timedelta(31)).replace(day=1)), today, "timeframe")


def _within(period: Period, today: date, path: str) -> Period:
    if period.first > today:
        raise invalid(path, f"must not lie in the future; it is now {today}")
    period = Period(period.first, min(period.end, today + timedelta(1)))
    if period.days > DAYS_MAX:
        raise invalid(path, f"must be at most {DAYS_MAX} days before the end")
    return period


def _date(text: str, path: str) -> date:
    try:
        if _DATE.fullmatch(text):
            found = date.fromisoformat(text)
            if 1970 <= found.year < 9999:
                return found
    except ValueError:
        pass
    raise invalid(path, "must be a date of the calendar, such as 2026-01-31")
