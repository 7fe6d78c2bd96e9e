"""Amounts: what is read is what is shown, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidAmount
from ledger.kit.money import AMOUNT_MAX, CREDIT, format_amount, parse_amount, scale_of

ASSETS = st.sampled_from([CREDIT, "USD", "JPY", "KWD"])


@given(st.integers(1, AMOUNT_MAX), ASSETS)
def test_what_is_shown_is_read_back(amount: int, asset: str) -> None:
    assert amount == parse_amount(format_amount(amount, asset), asset)


@given(st.integers(-(2**62), 2**62), ASSETS)
def test_money_has_all_its_decimals_and_credits_none_to_spare(amount: int, asset: str) -> None:
    shown = format_amount(amount, asset)
    decimals = shown.partition(".")[2]

    if asset == CREDIT:
        assert not decimals.endswith("0")
    else:
        assert scale_of(asset) == len(decimals)


@pytest.mark.parametrize(
    ("given_", "asset", "expected"),
    [
        ("45.6", CREDIT, 45_600_000),
        ("0.000001", CREDIT, 1),
        (500, CREDIT, 500_000_000),
        ("50.00", "USD", 5_000),
        ("50.5", "USD", 5_050),
        (50, "USD", 5_000),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1_234),
        ("1000000000000", CREDIT, AMOUNT_MAX),
    ],
)
def test_amounts_are_read_by_the_scale_of_their_asset(given_: str | int, asset: str, expected: int) -> None:
    assert expected == parse_amount(given_, asset)


@pytest.mark.parametrize(
    "bad",
    [
        "0",
        "0.0",
        "-1",
        "-0",
        "+1",
        "1.",
        ".5",
        "01",
        "00",
        "1e3",
        "1E3",
        "NaN",
        "inf",
        "Infinity",
        "0x10",
        "1_000",
        "1,000",
        "١",
        "1.0000001",
        "1000000000000.000001",
        "9223372036854775808",
    ]
    + ["", " ", "1 ", " 1", "1\n", "\x001", "1" * 400, 0, -1, 2**63, 10**30, True, False],
)
def test_everything_else_is_refused_and_named(bad: str | int) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_amount(bad, path="items[3].amount")

    assert caught.value.errors[0]["path"] == "items[3].amount"
    assert len(caught.value.detail) < 200
