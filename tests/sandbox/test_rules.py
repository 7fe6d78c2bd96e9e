"""The rules by themselves: what cards do, amounts, and what an update says of before."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sandbox.rules import changes, money, payments
from ledger.sandbox.rules.cards import ACCOUNTS, BY_NAME, CARDS, is_card_number
from ledger.sandbox.rules.payments import Attempt
from ledger.sandbox.rules.payouts import next_midnight
from ledger.sandbox.webhooks.mishaps import Mishap, Mishaps

RATES = {"usd": Decimal(1), "jpy": Decimal(150), "kwd": Decimal("0.307")}


@pytest.mark.parametrize(
    ("card", "off_session", "authenticated", "set_up", "outcome"),
    [
        ("visa", False, False, False, "approved"),
        ("visa", True, False, False, "approved"),
        ("chargeDeclined", False, False, False, "declined"),
        ("authenticationRequiredOnSetup", False, False, True, "asks"),
        ("authenticationRequiredOnSetup", False, True, False, "approved"),
        ("authenticationRequiredOnSetup", True, False, False, "declined"),
        ("authenticationRequiredOnSetup", True, False, True, "approved"),
        ("authenticationRequired", True, False, True, "declined"),
        ("authenticationRequired", False, True, False, "approved"),
        ("authenticationRequiredSetupForOffSession", True, False, False, "approved"),
        ("authenticationRequiredSetupForOffSession", False, False, False, "asks"),
        ("authenticationRequiredChargeDeclinedInsufficientFunds", False, False, False, "asks"),
        ("authenticationRequiredChargeDeclinedInsufficientFunds", False, True, False, "declined"),
        ("authenticationRequiredChargeDeclinedInsufficientFunds", True, False, True, "declined"),
        ("chargeCustomerFail", True, False, True, "declined"),
    ],
)
def test_what_a_card_does(card: str, off_session: bool, authenticated: bool, set_up: bool, outcome: str) -> None:
    attempt = Attempt(BY_NAME[f"pm_card_{card}"], off_session=off_session, authenticated=authenticated, set_up=set_up)
    assert outcome == payments.pay(attempt).outcome


def test_declined_cards_are_declined_when_they_are_saved() -> None:
    """But for those that exist to be saved first."""
    saved = [
        card.names[0] for card in CARDS if card.decline and payments.set_up(card, authenticated=True).decline is None
    ]
    assert ["chargeCustomerFail", "authenticationRequiredChargeDeclinedInsufficientFunds"] == saved


def test_numbers_of_test_cards_are_numbers_of_cards() -> None:
    assert all(is_card_number(card.number) for card in CARDS)
    assert not any(is_card_number(text) for text in ("4242424242424241", "", "42", "4242 4242", "٤٢٤٢٤٢٤٢٤٢٤٢"))
    assert {"paying", "failing", "waiting"} == {
        "waiting" if one.never else "failing" if one.decline else "paying" for one in ACCOUNTS
    }


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1050, "usd", "$10.50"),
        (-5, "usd", "-$0.05"),
        (123456789, "usd", "$1,234,567.89"),
        (1500, "jpy", "¥1,500"),
        (3070, "kwd", "3.070 KWD"),
    ],
)
def test_amounts_are_shown(amount: int, currency: str, shown: str) -> None:
    assert shown == money.shown(amount, currency)


@pytest.mark.parametrize(("target", "amount"), [("usd", 1000), ("jpy", 1500), ("kwd", 3070)])
def test_amounts_are_exchanged(target: str, amount: int) -> None:
    """Ten dollars, in smallest units of each."""
    assert amount == money.exchanged(1000, "usd", target, RATES)


def test_the_fee_is_rounded_to_the_nearest() -> None:
    fees = {amount: money.fee(amount, Decimal("2.9"), 30) for amount in (1000, 1050, 50, 10_000)}
    assert {1000: 59, 1050: 60, 50: 31, 10_000: 320} == fees


def test_an_update_says_what_was_before() -> None:
    """Of nested objects the changed members, of lists all, of new members null."""
    before: dict[str, Any] = {"a": 1, "b": {"x": 1, "y": 2}, "c": [1, 2], "d": None}
    after: dict[str, Any] = {"a": 1, "b": {"x": 1, "y": 3, "z": 4}, "c": [1], "d": 5}
    assert {"b": {"y": 2, "z": None}, "c": [1, 2], "d": None} == changes.previous(before, after)


texts = st.text(min_size=1, max_size=3)
notes = st.dictionaries(texts, texts, max_size=4)


@given(notes, notes)
def test_notes_are_added_and_removed(old: dict[str, str], new: dict[str, str]) -> None:
    """An empty one removes, all are removed by an empty string."""
    assert {**old, **new} == changes.noted(old, new)
    assert {} == changes.noted(old, "") == changes.noted(old, dict.fromkeys(old, ""))


def test_midnight_is_the_next_one() -> None:
    assert 86_400.0 == next_midnight(0) == next_midnight(86_399.9)
    assert 2 * 86_400.0 == next_midnight(86_400)


def test_mishaps_strike_the_next_ones() -> None:
    """So many, and no more."""
    mishaps = Mishaps()
    mishaps.set({"drop": Mishap(times=2)})
    assert [True, True, False] == [mishaps.strikes("drop") for _ in range(3)]
    assert not mishaps.strikes("twin")
