"""How long credits last at the recent rate, in integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.forecast.rules import estimated_remaining_days


@pytest.mark.parametrize(
    ("available", "recent", "expected"),
    [
        (700, [10] * 28, 70),
        (709, [10] * 28, 70),
        (700, [10] * 21 + [20] * 7, 35),
        (700, [10] * 21 + [0] * 7, 93),
        (700, [1_000] * 90 + [10] * 28, 70),
        (700, [10], 70),
        (700, [10, 30], 35),
        (0, [10], 0),
        (-5, [10], 0),
        (700, [], None),
        (700, [0] * 28, None),
        (700, [10] + [0] * 28, None),
        (700, [-10] * 28, None),
    ],
    ids=[
        "steady",
        "rounded down",
        "a busy week counts alone",
        "a quiet week does not hide the month",
        "only four weeks are looked at",
        "a day old",
        "two days old",
        "nothing left",
        "owed",
        "new",
        "unused",
        "no longer used",
        "only refunds",
    ],
)
def test_credits_last_at_the_higher_rate(available: int, recent: list[int], expected: int | None) -> None:
    assert expected == estimated_remaining_days(available, recent)


@given(st.integers(0, 10**18), st.lists(st.integers(0, 10**18), max_size=60), st.integers(0, 10**18))
def test_more_credits_never_last_shorter(available: int, recent: list[int], more: int) -> None:
    fewer, longer = (estimated_remaining_days(amount, recent) for amount in (available, available + more))

    assert (fewer is None) == (longer is None)
    assert fewer is None or longer is None or fewer <= longer
