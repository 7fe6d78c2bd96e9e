"""What is told of a forecast, whatever method makes it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.forecast.backtest import SEASONAL_NAIVE, Method, curve_of
from ledger.forecast.records import Forecast, Insufficient
from ledger.forecast.rules import forecast, runs_out, too_short
from ledger.kit.money import MICRO
from tests.forecast.series import START, WEEK, credits_of, usage_of

AVERAGE = Method("average", lambda history, days: [sum(history) / len(history)] * days)
WILD = Method("wild", lambda history, days: [1e30] * days)
NEGATIVE = Method("negative", lambda history, days: [-1.0] * days)
NO_NUMBER = Method("no number", lambda history, days: [float("nan")] * days)

METHODS = st.sampled_from([AVERAGE, WILD, NEGATIVE, NO_NUMBER, SEASONAL_NAIVE])
AMOUNTS = st.one_of(st.just(0), st.integers(-(10**6), 10**9), st.integers(0, 10**18))


def made(micros: list[int], available: int = 0, model: Method = AVERAGE, confidence: int = 80) -> Forecast:
    answer = forecast(usage_of(micros), available, model, confidence_percent=confidence)
    assert isinstance(answer, Forecast)
    return answer


@given(
    st.lists(AMOUNTS, min_size=28, max_size=90).filter(lambda found: found[0] > 0),
    st.integers(-(10**9), 10**20),
    METHODS,
    st.integers(50, 99),
)
def test_a_forecast_is_sane_whatever_happened(
    micros: list[int], available: int, model: Method, confidence: int
) -> None:
    """Thirty days in a row, nothing below zero, each bound on its side, sums that are sums, factors of mean one."""
    told = made(micros, available, model, confidence)

    first = START + timedelta(len(micros))
    assert [first + timedelta(day) for day in range(30)] == [day.day for day in told.days]
    for day in told.days:
        assert 0 <= day.low_micro <= day.expected_micro <= day.high_micro
    assert sum(day.expected_micro for day in told.days) == told.expected_micro
    assert 0 <= told.low_micro <= told.expected_micro <= told.high_micro
    assert Decimal("7.00") == sum(told.weekday_factors)
    dates = [told.runs_out_earliest, told.runs_out_on, told.runs_out_latest]
    assert sorted(dates, key=lambda found: found or date.max) == dates
    if told.recommended_budget_micro is not None:
        assert told.recommended_budget_micro >= told.high_micro


@given(st.lists(AMOUNTS, min_size=28, max_size=60).filter(lambda found: found[0] > 0), METHODS)
def test_more_confidence_is_never_a_narrower_interval(micros: list[int], model: Method) -> None:
    narrow, wide = made(micros, model=model, confidence=60), made(micros, model=model, confidence=90)

    assert wide.low_micro <= narrow.low_micro
    assert narrow.high_micro <= wide.high_micro
    for less, more in zip(narrow.days, wide.days, strict=True):
        assert more.low_micro <= less.low_micro
        assert less.high_micro <= more.high_micro


@pytest.mark.parametrize("model", [WILD, NEGATIVE, NO_NUMBER], ids=lambda model: model.name)
def test_a_model_that_does_not_beat_last_week_is_not_used(model: Method) -> None:
    """The answer says so, and by how much."""
    told = made(credits_of("weekdays", 70), model=model)

    assert "seasonal_naive" == told.method
    assert told.back_test is not None
    assert not told.back_test.beats_naive
    assert told.back_test.naive_wape == told.back_test.wape


def test_a_model_that_gives_no_number_has_no_error() -> None:
    told = made(credits_of("weekdays", 70), model=NO_NUMBER)

    assert told.back_test is not None
    assert (None, None) == (told.back_test.model_wape, told.back_test.mase)


def test_a_model_that_fails_only_at_the_end_is_replaced() -> None:
    """It was better at every origin, and then gave no number."""
    fails = Method("fails", lambda history, days: [float("inf") if len(history) == 70 else 100.0 * MICRO] * days)

    told = made(credits_of("noise", 70), model=fails)

    assert "seasonal_naive" == told.method


def test_a_model_that_beats_last_week_is_used() -> None:
    """On noise the average does, as last week has noise of its own."""
    told = made(credits_of("noise", 70))

    assert "average" == told.method
    assert told.back_test is not None
    assert told.back_test.beats_naive
    assert told.back_test.model_wape == told.back_test.wape
    assert told.back_test.mase is not None
    assert Decimal("0.6") < told.back_test.mase < 1


def test_the_back_test_takes_both_from_the_same_origins() -> None:
    """Six weeks back at most, each with 21 days before it: 7 + 14 + 21 + 28 + 30 + 30 days were forecast."""
    told = made(credits_of("noise", 70))

    assert told.back_test is not None
    assert (6, 130) == (told.back_test.origins, told.back_test.days)


def test_an_exact_week_is_repeated_exactly() -> None:
    """Nothing was ever missed, so the interval has no width; there is no error to compare with."""
    told = made(credits_of("exact week", 35))

    assert [WEEK[day % 7] * MICRO for day in range(30)] == [day.expected_micro for day in told.days]
    assert (told.expected_micro, told.expected_micro) == (told.low_micro, told.high_micro)
    assert told.back_test is not None
    assert (Decimal(0), None) == (told.back_test.wape, told.back_test.mase)
    assert "1.30 1.25 1.20 1.20 1.10 0.50 0.45" == " ".join(map(str, told.weekday_factors))


@pytest.mark.parametrize("first", range(7))
def test_the_pattern_begins_on_monday_wherever_the_history_does(first: int) -> None:
    week = [WEEK[(first + day) % 7] * MICRO for day in range(40)]

    told = forecast(usage_of(week, START + timedelta(first)), 0, AVERAGE)

    assert isinstance(told, Forecast)
    assert "1.30 1.25 1.20 1.20 1.10 0.50 0.45" == " ".join(map(str, told.weekday_factors))


@pytest.mark.parametrize(
    ("available", "expected"),
    [(-5, 0), (0, 0), (1, 0), (100, 0), (101, 1), (1000, 9), (3000, 29), (3001, None)],
)
def test_credits_run_out_on_the_day_that_uses_the_last(available: int, expected: int | None) -> None:
    """A hundred a day: 1,000 are gone at the end of the tenth."""
    told = made(credits_of("constant", 28), available * MICRO)

    day = None if expected is None else START + timedelta(28 + expected)
    assert (day, day, day) == (told.runs_out_earliest, told.runs_out_on, told.runs_out_latest)


def test_a_recommended_budget_does_for_the_longest_month() -> None:
    """31 days of 100, and two digits that count."""
    assert 3100 * MICRO == made(credits_of("constant", 28)).recommended_budget_micro
    assert 3200 * MICRO == made([micro + MICRO for micro in credits_of("constant", 28)]).recommended_budget_micro
    assert 1 * MICRO == made([1] * 28).recommended_budget_micro


@pytest.mark.parametrize("days", [28, 60, 400])
def test_a_wallet_that_never_used_anything_is_expected_not_to(days: int) -> None:
    told = made([0] * days, 5)

    assert ("idle", 0, 0, 0) == (told.method, told.low_micro, told.expected_micro, told.high_micro)
    assert (None, None, None) == (told.runs_out_on, told.recommended_budget_micro, told.back_test)
    assert [Decimal("1.00")] * 7 == list(told.weekday_factors)


def test_a_wallet_that_fell_silent_is_idle_after_four_weeks() -> None:
    busy = credits_of("weekdays", 60)

    assert "idle" != made(busy + [0] * 27).method
    assert "idle" == made(busy + [0] * 28).method


@pytest.mark.parametrize(
    ("micros", "known", "ready"),
    [
        ([], 0, None),
        ([0] * 27, 27, None),
        ([5], 1, 28),
        ([5] * 27, 27, 28),
        ([0] * 300 + [5] * 10, 10, 328),
    ],
    ids=["nothing", "silence", "a day", "a day too few", "began late"],
)
def test_too_short_a_history_says_what_is_needed(micros: list[int], known: int, ready: int | None) -> None:
    """Days count from the first use: what was before says nothing of what comes."""
    ready_on = None if ready is None else START + timedelta(ready)

    assert Insufficient(known, 28, ready_on) == forecast(usage_of(micros), 0, AVERAGE)


def test_a_forecast_is_ready_on_the_day_it_said() -> None:
    answer = forecast(usage_of([0] * 9 + [5] * 10), 0, AVERAGE)
    assert isinstance(answer, Insufficient)
    assert answer.ready_on is not None

    days = (answer.ready_on - START).days

    assert isinstance(forecast(usage_of([0] * 9 + [5] * (days - 10)), 0, AVERAGE), Insufficient)
    assert isinstance(forecast(usage_of([0] * 9 + [5] * (days - 9)), 0, AVERAGE), Forecast)


@given(st.lists(st.integers(0, 5 * MICRO), max_size=60))
def test_whether_a_history_is_too_short_needs_no_model(micros: list[int]) -> None:
    """What is said at once is what a worker would find."""
    found = forecast(usage_of(micros), 0, AVERAGE)

    assert too_short(usage_of(micros)) == (found if isinstance(found, Insufficient) else None)


@given(st.lists(st.integers(1, 5 * MICRO), min_size=28, max_size=60), st.integers(0, 300 * MICRO))
def test_the_end_of_the_credits_can_be_told_anew(micros: list[int], available: int) -> None:
    """After a purchase, without making the forecast again; a rounding may move a bound by a micro-credit."""
    old, new = made(micros), made(micros, available)
    day = old.days[0].day

    expected = (new.runs_out_on, new.runs_out_earliest, new.runs_out_latest)
    found = runs_out(old, available, day)
    assert expected[0] == found[0]
    assert expected in {runs_out(old, available + more, day) for more in range(-31, 32)}


def test_days_that_are_over_are_left_out() -> None:
    """Ten a day and 45 left on the third day: they last until the seventh."""
    old = made([10 * MICRO] * 35)
    third = old.days[2].day

    assert (old.days[6].day,) * 3 == runs_out(old, 45 * MICRO, third)
    assert (None,) * 3 == runs_out(old, MICRO, old.days[-1].day + timedelta(1))


def test_days_that_are_missing_are_refused() -> None:
    usage = usage_of(credits_of("noise", 40))

    with pytest.raises(ValueError, match="consecutive"):
        forecast([*usage[:7], *usage[8:]], 0, AVERAGE)


@pytest.mark.parametrize("confidence", [0, 49, 100])
def test_a_confidence_that_means_nothing_is_refused(confidence: int) -> None:
    with pytest.raises(ValueError, match="from 50 to 99"):
        forecast(usage_of([5] * 40), 0, AVERAGE, confidence_percent=confidence)


def test_a_method_is_kept_within_reason() -> None:
    """Never below zero, never above twice the largest day."""
    assert [0.0] == curve_of(NEGATIVE, [1.0, 5.0], 1)
    assert [10.0] == curve_of(WILD, [1.0, 5.0], 1)
    assert curve_of(NO_NUMBER, [1.0, 5.0], 1) is None


def test_only_half_a_year_is_looked_at() -> None:
    """What was before changes nothing but the number of days that are known."""
    recent = credits_of("noise", 182)

    long, short = made([10**12] * 100 + recent), made(recent)

    assert (282, 182) == (long.history_days, short.history_days)
    assert [day.expected_micro for day in short.days] == [day.expected_micro for day in long.days]
