"""Which step follows which, and the lines of what came back."""

from datetime import UTC, datetime

import pytest

from ledger.book.commands import MoneyLine
from ledger.payments.disputes.rules import (
    Stage,
    Step,
    credits_of,
    earlier,
    given_back,
    in_order,
    next_step,
    recovered,
)
from ledger.payments.money.movements import Movement

AT = datetime(2026, 1, 31, tzinfo=UTC)


def moved(name: str, category: str, amount: int, fee: int = 0) -> Movement:
    return Movement(name, "adjustment", category, amount, fee, amount - fee, "USD", "du_1", None, AT)


OUT = moved("txn_out", "dispute", -5_000, 1_500)
BACK = moved("txn_back", "dispute_reversal", 5_000)
FEE = moved("txn_fee", "fee", -1_500)


@pytest.mark.parametrize(
    ("status", "movements", "stage", "step"),
    [
        ("warning_needs_response", [], Stage(None, None, {}), None),
        ("needs_response", [OUT], Stage(None, None, {}), Step("open", OUT)),
        ("under_review", [OUT, FEE], Stage(3, None, {"txn_out": 3}), Step("fee", FEE)),
        ("won", [OUT, BACK], Stage(None, None, {}), Step("open", OUT)),
        ("won", [OUT, BACK], Stage(3, None, {"txn_out": 3}), Step("win", BACK)),
        ("won", [OUT, BACK], Stage(3, 4, {"txn_out": 3, "txn_back": 4}), None),
        ("lost", [OUT], Stage(3, None, {"txn_out": 3}), Step("lose")),
        ("lost", [OUT], Stage(3, 4, {"txn_out": 3}), None),
        ("won", [OUT, BACK], Stage(3, 4, {"txn_out": 3}), Step("recover", BACK)),
        ("lost", [], Stage(None, None, {}), None),
    ],
)
def test_the_next_step_is_the_first_that_is_not_in_the_book(
    status: str, movements: list[Movement], stage: Stage, step: Step | None
) -> None:
    assert step == next_step(status, movements, stage)


def test_the_credits_of_a_withdrawal_are_its_part_of_what_is_left() -> None:
    assert 300 == credits_of(3_000, 5_000, 500, 0)
    assert 166 == credits_of(1_666, 5_000, 500, 0)
    assert 100 == credits_of(3_000, 5_000, 500, 400)


def test_what_is_missing_of_what_came_back_is_lost() -> None:
    line = MoneyLine("stripe_clearing", "dispute_receivable", "USD", 5_000)
    assert (line,) == given_back(BACK, 5_000)
    assert (line, MoneyLine("loss:dispute", "dispute_receivable", "USD", 500)) == given_back(BACK, 5_500)
    assert (line, MoneyLine("dispute_receivable", "loss:dispute", "USD", 500)) == given_back(BACK, 4_500)
    assert (MoneyLine("stripe_clearing", "loss:dispute", "USD", 5_000),) == recovered(BACK)


def test_an_old_status_does_not_come_after_a_later_one() -> None:
    assert "under_review" in earlier("won")
    assert "won" not in earlier("under_review")
    assert {"won", "lost"} <= set(earlier("a status of next year"))


def test_fees_come_last_and_nothing_comes_twice() -> None:
    assert [OUT, BACK, FEE] == in_order([OUT, BACK], [FEE, OUT, FEE])
