"""``usage.spike``: a wallet that uses far more in an hour, or on a day, than it usually does then. Pure.

Usual is the median of the last 14 windows like this one (the same hour of the days before, or the days before), and
how much they differ is their MAD, the median distance from it: neither is moved by the spikes of the past. A spike is
all of:

- further above the median than five times the MAD,
- three times the median or more,
- above the median by a floor, so that a wallet that uses next to nothing cannot spike.

The window need not be over: the rule is asked as use comes in, and tells a spike once in its window.

Use is kept by the hours of UTC. A day of a zone is the hours that begin in it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from ledger.budgets.periods import period_of
from ledger.kit.money import MICRO

WINDOWS: Final = 14
"""Windows that are compared with."""

WINDOWS_MIN: Final = 7
"""With fewer, nothing is usual yet."""

MADS: Final = 5
TIMES: Final = 3
FLOOR: Final = 10 * MICRO


class Spike(msgspec.Struct, frozen=True):
    """``used_micro`` in the window that began at ``start``, and the ``usual_micro`` of windows like it."""

    start: datetime
    used_micro: int
    usual_micro: int


def spike(
    start: datetime,
    used_micro: int,
    usual: Sequence[int],
    told_start: datetime | None = None,
    floor_micro: int = FLOOR,
) -> Spike | None:
    """Whether the window that began at ``start`` is a spike that was not told yet.

    ``usual``: what the windows before used, the latest last, those without use too. ``told_start``: the window of the
    last spike that was told.
    """
    like = [max(micro, 0) for micro in usual[-WINDOWS:]]
    if (told_start is not None and told_start >= start) or len(like) < WINDOWS_MIN:
        return None
    median = _median(like)
    mad = _median([abs(micro - median) for micro in like])
    above = used_micro - median
    if above < floor_micro or above <= MADS * mad or used_micro < TIMES * median:
        return None
    return Spike(start, used_micro, median)


def spike_of_hour(
    at: datetime, hours: Mapping[datetime, int], born: datetime, told: datetime | None = None
) -> Spike | None:
    """Whether the hour of ``at`` is a spike. ``hours``: what was used in each, where anything was; ``born``: when the
    wallet began to be."""
    start = at.replace(minute=0, second=0, microsecond=0)
    like = [start - timedelta(days=days) for days in range(WINDOWS, 0, -1)]
    usual = [hours.get(hour, 0) for hour in like if hour >= born]
    return spike(start, hours.get(start, 0), usual, told)


def spike_of_day(
    at: datetime, hours: Mapping[datetime, int], born: datetime, zone: ZoneInfo, told: datetime | None = None
) -> Spike | None:
    """Whether the day of ``at`` in a zone is a spike."""
    start, end = period_of(at, "day", zone)
    bounds = [end, start]
    while len(bounds) < WINDOWS + 2:
        bounds.append(period_of(bounds[-1] - timedelta(microseconds=1), "day", zone).start)
    used, *before = [
        sum(micro for hour, micro in hours.items() if first <= hour < after) for after, first in pairwise(bounds)
    ]
    usual = [micro for micro, first in zip(before, bounds[2:], strict=True) if first >= born]
    return spike(start, used, usual[::-1], told)


def _median(amounts: Sequence[int]) -> int:
    """Of an even number the mean of the middle two, rounded down."""
    ordered = sorted(amounts)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
