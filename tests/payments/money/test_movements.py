"""Each movement of Stripe's balance, and its lines: what they do to the clearing account is what Stripe says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.book.chart import knows
from ledger.book.commands import MoneyLine
from ledger.payments.money.movements import CHARGE, OTHER_SIDE, lines_of, movement_of


def told(category: str, amount: int, fee: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": "txn_1",
        "type": "adjustment",
        "reporting_category": category,
        "amount": amount,
        "fee": fee,
        "net": amount - fee,
        "currency": "usd",
        "source": "ch_1",
        "description": None,
        "created": 1_770_000_000,
    } | more


@pytest.mark.parametrize(
    ("movement", "lines"),
    [
        (told("charge", 5_000, 175), [("stripe_fees", "stripe_clearing", 175)]),
        (told("charge", 5_000), []),
        (told("refund", -2_000), [("refund_payable", "stripe_clearing", 2_000)]),
        (told("refund_failure", 2_000), [("stripe_clearing", "refund_payable", 2_000)]),
        (
            told("dispute", -5_000, 1_500),
            [("dispute_receivable", "stripe_clearing", 5_000), ("dispute_fees", "stripe_clearing", 1_500)],
        ),
        (told("dispute_reversal", 5_000), [("stripe_clearing", "dispute_receivable", 5_000)]),
        (told("fee", -1_500, source="du_1"), [("dispute_fees", "stripe_clearing", 1_500)]),
        (told("fee", 1_500, source={"id": "dp_1"}), [("stripe_clearing", "dispute_fees", 1_500)]),
        (told("fee", -99, description="Radar"), [("stripe_fees", "stripe_clearing", 99)]),
        (told("payout", -700), [("bank", "stripe_clearing", 700)]),
        (told("payout_reversal", 700), [("stripe_clearing", "bank", 700)]),
    ],
)
def test_lines(movement: dict[str, Any], lines: list[tuple[str, str, int]]) -> None:
    assert [MoneyLine(debit, credit, "USD", amount) for debit, credit, amount in lines] == [
        *lines_of(movement_of(movement))
    ]


@given(category=st.sampled_from([*OTHER_SIDE]), amount=st.integers(-(10**9), 10**9), fee=st.integers(-(10**6), 10**6))
def test_lines_move_what_stripe_moves(category: str, amount: int, fee: int) -> None:
    """All of the net; of a charge all but its amount, which the purchase books. Accounts are those of the chart."""
    moved = 0
    for line in lines_of(movement_of(told(category, amount, fee))):
        assert knows(line.debit, "USD")
        assert knows(line.credit, "USD")
        assert line.amount > 0
        moved += line.amount * ((line.debit == "stripe_clearing") - (line.credit == "stripe_clearing"))
    assert moved == (-fee if category == CHARGE else amount - fee)


def test_what_is_not_known_is_not_booked() -> None:
    assert not movement_of(told("topup", 100)).known
