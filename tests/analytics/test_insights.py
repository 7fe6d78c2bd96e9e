"""What is concluded from use, and that opposite histories lead to opposite conclusions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.analytics.insights import SEVERITIES, Insight, insights
from ledger.analytics.rules import Row
from tests.analytics.rows import any_rows, row

OPPOSITES = {
    "spend_accelerating": "spend_slowing",
    "cost_per_operation_rising": "cost_per_operation_falling",
    "service_new": "service_idle",
}
OPPOSITES |= {there: here for here, there in OPPOSITES.items()}


def codes(found: list[Insight]) -> list[str]:
    return [f"{insight.code} {insight.facts.get('service', '')}".strip() for insight in found]


CASES: dict[str, tuple[list[Row], list[Row], int | None, list[str]]] = {
    "nothing at all": ([], [], None, []),
    "as it was": (
        [row("a", 3), row("b", 3), row("c", 3), row("d", 3)],
        [row("a", 3), row("b", 3), row("c", 3), row("d", 3)],
        30,
        [],
    ),
    "a third": (
        [row("a", 4), row("b", 3), row("c", 3)],
        [row("a", 4), row("b", 3), row("c", 3)],
        None,
        ["service_dominates a"],
    ),
    "a quarter more": (
        [row("a", 5), row("b", 5), row("c", 5), row("d", 5)],
        [row("a", 4), row("b", 4), row("c", 4), row("d", 4)],
        None,
        ["spend_accelerating"],
    ),
    "less than a quarter more": (
        [row("a", 49), row("b", 50), row("c", 50), row("d", 50)],
        [row("a", 40), row("b", 40), row("c", 40), row("d", 40)],
        None,
        [],
    ),
    "a quarter more before": (
        [row("a", 4), row("b", 4), row("c", 4), row("d", 4)],
        [row("a", 5), row("b", 5), row("c", 5), row("d", 5)],
        None,
        ["spend_slowing"],
    ),
    "dearer operations": (
        [row("a", 12, operations=10), *(row(name, 30) for name in "bcde")],
        [row("a", 20, operations=20), *(row(name, 30) for name in "bcde")],
        None,
        ["cost_per_operation_rising a"],
    ),
    "too few operations": (
        [row("a", 12, operations=9), *(row(name, 30) for name in "bcde")],
        [row("a", 20, operations=20), *(row(name, 30) for name in "bcde")],
        None,
        [],
    ),
    "one came, one went": (
        [row("a", 9), row("b", 9), row("c", 9), row("d", 9)],
        [row("a", 9), row("b", 9), row("c", 9), row("e", 9)],
        None,
        ["service_new d", "service_idle e"],
    ),
    "all came back": ([row("a", 9, refunded=9)], [row("a", 9)], None, ["refunded_share_high a"]),
    "a twentieth came back": (
        [row("a", 20, refunded=1), row("b", 20), row("c", 20), row("d", 20)],
        [row("a", 20), row("b", 20), row("c", 20), row("d", 20)],
        None,
        ["refunded_share_high a"],
    ),
    "gone in two days": ([], [], 2, ["runway_low"]),
    "gone in thirteen": ([], [], 13, ["runway_low"]),
    "gone in fourteen": ([], [], 14, []),
    "enough for a season": ([], [], 90, ["runway_ample"]),
}


@pytest.mark.parametrize("case", CASES)
def test_each_insight_has_its_occasion(case: str) -> None:
    now, before, runway, expected = CASES[case]

    assert expected == codes(insights(now, before, runway))


def test_two_wallets_with_opposite_histories_are_told_opposite_things() -> None:
    """One grows, costs more each time, takes up a service and runs low; the other does the reverse."""
    lean = [row("chat", 30, operations=100), row("mail", 20, operations=50), row("old", 20), row("db", 25)]
    rich = [row("chat", 90, operations=90), row("mail", 20, operations=50), row("new", 40), row("db", 25)]

    growing = insights(rich, lean, 2)
    shrinking = insights(lean, rich, 400)

    assert [
        "runway_low",
        "spend_accelerating",
        "cost_per_operation_rising chat",
        "service_dominates chat",
        "service_new new",
        "service_idle old",
    ] == codes(growing)
    assert [
        "runway_ample",
        "spend_slowing",
        "service_dominates chat",
        "cost_per_operation_falling chat",
        "service_idle new",
        "service_new old",
    ] == codes(shrinking)
    assert not {insight.advice for insight in growing} & {insight.advice for insight in shrinking}


@given(any_rows(), any_rows())
def test_insights_of_change_turn_round_with_the_periods(now: list[Row], before: list[Row]) -> None:
    def changes(found: list[Insight]) -> set[tuple[str, object]]:
        return {(insight.code, insight.facts.get("service")) for insight in found if insight.code in OPPOSITES}

    mirrored = {(OPPOSITES[code], service) for code, service in changes(insights(before, now))}
    assert mirrored == changes(insights(now, before))


@given(any_rows(), any_rows(), st.one_of(st.none(), st.integers(0, 500)))
def test_every_insight_is_whole(now: list[Row], before: list[Row], runway: int | None) -> None:
    """The worst first; a sentence with what to do; no fact left out."""
    found = insights(now, before, runway)

    ranks = [SEVERITIES.index(insight.severity) for insight in found]
    assert sorted(ranks) == ranks
    for insight in found:
        assert insight.advice.endswith(".")
        assert ": " in insight.advice
        assert "None" not in [*map(str, insight.facts.values())]
        assert "None" not in insight.advice


def test_advice_names_what_to_look_at_first() -> None:
    rows = [row("gpu", 7, meter="large"), row("gpu", 2, meter="small"), row("chat", 1)]

    (insight,) = insights(rows, rows)

    assert "gpu is 90.00 % of the spend: savings begin there, with large first." == insight.advice
    assert {"service": "gpu", "percent": "90.00", "credits": "9", "meter": "large"} == insight.facts
