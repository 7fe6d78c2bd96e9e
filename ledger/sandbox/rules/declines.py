"""Why a payment is declined: what the API says of each reason.

``advice`` is what to do next, and ``network_code`` what the card's network answered; Stripe's own refusals, and those
for want of authentication, never reached a network.
"""

from typing import Final, NamedTuple


class Decline(NamedTuple):
    """A reason. ``code`` is the error's; ``decline_code`` the issuer's reason, as far as there is one."""

    code: str
    decline_code: str | None
    message: str
    advice: str | None = None
    network_code: str | None = None
    blocked: bool = False


_DECLINED: Final = "Your card was declined."

DECLINES: Final = {
    "generic_decline": Decline("card_declined", "generic_decline", _DECLINED, "try_again_later", "05"),
    "insufficient_funds": Decline(
        "card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later", "51"
    ),
    "lost_card": Decline("card_declined", "lost_card", _DECLINED, "do_not_try_again", "41"),
    "stolen_card": Decline("card_declined", "stolen_card", _DECLINED, "do_not_try_again", "43"),
    "expired_card": Decline("expired_card", "expired_card", "Your card has expired.", "confirm_card_data", "54"),
    "incorrect_cvc": Decline(
        "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data", "N7"
    ),
    "incorrect_number": Decline(
        "incorrect_number", "incorrect_number", "Your card number is incorrect.", "confirm_card_data", "14"
    ),
    "processing_error": Decline(
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "try_again_later",
        "96",
    ),
    "card_velocity_exceeded": Decline(
        "card_declined",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        "try_again_later",
        "65",
    ),
    "fraudulent": Decline("card_declined", "fraudulent", _DECLINED, "do_not_try_again", blocked=True),
    "authentication_required": Decline(
        "authentication_required",
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
    "account_closed": Decline("account_closed", None, "The customer's bank account has been closed."),
    "insufficient_bank_funds": Decline(
        "payment_intent_payment_attempt_failed",
        "insufficient_funds",
        "The customer's account has insufficient funds to cover this payment.",
    ),
    "debit_not_authorized": Decline(
        "debit_not_authorized", None, "The customer has notified their bank that this payment was unauthorized."
    ),
}
"""By the name of the reason."""
