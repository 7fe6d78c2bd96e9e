"""Parts of a whole: they add up, and none is far from its share."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.kit.shares import apportion, percentages, rounded

WEIGHTS = st.lists(st.integers(-5, 10**18), max_size=40)


@given(st.integers(0, 10**6), WEIGHTS)
def test_parts_add_up_and_are_near_their_share(whole: int, weights: list[int]) -> None:
    """Less than one away, each; a weight below zero counts as zero."""
    parts = apportion(whole, weights)

    total = sum(max(weight, 0) for weight in weights)
    assert (whole if total else 0) == sum(parts)
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(whole * max(weight, 0), total) if total else Fraction(0)
        assert abs(part - share) < 1


@given(st.integers(0, 10**6), WEIGHTS)
def test_more_weight_is_never_less_of_the_whole(whole: int, weights: list[int]) -> None:
    parts = [part for _, part in sorted(zip(weights, apportion(whole, weights), strict=True))]

    assert sorted(parts) == parts


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1, 1, 1], "33.34 33.33 33.33"),
        ([2, 1], "66.67 33.33"),
        ([1, 0, 1], "50.00 0.00 50.00"),
        ([7], "100.00"),
        ([0, 0], "0.00 0.00"),
        ([-4, 4], "0.00 100.00"),
        ([1] * 7, "14.29 14.29 14.29 14.29 14.28 14.28 14.28"),
        ([], ""),
    ],
)
def test_percentages_have_two_decimals(weights: list[int], expected: str) -> None:
    assert expected == " ".join(map(str, percentages(weights)))


@given(WEIGHTS.filter(lambda weights: any(weight > 0 for weight in weights)))
def test_percentages_add_up_to_a_hundred(weights: list[int]) -> None:
    assert Decimal("100.00") == sum(percentages(weights))


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"), [(1, 2, 1), (1, 3, 0), (-1, 2, 0), (-3, 2, -1), (5, 5, 1)]
)
def test_halves_are_rounded_up(dividend: int, divisor: int, expected: int) -> None:
    assert expected == rounded(dividend, divisor)
