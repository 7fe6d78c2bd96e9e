"""Spikes: far above what is usual, by a floor, and told once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.budgets.spikes import FLOOR, Spike, spike
from ledger.kit.money import MICRO

HOUR = datetime(2026, 3, 2, 9, tzinfo=UTC)
USUAL = [20, 22, 18, 20, 25, 15, 20, 21, 19, 20, 24, 16, 20, 20]
"""Median 20; half of them are within 1 of it."""


@pytest.mark.parametrize(
    ("used", "usual", "expected"),
    [
        (60, USUAL, 20),
        (59, USUAL, None),
        (60, [20] * 14, 20),
        (59, [20] * 14, None),
        (10, [0] * 14, 0),
        (9, [0] * 14, None),
        (14, [4] * 14, 4),
        (13, [4] * 14, None),
        (120, [0, 40] * 7, None),
        (121, [0, 40] * 7, 20),
        (60, [900, *[20] * 13], 20),
        (60, [900] * 9 + [20] * 14, 20),
        (60, [20] * 7, 20),
        (60, [20] * 6, None),
        (60, [], None),
    ],
    ids=[
        "three times the median",
        "less than that",
        "steady",
        "steady, less than that",
        "out of nothing",
        "below the floor",
        "the floor above the median",
        "less than the floor above it",
        "five times the MAD, and no more",
        "beyond five times the MAD",
        "an old spike does not hide a new one",
        "only the last fourteen count",
        "a week is enough",
        "six windows are not",
        "new",
    ],
)
def test_a_spike_is_far_from_the_usual(used: int, usual: list[int], expected: int | None) -> None:
    found = spike(HOUR, used * MICRO, [micro * MICRO for micro in usual])

    assert (None if expected is None else Spike(HOUR, used * MICRO, expected * MICRO)) == found


def test_a_spike_is_told_once_in_its_window() -> None:
    """The next window is another matter."""
    usual = [20 * MICRO] * 14

    assert spike(HOUR, 70 * MICRO, usual, HOUR) is None
    assert spike(HOUR + timedelta(hours=1), 70 * MICRO, usual, HOUR) is not None


@given(st.lists(st.integers(-(10**9), 10**12), max_size=30), st.integers(0, 10**13), st.integers(0, 10**13))
def test_more_use_is_never_less_of_a_spike(usual: list[int], used: int, more: int) -> None:
    if spike(HOUR, used, usual) is not None:
        assert spike(HOUR, used + more, usual) is not None


@given(st.lists(st.integers(0, 10**12), min_size=7, max_size=30))
def test_the_usual_is_no_spike(usual: list[int]) -> None:
    """Nor is anything within the floor above it."""
    assert spike(HOUR, min(usual[-14:]) + FLOOR - 1, usual) is None
