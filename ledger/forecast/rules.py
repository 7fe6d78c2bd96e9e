"""The forecast of a wallet: decided from its daily use alone. Pure, and free of statsmodels.

The method is handed in (``ledger.forecast.model`` has the one that workers use). It is tried on the wallet's own past
against the seasonal naive forecast, and used only if it did better; the answer says which one it was and how far it
was off. The interval is what the chosen one missed by in those trials:

- of a day: the quantiles of all misses,
- of a sum of days: normal, from the average miss of each trial. Summing the days' bounds would give a far wider one.

Floats live between ``_history`` and ``_micro`` only: amounts go in and come out as integers, an expected one rounded
to the nearest, a bound away from it.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import accumulate, pairwise
from math import ceil, floor, sqrt
from statistics import NormalDist, fmean
from typing import Final

from ledger.forecast.backtest import (
    AHEAD,
    SEASONAL_NAIVE,
    TRAINING_MIN,
    WEEK,
    Method,
    Trial,
    curve_of,
    summary,
    trial_of,
)
from ledger.forecast.records import BackTest, Forecast, ForecastDay, Insufficient, Used
from ledger.kit.money import MICRO
from ledger.kit.shares import apportion, hundredths

HISTORY_MIN: Final = TRAINING_MIN + WEEK
"""Days since the first use that a forecast needs: what a method must be given, and a week to try it on."""

HISTORY_MAX: Final = 26 * WEEK
"""Days that are looked at: what was half a year ago says little about next month, and takes time."""

IDLE_DAYS: Final = 4 * WEEK
"""A wallet that used nothing for so long is expected to use nothing."""

IDLE: Final = Trial(Method("idle", lambda _history, days: [0.0] * days), [[0.0]], 0.0)
"""Nothing is expected, and nothing was missed."""

PATTERN_DAYS: Final = 8 * WEEK
"""Days that the weekday pattern is taken from, at most."""

MONTH_DAYS: Final = 31
"""A recommended budget must do for the longest month."""

RECENT_DAYS: Final = (WEEK, 4 * WEEK)
"""The windows of the daily rate: whole weeks, so that each weekday counts alike."""


def forecast(
    usage: Sequence[Used], available_micro: int, model: Method, *, confidence_percent: int = 80
) -> Forecast | Insufficient:
    """The 30 days that follow ``usage``, which has every day up to yesterday, days without use too.

    ``available_micro`` is what the first of the 30 days begins with: what is available now and what today has used so
    far. Raises ValueError where days are missing, or for a confidence outside 50 to 99.
    """
    if any(after.day - before.day != timedelta(1) for before, after in pairwise(usage)):
        raise ValueError("usage must have consecutive days")
    if not 50 <= confidence_percent <= 99:
        raise ValueError(f"confidence_percent must be from 50 to 99, not {confidence_percent}")
    if (missing := too_short(usage)) is not None:
        return missing
    history, known = _history(usage)
    start = usage[-1].day + timedelta(1)
    if _is_idle(usage, history):
        return _told(start, IDLE, [0.0] * AHEAD, None, history, known, available_micro, confidence_percent)
    tried, naive = trial_of(model, history), trial_of(SEASONAL_NAIVE, history)
    chosen = tried if tried.missed < naive.missed else naive
    curve = curve_of(chosen.method, history, AHEAD)
    if curve is None:
        chosen, curve = naive, curve_of(SEASONAL_NAIVE, history, AHEAD)
        assert curve is not None
    back_test = summary(history, tried, naive, chosen)
    return _told(start, chosen, curve, back_test, history, known, available_micro, confidence_percent)


def too_short(usage: Sequence[Used]) -> Insufficient | None:
    """What is said instead of a forecast where the history is too short for one; it needs no model."""
    history, known = _history(usage)
    if known >= HISTORY_MIN or _is_idle(usage, history):
        return None
    ready_on = usage[-1].day + timedelta(1 + HISTORY_MIN - known) if any(history) else None
    return Insufficient(known, HISTORY_MIN, ready_on)


def runs_out(forecast: Forecast, available_micro: int, today: date) -> tuple[date | None, date | None, date | None]:
    """``runs_out_on``, ``_earliest`` and ``_latest`` of a forecast, for what is available on another day or after a
    purchase: what ``today`` begins with."""
    days = [day for day in forecast.days if day.day >= today]
    drift = (forecast.high_micro - forecast.expected_micro) / AHEAD
    expected, low, high = _totals([day.expected_micro for day in days], drift)
    return tuple(_runs_out(today, totals, available_micro) for totals in (expected, high, low))  # type: ignore[return-value]


def estimated_remaining_days(available_micro: int, recent: Sequence[int]) -> int | None:
    """How many days the credits last at the recent rate, rounded down; None where nothing was used.

    ``recent``: what each of the last days used, the latest last, today left out; 28 are looked at. The rate is the
    higher one of the mean of the last 7 days and that of the last 28, so that neither a busy week nor a quiet one
    hides how soon they can run out. A wallet that is younger is measured by the days it has.
    """
    windows = [recent[-window:] for window in RECENT_DAYS]
    return runway_days(available_micro, [(len(days), sum(max(micro, 0) for micro in days)) for days in windows])


def runway_days(available_micro: int, windows: Sequence[tuple[int, int]]) -> int | None:
    """The same from sums: each window is so many days and what they used in all."""
    return min((max(available_micro, 0) * days // used for days, used in windows if used > 0), default=None)


def weekday_factors(start: date, history: Sequence[float]) -> list[int]:
    """In hundredths, Monday first: 100 is the average day, and all seven are 700. ``start`` follows the history."""
    weeks = min(len(history), PATTERN_DAYS) // WEEK
    recent = history[len(history) - weeks * WEEK :]
    sums = [0] * WEEK
    for place, used in enumerate(recent):
        # As recent is whole weeks, it begins on the weekday that follows it.
        sums[(start.weekday() + place) % WEEK] += round(used)
    return apportion(100 * WEEK, sums if any(sums) else [1] * WEEK)


def _history(usage: Sequence[Used]) -> tuple[list[float], int]:
    """What was used on each day, of half a year at most; and the number of all days since the first use."""
    used = [max(micro, 0) for _, micro in usage]
    first = next((place for place, micro in enumerate(used) if micro), 0)
    known = len(used) - first
    return [float(micro) for micro in used[first:][-HISTORY_MAX:]], known


def _told(
    start: date,
    chosen: Trial,
    curve: Sequence[float],
    back_test: BackTest | None,
    history: Sequence[float],
    known: int,
    available_micro: int,
    confidence_percent: int,
) -> Forecast:
    tail = (1 - confidence_percent / 100) / 2
    misses = sorted(miss for row in chosen.misses for miss in row)
    below, above = min(_quantile(misses, tail), 0.0), max(_quantile(misses, 1 - tail), 0.0)
    days = tuple(
        ForecastDay(start + timedelta(place), _micro(value), max(floor(value + below), 0), ceil(value + above))
        for place, value in enumerate(curve)
    )
    drift = _drift(chosen.misses, 1 - tail)
    expected, low, high = _totals([day.expected_micro for day in days], drift)
    return Forecast(
        days=days,
        expected_micro=expected[-1],
        low_micro=low[-1],
        high_micro=high[-1],
        confidence_percent=confidence_percent,
        weekday_factors=tuple(map(hundredths, weekday_factors(start, history))),
        recommended_budget_micro=_budget(high[-1]),
        runs_out_on=_runs_out(start, expected, available_micro),
        runs_out_earliest=_runs_out(start, high, available_micro),
        runs_out_latest=_runs_out(start, low, available_micro),
        method=chosen.method.name,
        history_days=known,
        back_test=back_test,
    )


def _is_idle(usage: Sequence[Used], history: Sequence[float]) -> bool:
    return len(usage) >= IDLE_DAYS and not any(history[-IDLE_DAYS:])


def _totals(days: Sequence[int], drift: float) -> tuple[list[int], list[int], list[int]]:
    """What is used up to the end of each day: expected, and the bounds of that."""
    expected = list(accumulate(days))
    low = [max(floor(total - drift * (place + 1)), 0) for place, total in enumerate(expected)]
    high = [ceil(total + drift * (place + 1)) for place, total in enumerate(expected)]
    return expected, low, high


def _drift(misses: Sequence[Sequence[float]], share: float) -> float:
    """What an average day of a sum may be off by. Few trials know little: the last factor widens it about as much as
    Student's law would."""
    average = sqrt(fmean(fmean(row) ** 2 for row in misses))
    return NormalDist().inv_cdf(share) * average * (1 + 1 / len(misses))


def _micro(value: float) -> int:
    """To the nearest, halves up."""
    return floor(value + 0.5)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two neighbours of the place, in proportion."""
    place = share * (len(ordered) - 1)
    left = floor(place)
    right = min(left + 1, len(ordered) - 1)
    return ordered[left] + (ordered[right] - ordered[left]) * (place - left)


def _budget(high_micro: int) -> int | None:
    """For the longest month, rounded up to two digits that count, and to whole credits."""
    if high_micro == 0:
        return None
    month = -(-high_micro * MONTH_DAYS // AHEAD)
    step: int = max(10 ** (len(str(month)) - 2), MICRO)
    return -(-month // step) * step


def _runs_out(start: date, totals: Sequence[int], available_micro: int) -> date | None:
    """The first day at whose end as much was used as there is."""
    days: Iterator[date] = (start + timedelta(place) for place, total in enumerate(totals) if total >= available_micro)
    return next(days, None)
