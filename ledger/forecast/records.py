"""What is forecast, and what is said instead where too little is known. Amounts are in micro-credits."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

import msgspec


class Used(NamedTuple):
    """What a wallet used on one day of its time zone. Refunds may bring it below zero, which counts as nothing."""

    day: date
    micro: int


class ForecastDay(msgspec.Struct, frozen=True):
    """``low`` to ``high`` is where the day's use falls with the forecast's confidence."""

    day: date
    expected_micro: int
    low_micro: int
    high_micro: int


class BackTest(msgspec.Struct, frozen=True):
    """How the method would have done: a forecast from the end of each of the last weeks, against what then happened.

    ``wape``: the sum of the misses ÷ the sum of what was used, of the method that the forecast was made by;
    ``model_wape`` and ``naive_wape`` are those of both that were tried. None where nothing was used on these days.
    ``mase``: the model's misses ÷ those of the seasonal naive forecast (each day as a week before) on the same days;
    below one is better. None where the naive one missed nothing, or the model gave no number.
    """

    origins: int
    days: int
    wape: Decimal | None
    model_wape: Decimal | None
    naive_wape: Decimal | None
    mase: Decimal | None
    beats_naive: bool


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The next 30 days.

    ``low_micro`` and ``high_micro`` of the whole are nearer to its expected value than the sums of the days' are:
    good and bad days make up for each other. ``weekday_factors``: Monday first, one is the average day, seven in sum.
    ``recommended_budget_micro``: a monthly limit that is not reached as long as the forecast holds; None where nothing
    is expected. ``runs_out_on``: the day on which what is available will be used up, and the earliest and the latest
    such day within the confidence; None: not in these 30 days. ``method``: ``holt_winters``, ``seasonal_naive`` (the
    model did not beat it) or ``idle`` (nothing was used for four weeks; then there is no ``back_test``).
    """

    days: tuple[ForecastDay, ...]
    expected_micro: int
    low_micro: int
    high_micro: int
    confidence_percent: int
    weekday_factors: tuple[Decimal, ...]
    recommended_budget_micro: int | None
    runs_out_on: date | None
    runs_out_earliest: date | None
    runs_out_latest: date | None
    method: str
    history_days: int
    back_test: BackTest | None


class Insufficient(msgspec.Struct, frozen=True):
    """Too short a history. ``ready_on``: the first day with enough of it; None where nothing was used yet."""

    history_days: int
    needed_days: int
    ready_on: date | None
