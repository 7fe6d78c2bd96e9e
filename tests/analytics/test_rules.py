"""Where credits went: parts that add up, in an order that can be relied on."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.analytics.rules import (
    KEYS,
    Mover,
    Row,
    Sums,
    average_per_day,
    breakdown,
    movers,
    rest,
    total,
)
from ledger.kit.money import MICRO
from tests.analytics.rows import MONDAY, any_rows, row


@given(any_rows(), st.sampled_from(sorted(KEYS)))
def test_a_breakdown_adds_up_to_the_whole(rows: list[Row], by: str) -> None:
    """In credits, and to 100.00 percent exactly, by whatever it is."""
    parts = breakdown(rows, by)

    whole = total(rows)
    assert whole.spent_micro == sum(part.sums.spent_micro for part in parts)
    assert whole.operations == sum(part.sums.operations for part in parts)
    assert (Decimal(100) if whole.spent_micro else Decimal(0)) == sum(part.percent for part in parts)
    assert len({part.key for part in parts}) == len(parts)


@given(any_rows())
def test_what_has_no_label_is_what_the_labels_leave(rows: list[Row]) -> None:
    """A breakdown out of the rows that have one, and of what is left, is that of all rows."""
    named = [row for row in rows if row.user is not None]

    expected = {part.key: part for part in breakdown(rows, "user") if part.key or _something(part.sums)}
    found = {part.key: part for part in breakdown([*named, *rest(rows, named)], "user")}

    assert expected.keys() == found.keys()
    for key, part in expected.items():
        assert part.percent == found[key].percent
        assert replace(part.sums, quantity=Decimal(0)) == replace(found[key].sums, quantity=Decimal(0))


def _something(sums: Sums) -> bool:
    return any((sums.charged_micro, sums.refunded_micro, sums.operations, sums.sessions))


ROWS = [
    row(
        "chat",
        6,
        user="ann",
        meter="tokens",
        day=6,
        hour=23,
        operations=4,
        sessions=1,
        session="s1",
        quantity=Decimal("1.5"),
    ),
    row("chat", 2, user="bob", meter="images", day=7, hour=0, operations=0, metadata="blue"),
    row("gpu", 5, day=7, hour=0, refunded=1, operations=3, purpose="training"),
]
"""On a Sunday and on the Monday after it."""


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("service", "chat 66.67, gpu 33.33"),
        ("meter", "tokens 50.00, images 16.67, None 33.33"),
        ("user", "ann 50.00, bob 16.67, None 33.33"),
        ("purpose", "training 33.33, None 66.67"),
        ("session", "s1 50.00, None 50.00"),
        ("metadata", "blue 16.67, None 83.33"),
        ("hour", "2026-03-08T23 50.00, 2026-03-09T00 50.00"),
        ("day", "2026-03-08 50.00, 2026-03-09 50.00"),
        ("week", "2026-W10 50.00, 2026-W11 50.00"),
        ("month", "2026-03 100.00"),
    ],
)
def test_parts_are_named_and_ordered(by: str, expected: str) -> None:
    """Times as they passed, all else from the most to the least, and last what has no name."""
    assert expected == ", ".join(f"{part.key} {part.percent}" for part in breakdown(ROWS, by))


def test_a_week_belongs_to_the_year_of_its_thursday() -> None:
    """The first days of 2027 are in the last week of 2026, and that week is one part."""
    days = [row(day=(at - MONDAY).days) for at in (date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 4))]

    assert ["2026-W53 66.67", "2027-W01 33.33"] == [f"{part.key} {part.percent}" for part in breakdown(days, "week")]


def test_sums_have_what_was_charged_and_what_came_back() -> None:
    chat, gpu = (part.sums for part in breakdown(ROWS, "service"))

    assert (8 * MICRO, 0, Decimal("1.5"), 1) == (chat.spent_micro, chat.refunded_micro, chat.quantity, chat.sessions)
    assert (4 * MICRO, 5 * MICRO, 1 * MICRO) == (gpu.spent_micro, gpu.charged_micro, gpu.refunded_micro)


@pytest.mark.parametrize(("micro", "operations", "expected"), [(10, 4, 3), (9, 4, 2), (0, 4, 0), (10, 0, None)])
def test_cost_per_operation_is_rounded_to_the_nearest(micro: int, operations: int, expected: int | None) -> None:
    only = Row(day=row().day, hour=0, service="chat", credits_micro=micro, operations=operations)

    assert expected == total([only]).cost_per_operation_micro


@pytest.mark.parametrize(("spent", "days", "expected"), [(70, 7, 10), (10, 4, 3), (9, 4, 2), (0, 30, 0)])
def test_an_average_day_is_over_all_days(spent: int, days: int, expected: int) -> None:
    assert expected == average_per_day(spent, days)


def test_movers_are_what_changed_most_in_credits() -> None:
    """The largest first; what did not change is none."""
    before = [row("chat", 10), row("gpu", 8), row("store", 3), row("mail", 4)]
    now = [row("chat", 20), row("gpu", 2), row("video", 5), row("mail", 4)]

    said = [(m.key, m.change, m.difference_micro // MICRO, str(m.percent)) for m in movers(now, before)]

    assert [
        ("chat", "up", 10, "100.00"),
        ("gpu", "down", -6, "-75.00"),
        ("video", "new", 5, "None"),
        ("store", "gone", -3, "-100.00"),
    ] == said


@given(any_rows(), any_rows(), st.integers(1, 5))
def test_movers_are_mirrored_where_the_periods_are(now: list[Row], before: list[Row], limit: int) -> None:
    opposite = {"up": "down", "down": "up", "new": "gone", "gone": "new"}

    def told(found: list[Mover]) -> list[tuple[str | None, str, int]]:
        return [(mover.key, mover.change, mover.difference_micro) for mover in found]

    mirrored = [(key, opposite[change], -amount) for key, change, amount in told(movers(before, now, limit=limit))]
    assert mirrored == told(movers(now, before, limit=limit))


def test_movers_of_two_periods_explain_their_difference() -> None:
    before, now = [row("chat", 10), row("gpu", 8)], [row("gpu", 9), row("store", 1)]

    assert total(now).spent_micro - total(before).spent_micro == sum(m.difference_micro for m in movers(now, before))
