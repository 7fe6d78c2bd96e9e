"""The model that workers use: it beats last week where that can be, and gives way where it cannot."""

from decimal import Decimal
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.forecast.model import HOLT_WINTERS
from ledger.forecast.records import Forecast
from ledger.forecast.rules import forecast
from tests.forecast.series import SHAPES, credits_of, usage_of


def made(micros: list[int]) -> Forecast:
    answer = forecast(usage_of(micros), 10**9, HOLT_WINTERS)
    assert isinstance(answer, Forecast)
    return answer


@pytest.mark.parametrize("shape", ["weekdays", "growing", "noise", "workdays only"])
@pytest.mark.parametrize("days", [63, 182])
def test_it_beats_last_week_where_there_is_something_to_learn(shape: str, days: int) -> None:
    told = made(credits_of(shape, days))

    assert "holt_winters" == told.method
    assert told.back_test is not None
    assert told.back_test.mase is not None
    assert told.back_test.mase < Decimal("0.97")


@pytest.mark.parametrize("shape", ["weekdays", "growing", "noise", "workdays only"])
def test_what_then_happened_was_nearer_to_it_than_last_week_again(shape: str) -> None:
    """Over five histories, whose 30 days that followed it has not seen."""
    ours = naive = 0
    for seed in range(5):
        micros = credits_of(shape, 120, seed)
        past, actual = micros[:90], micros[90:]
        told = made(past)
        ours += sum(abs(day.expected_micro - micro) for day, micro in zip(told.days, actual, strict=True))
        naive += sum(abs(past[place % 7 - 7] - micro) for place, micro in enumerate(actual))

    assert ours < 0.95 * naive


def test_most_days_fall_into_the_interval() -> None:
    """Of 80 % confidence, over five histories of each of three shapes."""
    inside, whole = [], []
    for shape in ("weekdays", "noise", "workdays only"):
        for seed in range(5):
            micros = credits_of(shape, 120, seed)
            told, actual = made(micros[:90]), micros[90:]
            inside += [d.low_micro <= micro <= d.high_micro for d, micro in zip(told.days, actual, strict=True)]
            whole.append(told.low_micro <= sum(actual) <= told.high_micro)

    assert 0.70 <= sum(inside) / len(inside) <= 0.90
    assert sum(whole) / len(whole) >= 0.65


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("days", [28, 45, 120])
def test_every_shape_is_sane(shape: str, days: int) -> None:
    """Nothing below zero, and no more than twice the largest day."""
    micros = credits_of(shape, days, 5)

    told = made([max(micros), *micros[1:]])

    for day in told.days:
        assert 0 <= day.low_micro <= day.expected_micro <= 2 * max(micros) + 1
    assert (told.method == "holt_winters") == (told.back_test is not None and told.back_test.beats_naive)


@given(st.lists(st.one_of(st.just(0), st.integers(1, 10**18)), min_size=21, max_size=60))
def test_it_gives_numbers_for_any_history(micros: list[int]) -> None:
    """Also where amounts lie far apart, and most days have none."""
    history = [1.0, *map(float, micros)]

    curve = HOLT_WINTERS.curve(history, 30)

    assert 30 == len(curve)
    assert all(map(isfinite, curve))


def test_it_is_deterministic() -> None:
    micros = credits_of("weekdays", 90)

    assert made(micros) == made(micros)
