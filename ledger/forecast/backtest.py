"""How well a method would have forecast what has already happened. Pure.

From the end of each of the last weeks (an *origin*) the method forecasts what followed, seeing only what came before;
its misses are compared with those of the seasonal naive forecast from the same origins. They also say how wide the
interval of a forecast is: as wide as the misses were, whatever a method may think of itself.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import inf, isfinite
from typing import Final, NamedTuple

from ledger.forecast.records import BackTest

WEEK: Final = 7
AHEAD: Final = 30
"""Days of a forecast."""

TRAINING_MIN: Final = 21
"""Days that a method must be given, at least: it has to tell a weekday from chance."""

ORIGINS_MAX: Final = 6

GROWTH_MAX: Final = 2
"""No day is expected above this many times the largest day there was, wherever a trend may point."""


class Method(NamedTuple):
    """A way to forecast: ``curve(history, days)`` gives one number for each day that follows the history."""

    name: str
    curve: Callable[[Sequence[float], int], Sequence[float]]


class Trial(NamedTuple):
    """``misses[origin][day]`` is what was used less what was expected; ``missed`` the sum of their sizes.

    A method that gave no number at some origin has ``missed`` infinity, and no misses.
    """

    method: Method
    misses: list[list[float]]
    missed: float


def last_week_again(history: Sequence[float], days: int) -> list[float]:
    """The seasonal naive forecast: each day is as it was a week before."""
    return [history[day % WEEK - WEEK] for day in range(days)]


SEASONAL_NAIVE: Final = Method("seasonal_naive", last_week_again)


def curve_of(method: Method, history: Sequence[float], days: int) -> list[float] | None:
    """The method's forecast within reason, never below zero; None where it gave no number."""
    curve = method.curve(history, days)
    if not all(map(isfinite, curve)):
        return None
    most = GROWTH_MAX * max(history)
    return [min(max(value, 0.0), most) for value in curve]


def origins_of(history: Sequence[float]) -> list[int]:
    """How many days were known at each origin, the latest first."""
    known = range(len(history) - WEEK, TRAINING_MIN - 1, -WEEK)
    return list(known[:ORIGINS_MAX])


def trial_of(method: Method, history: Sequence[float]) -> Trial:
    """Try a method at each origin."""
    misses = []
    for origin in origins_of(history):
        actual = history[origin : origin + AHEAD]
        curve = curve_of(method, history[:origin], len(actual))
        if curve is None:
            return Trial(method, [], inf)
        misses.append([used - expected for used, expected in zip(actual, curve, strict=True)])
    return Trial(method, misses, sum(abs(miss) for row in misses for miss in row))


def summary(history: Sequence[float], model: Trial, naive: Trial, chosen: Trial) -> BackTest:
    """Both trials as they are told."""
    used = sum(sum(history[origin : origin + AHEAD]) for origin in origins_of(history))
    return BackTest(
        origins=len(naive.misses),
        days=sum(map(len, naive.misses)),
        wape=_ratio(chosen.missed, used),
        model_wape=_ratio(model.missed, used),
        naive_wape=_ratio(naive.missed, used),
        mase=_ratio(model.missed, naive.missed),
        beats_naive=model.missed < naive.missed,
    )


def _ratio(part: float, whole: float) -> Decimal | None:
    """With four decimals; None where it is no number."""
    if whole == 0 or not isfinite(part):
        return None
    return Decimal(part / whole).quantize(Decimal("0.0001"))
