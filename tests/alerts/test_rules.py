"""Levels of a balance: edges only, once, re-armed by recovery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.alerts.rules import WORSE, event_of, level_of

LEVELS = st.sampled_from(sorted(WORSE))


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (101, "ok"),
        (100, "ok"),
        (99, "low"),
        (20, "low"),
        (19, "critical"),
        (1, "critical"),
        (0, "depleted"),
        (-5, "depleted"),
    ],
)
def test_a_level_begins_strictly_below_its_threshold(free: int, expected: str) -> None:
    assert expected == level_of(free, 100, 20)


@given(st.integers(-200, 200), st.integers(-200, 200))
def test_less_is_never_better(less: int, more: int) -> None:
    less, more = sorted((less, more))

    assert WORSE[level_of(less, 100, 20)] >= WORSE[level_of(more, 100, 20)]


@given(LEVELS)
def test_the_first_level_and_an_unchanged_one_are_silent(level: str) -> None:
    assert event_of(None, level) is None
    assert event_of(level, level) is None


@given(LEVELS, LEVELS)
def test_only_worse_levels_and_full_recovery_are_told(before: str, after: str) -> None:
    told = event_of(before, after)

    if WORSE[after] > WORSE[before]:
        assert f"balance.{after}" == told
    else:
        assert ("balance.recovered" if after == "ok" and before != "ok" else None) == told
