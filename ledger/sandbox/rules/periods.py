"""The periods of what is billed again and again: from an anchor on, by days, weeks, months or years."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ledger.sandbox.errors import invalid

DAY_S: Final = 86_400
_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "year": 12}
_COUNT_MAX: Final = {"day": 1095, "week": 156, "month": 36, "year": 3}
"""Three years are the longest period."""


def require_count(interval: str, count: int) -> None:
    """Raises StripeError where a period is longer than three years, or none."""
    if not 0 < count <= _COUNT_MAX[interval]:
        message = f"The interval_count must be from 1 to {_COUNT_MAX[interval]} where the interval is {interval}."
        raise invalid(message, param="recurring[interval_count]")


def end(anchor: int, start: int, recurring: Mapping[str, Any]) -> int:
    """When the period ends that begins at ``start``: all ends are whole periods from the anchor.

    An anchor at the end of a month is at the end of shorter months, too, and goes back to its day afterwards.
    """
    interval, count = recurring["interval"], recurring["interval_count"]
    if interval in _DAYS:
        step_s = _DAYS[interval] * count * DAY_S
        return int(anchor + ((start - anchor) // step_s + 1) * step_s)
    step = _MONTHS[interval] * count
    first, now = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(start, UTC)
    passed = ((now.year - first.year) * 12 + now.month - first.month) // step
    this = _after(first, passed * step)
    return this if this > start else _after(first, (passed + 1) * step)


def _after(first: datetime, months: int) -> int:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    day = min(first.day, monthrange(year, month + 1)[1])
    return int(first.replace(year=year, month=month + 1, day=day).timestamp())
