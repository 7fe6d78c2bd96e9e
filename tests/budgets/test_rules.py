"""What budgets allow, and when they speak: each level at its edge, once, and again after a refund."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.budgets.rules import Budget, Check, Crossings, check, crossings, refusal


def budget(limit: int = 1_000, **more: Any) -> Budget:
    return Budget(**{"id": "bud_1", "scope": "wallet", "period": "month", "limit_micro": limit, **more})


AMOUNTS = st.integers(0, 2_000)
LEVELS = st.lists(st.integers(1, 200), unique=True, max_size=5).map(lambda found: tuple(sorted(found)))


@pytest.mark.parametrize(
    ("spent", "amount", "expected"),
    [
        (0, 1_000, Check(True, 1_000)),
        (0, 1_001, Check(False, 1_000)),
        (600, 400, Check(True, 400)),
        (600, 401, Check(False, 400)),
        (1_000, 1, Check(False, 0)),
        (1_200, 1, Check(False, 0)),
        (1_200, 0, Check(True, 0)),
        (1_200, -5, Check(True, 0)),
        (-50, 1_050, Check(True, 1_050)),
    ],
)
def test_a_hard_budget_ends_at_its_limit(spent: int, amount: int, expected: Check) -> None:
    """To the last micro-credit; what gives back is always allowed."""
    assert expected == check(budget(hard=True), spent, amount)


@given(AMOUNTS, AMOUNTS)
def test_a_soft_budget_allows_everything_and_says_what_is_left(spent: int, amount: int) -> None:
    assert Check(True, max(1_000 - spent, 0)) == check(budget(), spent, amount)


@given(st.lists(st.integers(1, 500), max_size=20))
def test_a_hard_budget_is_never_overspent(amounts: list[int]) -> None:
    """And what is refused would have overspent it."""
    spent = 0
    for amount in amounts:
        if check(budget(hard=True), spent, amount).allowed:
            spent += amount
        else:
            assert spent + amount > 1_000
    assert spent <= 1_000


def test_a_refusal_says_which_budget_and_what_is_left() -> None:
    hard = budget(500_000_000, hard=True, scope="service", of="chat")

    error = refusal(hard, 445_600_000, 60_000_000)

    assert ("CREDIT_LIMIT_EXCEEDED", 402) == (error.code, error.status)
    assert "60 credits are asked for, and the budget of service chat for this month has 54.4 left" == error.detail
    assert {"budget": "bud_1", "limit": "500", "spent": "445.6", "left": "54.4"} == error.facts


def test_a_refusal_of_a_wallets_own_budget_names_the_wallet() -> None:
    error = refusal(budget(hard=True, period="day"), 1_000, 1)

    assert "0.000001 credits are asked for, and the wallet's budget for this day has 0 left" == error.detail


@pytest.mark.parametrize(
    ("before", "after", "told", "expected"),
    [
        (0, 499, "", ("", "")),
        (0, 500, "", ("50", "50")),
        (499, 500, "", ("50", "50")),
        (500, 501, "50", ("", "50")),
        (0, 950, "", ("50 80 90", "50 80 90")),
        (950, 1_000, "50 80 90", ("100", "50 80 90 100")),
        (499, 500, "50", ("", "50")),
        (850, 700, "50 80", ("", "50")),
        (700, 850, "50", ("80", "50 80")),
        (850, 400, "50 80", ("", "")),
        (600, 601, "", ("", "")),
        (0, 601, "", ("50", "50")),
    ],
    ids=[
        "below",
        "at the level",
        "over the edge",
        "beyond it",
        "several at once",
        "the limit",
        "asked twice",
        "back by a refund",
        "again after it",
        "back below all",
        "made late",
        "made late, asked from zero",
    ],
)
def test_levels_are_told_at_their_edge(before: int, after: int, told: str, expected: tuple[str, str]) -> None:
    found = crossings(budget(), before, after, frozenset(map(int, told.split())))

    assert expected == tuple(" ".join(map(str, sorted(levels))) for levels in (found.reached, found.told))


@given(st.lists(AMOUNTS, max_size=30), LEVELS)
def test_a_level_is_told_once_for_each_time_it_is_crossed(spendings: list[int], alerts: tuple[int, ...]) -> None:
    """Through any ups and downs of a period, as a count of the crossings upwards has it."""
    made = budget(alerts=alerts)
    told: frozenset[int] = frozenset()
    reached: list[int] = []
    for before, after in pairwise([0, *spendings]):
        found = crossings(made, before, after, told)
        reached += found.reached
        told = found.told
        assert {level for level in alerts if after * 100 >= level * 1_000} == told
    for level in alerts:
        above = [amount * 100 >= level * 1_000 for amount in [0, *spendings]]
        assert sum(now and not was for was, now in pairwise(above)) == reached.count(level)


@given(AMOUNTS, AMOUNTS, LEVELS)
def test_asking_twice_tells_nothing_new(before: int, after: int, alerts: tuple[int, ...]) -> None:
    made = budget(alerts=alerts)
    first = crossings(made, before, after)

    assert Crossings((), first.told) == crossings(made, before, after, first.told)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"limit_micro": 0}, "more than zero"),
        ({"of": "chat"}, "of names"),
        ({"scope": "service"}, "of names"),
        ({"alerts": (80, 50)}, "rise"),
        ({"alerts": (50, 50)}, "rise"),
        ({"alerts": (0, 50)}, "percentages from 1"),
        ({"alerts": (50, 1_001)}, "percentages from 1"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        budget(**wrong)


def test_a_budget_may_have_no_alerts() -> None:
    assert Crossings((), frozenset()) == crossings(budget(alerts=()), 0, 5_000)
