"""What a declined charge means, and when it is tried again. Pure.

Stripe's advice goes before the decline code. What is in no table is taken as soft: few tries, long apart.
"""

from datetime import timedelta
from typing import Final, Literal

Meaning = Literal["soft", "hard", "action"]
"""soft: another try may go well; hard: this card never will; action: its holder has to do something."""

AUTHENTICATE: Final = frozenset(["authentication_required", "payment_intent_authentication_failure"])

DEAD: Final = frozenset(
    [
        "account_closed",
        "bank_account_restricted",
        "card_not_supported",
        "currency_not_supported",
        "debit_not_authorized",
        "expired_card",
        "fraudulent",
        "highest_risk_level",
        "incorrect_cvc",
        "incorrect_number",
        "invalid_account",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
        "transaction_not_allowed",
    ]
)
"""Codes that say that the same card will be declined again: Stripe's own retries leave them alone, or its holder has to
enter it anew."""

HARD_ADVICE: Final = frozenset(["do_not_try_again", "confirm_card_data"])

PAUSES: Final = (timedelta(hours=1), timedelta(hours=24))
"""Before the second try and the third, which is the last."""

FAILURES_MAX: Final = 3
"""So many in a row, and auto-refill is paused until a person resumes it."""

CARD_REST: Final = timedelta(days=1)
"""For how long a card rests that was declined ``FAILURES_MAX`` times in a row, in whatever wallet."""


def meaning(code: str | None, decline_code: str | None, advice_code: str | None) -> Meaning:
    """What a decline means, by the fields of Stripe's error."""
    if AUTHENTICATE & {code, decline_code}:
        return "action"
    if advice_code is not None:
        return "hard" if advice_code in HARD_ADVICE else "soft"
    return "hard" if DEAD & {code, decline_code} else "soft"


def pause_after(tries: int) -> timedelta | None:
    """How long to wait after so many declined tries; None where that was the last."""
    assert tries > 0, "nothing was declined yet"
    return PAUSES[tries - 1] if tries <= len(PAUSES) else None
