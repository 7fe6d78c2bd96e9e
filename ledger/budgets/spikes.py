"""``usage.spike``: a wallet that uses far more in an hour, or on a day, than it usually does then. Pure.

Usual is the median of the last 14 windows like this one (the same hour of the days before, or the days before), and
how much they differ is their MAD, the median distance from it: neither is moved by the spikes of the past. A spike is
all of:

- further above the median than five times the MAD,
- three times the median or more,
- above the median by a floor, so that a wallet that uses next to nothing cannot spike.

The window need not be over: the rule is asked as use comes in, and tells a spike once in its window.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

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
    if told_start == start or len(like) < WINDOWS_MIN:
        return None
    median = _median(like)
    mad = _median([abs(micro - median) for micro in like])
    above = used_micro - median
    if above < floor_micro or above <= MADS * mad or used_micro < TIMES * median:
        return None
    return Spike(start, used_micro, median)


def _median(amounts: Sequence[int]) -> int:
    """Of an even number the mean of the middle two, rounded down."""
    ordered = sorted(amounts)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
