"""What declines mean, and how long they are waited for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.refill.rules.outcomes import AUTHENTICATE, DEAD, PAUSES, meaning, pause_after

DECLINES = [
    # code, decline_code, advice_code, meaning
    ("card_declined", "insufficient_funds", "try_again_later", "soft"),
    ("card_declined", "insufficient_funds", None, "soft"),
    ("card_declined", "generic_decline", None, "soft"),
    ("card_declined", "do_not_honor", None, "soft"),
    ("card_declined", "generic_decline", "do_not_try_again", "hard"),
    ("card_declined", "lost_card", None, "hard"),
    ("card_declined", "stolen_card", None, "hard"),
    ("card_declined", "fraudulent", "do_not_try_again", "hard"),
    # Codes that stand alone: Stripe names them at the top.
    ("expired_card", None, None, "hard"),
    ("expired_card", "expired_card", None, "hard"),
    ("incorrect_cvc", "incorrect_cvc", "confirm_card_data", "hard"),
    ("processing_error", "processing_error", None, "soft"),
    # Advice goes before the code, in both directions.
    ("card_declined", "insufficient_funds", "confirm_card_data", "hard"),
    ("card_declined", "restricted_card", "try_again_later", "soft"),
    # Only its holder can do something, whatever else is said.
    ("authentication_required", "authentication_required", None, "action"),
    ("card_declined", "authentication_required", None, "action"),
    ("authentication_required", None, "try_again_later", "action"),
    ("payment_intent_authentication_failure", None, None, "action"),
    # What is in no table.
    ("card_declined", "a_code_of_next_year", None, "soft"),
    ("card_declined", "lost_card", "advice_of_next_year", "soft"),
    (None, None, None, "soft"),
]


@pytest.mark.parametrize(("code", "decline", "advice", "expected"), DECLINES)
def test_declines(code: str | None, decline: str | None, advice: str | None, expected: str) -> None:
    assert expected == meaning(code, decline, advice)


def test_no_code_means_two_things() -> None:
    assert frozenset() == DEAD & AUTHENTICATE


CODES = st.none() | st.sampled_from(sorted(DEAD | AUTHENTICATE | {"card_declined", "do_not_honor", "x"}))


@given(CODES, CODES)
def test_try_again_later_is_never_hard_and_do_not_never_soft(code: str | None, decline: str | None) -> None:
    assert "hard" != meaning(code, decline, "try_again_later")
    assert "soft" != meaning(code, decline, "do_not_try_again")


def test_two_more_tries_an_hour_and_a_day_later() -> None:
    assert [timedelta(hours=1), timedelta(days=1), None, None] == [pause_after(tries) for tries in range(1, 5)]
    assert 2 == len(PAUSES)
    with pytest.raises(AssertionError):
        pause_after(0)
